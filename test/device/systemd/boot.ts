/** One life of the container, from power on to power off. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { handOver, raised } from '../network';
import { check } from '../processes';
import type { HostMethods, InsideMethods, RunResult } from '../protocol';
import { Channel } from '../rpc';
import { type Groups, makeGroups, removeGroup } from './groups';
import type { SocketMethods, SupervisorPlan } from './protocol';
import { node } from './tree';

/** Where this project is seen inside, and the folder shared with the host. */
export const projectInside = '/opt/project';
const sharedInside = '/opt/shared';

/** How long systemd may take to start everything, in milliseconds. */
const bootMs = 60_000;

/** systemd-nspawn ends with it when the device has been rebooted from inside. */
const rebooted = 133;

export class Boot {
  /** Resolves when everything has started. Rejects when it does not come to that. */
  readonly ready: Promise<Channel<InsideMethods>>;
  /** Resolves when all of it is gone: whether it is to be booted again, having rebooted. */
  readonly over: Promise<boolean>;
  private readonly socket: ChildProcess;
  private readonly cables: Channel<SocketMethods>;
  private readonly groups: Promise<Groups>;
  private readonly leader: Promise<number>;
  private container: ChildProcess | undefined;
  private resident: ChildProcess | undefined;
  private inside: Channel<InsideMethods> | undefined;
  private plugged = false;
  private said = '';
  private readonly spawned = new Set<number>();

  constructor(
    private readonly plan: SupervisorPlan,
    /** Runs a program in the neighbour's network. */
    private readonly runNextDoor: (argv: string[]) => Promise<RunResult>,
    private readonly host: HostMethods,
  ) {
    this.socket = spawn('unshare', ['--net', process.execPath, join(__dirname, 'socket.js')], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.cables = new Channel<SocketMethods>(this.socket, {});
    this.socket.on('exit', () => this.cables.lose(new Error("The process that holds the device's network has ended.")));
    this.groups = makeGroups(basename(this.plan.folder));
    this.leader = this.powerOn();
    this.ready = this.comeUp();
    // Whoever waits for `ready` hears of it; a device that is switched off while it boots has nobody who waits.
    this.ready.catch(() => undefined);
    this.over = this.goDown();
  }

  /** The host starts a program with this number, and will be told of its end even if the power is cut. */
  expect(id: number): void {
    this.spawned.add(id);
  }

  /** Tells the inside something it need not answer; nobody hears it when the device has gone down. */
  notify<K extends 'input' | 'kill'>(method: K, ...args: Parameters<InsideMethods[K]>): void {
    this.inside?.notify(method, ...args);
  }

  /** Kills everything at once. Resolves when it is gone. */
  async cut(): Promise<void> {
    const leader = await this.leader;
    kill(leader);
    this.container?.kill('SIGKILL');
    await this.over;
  }

  /** Answers the container's first process, in the supervisor's numbers. */
  private async powerOn(): Promise<number> {
    // A process that answers is past the `unshare`: its namespace is there.
    await this.cables.call('quiet');
    await handOver(this.socket.pid as number);
    this.plugged = true;
    this.container = spawn('sh', [...inGroups((await this.groups).container), ...this.command()], {
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.container.stdout, this.container.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.said = (this.said + data).slice(-4096);
      });
    }
    return this.findLeader(this.container);
  }

  private command(): string[] {
    const { folder, views } = this.plan;
    const binds = Object.entries(views).map(([inside, path]) => `--bind-ro=${escaped(path)}:${inside}`);
    return [
      'systemd-nspawn',
      `--directory=${join(folder, 'root')}`,
      '--machine=smartserver',
      '--boot',
      // There is no system bus here to register at, and no unit to make: the group is this one.
      '--register=no',
      '--keep-unit',
      `--network-namespace-path=/proc/${this.socket.pid}/ns/net`,
      // Only this one above the usual: a device that sets the clock would set the host's.
      '--capability=CAP_NET_ADMIN',
      '--link-journal=no',
      '--resolv-conf=off',
      '--timezone=off',
      '--console=read-only',
      `--bind=${escaped(join(folder, 'shared'))}:${sharedInside}`,
      ...binds,
    ];
  }

  /** systemd-nspawn's only child, once it is systemd. */
  private async findLeader(container: ChildProcess): Promise<number> {
    const { pid } = container;
    while (pid !== undefined && container.exitCode === null && container.signalCode === null) {
      const children = await readGone(`/proc/${pid}/task/${pid}/children`);
      const leader = Number(children.trim());
      if (leader > 0 && (await readGone(`/proc/${leader}/comm`)) === 'systemd\n') return leader;
      await pause(5);
    }
    throw new Error(`The container did not start. ${this.said}`);
  }

  private async comeUp(): Promise<Channel<InsideMethods>> {
    const leader = await this.leader;
    const resident = join(projectInside, 'dist/test/device/systemd/resident.js');
    // Without these a program that sets the clock or loads a module would do so to the host.
    const caps = ['setpriv', '--bounding-set=-sys_time,-sys_module,-sys_rawio', '--inh-caps=-all', '--'];
    // Its parent is systemd: an `nsenter` that waits for it stops for good when systemd, going down, stops everything.
    const enter = ['-t', String(leader), '--all', ...caps, 'setsid', '--fork'];
    // It comes from outside, and its programs are to have no more time than the device.
    const { visitors } = await this.groups;
    this.resident = spawn('sh', [...inGroups(visitors), 'nsenter', ...enter, node, resident, sharedInside], {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.inside = new Channel<InsideMethods>(this.resident, {
      output: (...args: Parameters<HostMethods['output']>) => this.host.output(...args),
      exited: (...args: Parameters<HostMethods['exited']>) => this.exited(...args),
    });
    this.resident.on('disconnect', () => this.inside?.lose(new Error('The device has gone down.')));
    const there = (argv: string[]) => this.inside?.call('run', argv, {}) as Promise<RunResult>;
    await systemdIsUp(there);
    await Promise.all([raised(there), raised(this.runNextDoor)]);
    return this.inside;
  }

  private exited(id: number, code: number | null, signal: string | null): void {
    this.spawned.delete(id);
    this.host.exited(id, code, signal);
  }

  private async goDown(): Promise<boolean> {
    const leader = await this.leader.catch(() => undefined);
    const code = this.container ? await exitCode(this.container) : null;
    // Its end means that nothing is left of the container: the kernel lets it go last.
    while (leader !== undefined && existsSync(`/proc/${leader}`)) await pause(5);
    if (this.resident?.connected) await once(this.resident, 'disconnect');
    for (const id of this.spawned) this.exited(id, null, 'SIGKILL');
    if (this.plugged) await this.cables.call('handOver', process.pid);
    this.socket.kill('SIGKILL');
    await exitCode(this.socket);
    await removeGroup(basename(this.plan.folder));
    return code === rebooted;
  }
}

/** A shell's arguments in front of a program that is to run in these groups. */
function inGroups(folders: readonly string[]): string[] {
  const joining = folders.map((_, at) => `echo $$ >"$${at + 1}/cgroup.procs" && `).join('');
  return ['-c', `${joining}shift ${folders.length} && exec "$@"`, 'sh', ...folders];
}

/** Waits until systemd has started what is to be started, whether all of it came up or not. */
async function systemdIsUp(run: (argv: string[]) => Promise<RunResult>): Promise<void> {
  const argv = ['systemctl', 'is-system-running', '--wait'];
  const deadline = Date.now() + bootMs;
  for (;;) {
    const result = await run(argv);
    const state = result.stdout.trim();
    if (state === 'running' || state === 'degraded') return;
    // At first there is nobody yet to ask.
    if (Date.now() > deadline) check(argv, result);
    await pause(10);
  }
}

/** A file's text, empty once it is gone. */
async function readGone(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

const escaped = (path: string): string => path.replace(/[\\:]/g, '\\$&');

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
