/**
 * The embedded test device: a Linux of its own made of namespaces, with the real ufw, iptables and nginx inside, and
 * a neighbour at the other end of its cables who probes its ports. Opened by root or by an ordinary user.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type IptablesBackend, placeAges, type UfwVersion, ufwTree } from './ages';
import { factoryPolicies, factoryRules } from './factory';
import { makeFolder, place, placeFolder, removeStale } from './folder';
import type { InsideProcess } from './inside-process';
import { type Account, Machine } from './machine';
import { hostVarLib, privateFolders } from './mounts';
import { ensurePackages, unshareArguments } from './packages';
import { type Files, pristine } from './pristine';
import type { InitMethods } from './protocol';
import type { Channel } from './rpc';
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

/** What only the embedded device can be made of. */
export interface EmbeddedOptions extends DeviceOptions {
  /** Default `installed`. */
  ufw?: UfwVersion;
  /** Default `installed`: nft on a fresh Debian. */
  iptables?: IptablesBackend;
}

/** What ufw changes; the rest of `/etc/ufw` is as installed. */
const ufwState = ['/etc/default/ufw', '/etc/ufw/ufw.conf', '/etc/ufw/user.rules', '/etc/ufw/user6.rules'];

export class Device extends Machine {
  /** The host's own: its files are seen inside, at the same paths. */
  readonly node = process.execPath;
  /** This project's own folder. */
  readonly packageFolder = join(__dirname, '..', '..', '..');
  readonly account: Account;
  declare protected readonly init: Channel<InitMethods>;

  /** Opens a device in the wanted state. Rejects with what is missing on this machine, or what went wrong inside. */
  static async open(options: EmbeddedOptions = {}): Promise<Device> {
    await ensurePackages();
    await removeStale();
    return Device.start(await stateOf(options), options);
  }

  private static async start(snapshot: Snapshot, options: EmbeddedOptions): Promise<Device> {
    const { ufw = 'installed', iptables = 'installed' } = options;
    const folder = await makeFolder();
    let device: Device | undefined;
    try {
      const root = join(folder, 'root');
      await fill(root, { ...snapshot.files, ...nginxFiles });
      const ages = await placeAges(root, await ufwTree(ufw), iptables);
      device = new Device(folder);
      await device.init.call('start', { folder, mounts: [...privateFolders, ...ages], kernel: snapshot.kernel });
      return device;
    } catch (error) {
      if (device) await device.close();
      else await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(folder: string) {
    super(folder, startInit(folder));
    // There is no other user where an ordinary one opened the device.
    this.account = { uid: 0, gid: 0, home: folder };
  }

  inside(path: string): string {
    return path;
  }

  /** Makes the web server's certificate, which is signed by itself, unless it is there. */
  async certify(): Promise<typeof certificate> {
    if (!(await this.exists(certificate.cert))) {
      const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '3650'];
      const to = ['-subj', '/CN=smartserver', '-keyout', certificate.key, '-out', certificate.cert];
      await this.ok('openssl', 'req', '-x509', ...kind, ...to);
    }
    return certificate;
  }

  /** Starts nginx with the vendor's site: a redirect on 80, a page on 443. Resolves when it listens. */
  async startNginx(): Promise<void> {
    await this.certify();
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
}

/**
 * What the inside may do of what root may. All of it ends at a namespace of the device's own, or concerns files and
 * processes. The rest does not: who sets the clock, loads a module or restarts the kernel does so to the machine.
 */
const capabilities = [
  ...['chown', 'dac_override', 'fowner', 'fsetid', 'setuid', 'setgid', 'setpcap', 'kill', 'sys_ptrace'],
  ...['net_admin', 'net_raw', 'net_bind_service', 'sys_admin', 'sys_chroot'],
];

/** Starts init in its namespaces. A shell is process 1, because it reaps orphans and Node does not. */
function startInit(folder: string): ChildProcess {
  const bounds = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const bounded = ['setpriv', `--bounding-set=${bounds}`, '--inh-caps=-all', '--'];
  const init = ['sh', '-c', '"$@"; exit $?', 'sh', process.execPath, join(__dirname, 'init.js'), folder];
  return spawn('unshare', [...unshareArguments(), ...bounded, ...init], {
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

/** ufw in the wanted state, made by the real ufw once and remembered. */
export async function stateOf(options: EmbeddedOptions): Promise<Snapshot> {
  const wanted = {
    ipv6: true,
    rules: 'factory',
    active: true,
    ufw: 'installed',
    iptables: 'installed',
    ...options,
  } as const;
  const files = await pristine(wanted.ipv6, await ufwTree(wanted.ufw));
  if (wanted.rules === 'none' && !wanted.active) return { files };
  const key = { wanted, files, factoryPolicies, factoryRules, tools: await tools() };
  const snapshot = await recall(key, () => makeSnapshot(wanted, files));
  return { ...snapshot, files: { ...files, ...snapshot.files } };
}

/** Lets the real ufw make the wanted state, call by call, in a device of its own. */
async function makeSnapshot(wanted: Required<EmbeddedOptions>, files: Files): Promise<Snapshot> {
  const device = await Device.open({ ...wanted, rules: 'none', active: false });
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
