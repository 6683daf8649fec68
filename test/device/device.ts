/**
 * The embedded test device: a Linux of its own made of namespaces, with the real ufw, iptables and nginx inside, and
 * a neighbour at the other end of its cables who knocks on its ports. Opened by root or by an ordinary user.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { factoryPolicies, factoryRules } from './factory';
import { makeFolder, place, placeFolder, removeStale } from './folder';
import { InsideProcess } from './inside-process';
import { type Loopback, openLoopback } from './loopback';
import { hostVarLib, privateFolders } from './mounts';
import { Neighbour } from './neighbour-handle';
import { ensurePackages, unshareArguments } from './packages';
import { type Files, pristine } from './pristine';
import { check } from './processes';
import type { Family, FileStat, HostMethods, InitMethods, Proto, RunOptions, RunResult, Target } from './protocol';
import { Channel } from './rpc';
import { certificate, nginxFiles } from './site';
import { recall, type Snapshot } from './snapshot';

export interface DeviceOptions {
  /** `IPV6=yes` in ufw's settings. Default true. */
  ipv6?: boolean;
  /** The vendor's rules and policies, or ufw as Debian installs it. Default `factory`. */
  rules?: 'factory' | 'none';
  /** Whether the firewall is on. Default true. */
  active?: boolean;
}

/** Something listening, until closed. */
export interface Listener {
  port: number;
  close(): Promise<void>;
}

/** How long a device may take to end by itself, in milliseconds, before it is killed. */
const endMs = 5_000;

/** What ufw changes; the rest of `/etc/ufw` is as installed. */
const ufwState = ['/etc/default/ufw', '/etc/ufw/ufw.conf', '/etc/ufw/user.rules', '/etc/ufw/user6.rules'];

const open = new Set<Device>();

export class Device {
  /** The machine at the other end of the cables. */
  readonly neighbour: Neighbour;
  private readonly child: ChildProcess;
  private readonly init: Channel<InitMethods>;
  private readonly processes = new Map<number, InsideProcess>();
  private readonly loopbacks: Loopback[] = [];
  private readonly ended: Promise<void>;
  private lastProcess = 0;
  private said = '';
  private closing: Promise<void> | undefined;

  /** Opens a device in the wanted state. Rejects with what is missing on this machine, or what went wrong inside. */
  static async open(options: DeviceOptions = {}): Promise<Device> {
    const wanted = { ipv6: true, rules: 'factory', active: true, ...options } as const;
    await ensurePackages();
    await removeStale();
    if (wanted.rules === 'none' && !wanted.active) return Device.start({ files: await pristine(wanted.ipv6) });
    const files = await pristine(wanted.ipv6);
    const key = { wanted, files, factoryPolicies, factoryRules, tools: await tools() };
    const snapshot = await recall(key, () => makeSnapshot(wanted, files));
    return Device.start({ ...snapshot, files: { ...files, ...snapshot.files } });
  }

  private static async start(snapshot: Snapshot): Promise<Device> {
    const folder = await makeFolder();
    let device: Device | undefined;
    try {
      await fill(join(folder, 'root'), { ...snapshot.files, ...nginxFiles });
      device = new Device(folder);
      await device.init.call('start', { folder, mounts: privateFolders, kernel: snapshot.kernel });
      return device;
    } catch (error) {
      if (device) await device.close();
      else await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(
    /** A folder on the host's disk with the same path inside; gone when the device is closed. */
    readonly folder: string,
  ) {
    const child = startInit(folder);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-4096);
    });
    const host: HostMethods = {
      output: (id, stream, data) => this.processes.get(id)?.receive(stream, data),
      exited: (id, code, signal) => this.finish(id, code, signal),
    };
    this.init = new Channel<InitMethods>(child, host);
    this.neighbour = new Neighbour(this.init);
    // Not 'close': that never comes when it was this end that closed the channel.
    this.ended = Promise.all([once(child, 'exit'), once(child.stderr as Readable, 'close')]).then(() => this.lose());
    this.child = child;
    open.add(this);
  }

  /** Runs a program to its end. Rejects only when the device is gone. */
  run(argv: string[], options: RunOptions = {}): Promise<RunResult> {
    return this.init.call('run', argv, options);
  }

  /** Runs a program that has to exit with 0, and answers its stdout. */
  async ok(...argv: string[]): Promise<string> {
    return check(argv, await this.run(argv));
  }

  /** Runs `ufw` in English and answers what it printed. Throws unless it exits with 0. */
  async ufw(...args: string[]): Promise<string> {
    const argv = ['ufw', ...args];
    return check(argv, await this.run(argv, { env: { LC_ALL: 'C' } }));
  }

  /** Starts a program and leaves it running; it ends with the device at the latest. Rejects when it cannot be started. */
  async spawn(argv: string[], options: RunOptions = {}): Promise<InsideProcess> {
    this.lastProcess += 1;
    const id = this.lastProcess;
    const inside = new InsideProcess(this.init, id);
    this.processes.set(id, inside);
    try {
      inside.pid = await this.init.call('spawn', id, argv, options);
    } catch (error) {
      this.processes.delete(id);
      throw error;
    }
    return inside;
  }

  /** A file's text. Rejects with the code `ENOENT` when there is none. */
  read(path: string): Promise<string> {
    return this.init.call('read', path);
  }

  /** Writes a file in place; with `mode` also sets its permission bits. */
  write(path: string, text: string, mode?: number): Promise<void> {
    return this.init.call('write', path, text, mode);
  }

  /** What `lstat` tells. Rejects with the code `ENOENT` when there is nothing. */
  stat(path: string): Promise<FileStat> {
    return this.init.call('stat', path);
  }

  /** Whether there is anything at a path. */
  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Removes a file, or a folder with all that is in it; content with there being nothing. */
  remove(path: string): Promise<void> {
    return this.init.call('remove', path);
  }

  /** The kernel's filter table as `iptables-save` prints it, without comments and with counters at zero. */
  async save(family: Family): Promise<string> {
    const text = await this.ok(family === 'ipv4' ? 'iptables-save' : 'ip6tables-save', '-t', 'filter');
    return text.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '[0:0]');
  }

  /** Knocks on the neighbour's ports, all at once: whether the device's packets got out. */
  async outward(targets: Target[]): Promise<('out' | 'filtered')[]> {
    const answers = await this.init.call('outward', targets);
    return answers.map((answered) => (answered ? 'out' : 'filtered'));
  }

  /** Listens on all the device's addresses and sends back what comes. Port 0 is any free one. */
  async listen(proto: Proto, port: number): Promise<Listener> {
    const listening = await this.init.call('listen', proto, port);
    return { port: listening.port, close: () => this.init.call('unlisten', listening.id) };
  }

  /** Starts nginx with the vendor's site: a redirect on 80, a page on 443. Resolves when it listens. */
  async startNginx(): Promise<void> {
    if (!(await this.exists(certificate.cert))) {
      const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '3650'];
      const to = ['-subj', '/CN=smartserver', '-keyout', certificate.key, '-out', certificate.cert];
      await this.ok('openssl', 'req', '-x509', ...kind, ...to);
    }
    // nginx goes to the background, and does so after it has bound its ports.
    await this.ok('nginx');
  }

  /** Starts the mosquitto broker on 1883, for anybody. Resolves when it listens. */
  async startMosquitto(): Promise<InsideProcess> {
    const config = '/run/mosquitto.conf';
    await this.write(config, 'listener 1883\nallow_anonymous true\npersistence false\nuser root\nlog_dest stderr\n');
    const broker = await this.spawn(['mosquitto', '-c', config]);
    await broker.until(/mosquitto version \S+ running/);
    return broker;
  }

  /**
   * Brings a TCP port of the device's loopback to 127.0.0.1 of the host: on the preferred port or the next free one
   * above it, or on any when that is 0.
   */
  async forward(devicePort: number, preferred = 0): Promise<Loopback> {
    const { id, path } = await this.init.call('forward', devicePort);
    const loopback = await openLoopback(path, preferred);
    this.loopbacks.push(loopback);
    const close = async () => {
      await loopback.close();
      await this.init.call('unlisten', id);
    };
    return { port: loopback.port, close };
  }

  /** Ends everything inside and removes everything outside. May be called again. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  /** Closes what is still open: for a hook after tests, since a test that ran out of time may have left its device. */
  static async closeAll(): Promise<void> {
    await Promise.all([...open].map((device) => device.close()));
  }

  /** What can still be done while the host's process exits. */
  drop(): void {
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async end(): Promise<void> {
    await Promise.all(this.loopbacks.map((loopback) => loopback.close()));
    if (this.child.connected) this.child.disconnect();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), endMs);
    await this.ended;
    clearTimeout(timer);
    await rm(this.folder, { recursive: true, force: true });
    open.delete(this);
  }

  private lose(): void {
    this.init.lose(new Error(`The device has ended. ${this.said}`));
    for (const id of [...this.processes.keys()]) this.finish(id, null, 'SIGKILL');
  }

  private finish(id: number, code: number | null, signal: string | null): void {
    this.processes.get(id)?.finish({ code, signal });
    this.processes.delete(id);
  }
}

process.on('exit', () => {
  for (const device of open) device.drop();
});

/** Starts init in its namespaces. A shell is process 1, because it reaps orphans and Node does not. */
function startInit(folder: string): ChildProcess {
  const init = ['sh', '-c', '"$@"; exit $?', 'sh', process.execPath, join(__dirname, 'init.js'), folder];
  return spawn('unshare', [...unshareArguments(), ...init], {
    cwd: '/',
    // Out of the terminal's reach: on Ctrl-C it is for the device's owner to end it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
}

/** Puts the device's files where they will be mounted from. */
async function fill(root: string, files: Files): Promise<void> {
  await Promise.all(privateFolders.map((folder) => placeFolder(root, folder)));
  for (const folder of ['/var/log/nginx', '/var/lib/nginx', '/etc/nginx/ssl', '/etc/nginx/conf.d']) {
    await placeFolder(root, folder);
  }
  await placeFolder(root, '/var/lib/smartserver-firewall');
  for (const name of await readdir('/var/lib')) {
    if (name !== 'nginx' && name !== 'smartserver-firewall') {
      await symlink(join(hostVarLib, name), join(root, '/var/lib', name));
    }
  }
  for (const [path, { text, mode }] of Object.entries(files)) await place(root, path, text, mode);
  await placeFolder(root, '/etc/nginx/sites-enabled');
  await symlink('/etc/nginx/sites-available/apollo.conf', join(root, '/etc/nginx/sites-enabled/apollo.conf'));
}

/** Lets the real ufw make the wanted state, call by call, in a device of its own. */
async function makeSnapshot(wanted: Required<DeviceOptions>, files: Files): Promise<Snapshot> {
  const device = await Device.open({ ipv6: wanted.ipv6, rules: 'none', active: false });
  try {
    const commands = wanted.rules === 'factory' ? [...factoryPolicies, ...factoryRules] : [];
    for (const command of commands) await device.ufw(...command.split(' '));
    if (wanted.active) await device.ufw('--force', 'enable');
    const changed: Files = {};
    for (const path of ufwState) {
      changed[path] = { text: await device.read(path), mode: files[path]?.mode ?? 0o644 };
    }
    if (!wanted.active) return { files: changed };
    return { files: changed, kernel: { ipv4: await device.save('ipv4'), ipv6: await device.save('ipv6') } };
  } finally {
    await device.close();
  }
}

/** What a snapshot depends on besides the rules: the versions of ufw and iptables. */
async function tools(): Promise<string[]> {
  const iptables = await promisify(execFile)('/usr/sbin/iptables', ['--version']);
  const ufw = await readFile('/var/lib/dpkg/info/ufw.md5sums', 'utf8');
  return [iptables.stdout, await realpath('/usr/sbin/iptables'), ufw];
}
