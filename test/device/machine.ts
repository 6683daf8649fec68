/** What both kinds of test device have in common: what a test can do with one, whatever it is made of. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { InsideProcess } from './inside-process';
import { type Loopback, openLoopback } from './loopback';
import { Neighbour } from './neighbour-handle';
import { check } from './processes';
import type { Family, FileStat, HostMethods, MachineMethods, Proto, RunOptions, RunResult, Target } from './protocol';
import { Channel } from './rpc';

/** Something listening, until closed. */
export interface Listener {
  port: number;
  close(): Promise<void>;
}

/** A user of the device's. */
export interface Account {
  uid: number;
  gid: number;
  /** As a path inside; what is his is kept there. */
  home: string;
}

/** How long a device may take to end by itself, in milliseconds, before it is killed. */
const endMs = 5_000;

const open = new Set<Machine>();

export abstract class Machine {
  /** The Node.js program, as a path inside. */
  abstract readonly node: string;
  /** This package as installed, as a path inside. */
  abstract readonly packageFolder: string;
  /** Who runs Node-RED on the device. */
  abstract readonly account: Account;
  /** The machine at the other end of the cables. */
  readonly neighbour: Neighbour;
  protected readonly init: Channel<MachineMethods>;
  private readonly child: ChildProcess;
  private readonly processes = new Map<number, InsideProcess>();
  private readonly loopbacks: Loopback[] = [];
  private readonly ended: Promise<void>;
  private lastProcess = 0;
  private said = '';
  private closing: Promise<void> | undefined;

  /** `child` is the device's first process: it answers calls, and ends the device when its channel is closed. */
  protected constructor(
    /** A folder on the host's disk; gone when the device is closed. */
    readonly folder: string,
    child: ChildProcess,
  ) {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-4096);
    });
    const host: HostMethods = {
      output: (id, stream, data) => this.processes.get(id)?.receive(stream, data),
      exited: (id, code, signal) => this.finish(id, code, signal),
    };
    this.init = new Channel<MachineMethods>(child, host);
    this.neighbour = new Neighbour(this.init);
    // Not 'close': that never comes when it was this end that closed the channel.
    this.ended = Promise.all([once(child, 'exit'), once(child.stderr as Readable, 'close')]).then(() => this.lose());
    this.child = child;
    open.add(this);
  }

  /** Where a file of this project (compiled code, or below `node_modules`) is inside. */
  abstract inside(path: string): string;

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

  /** Runs a program to its end as another user than root. */
  async runAs(user: string, argv: string[], options: RunOptions = {}): Promise<RunResult> {
    return this.run(argv, await this.as(user, options));
  }

  /** Starts a program as another user than root and leaves it running. */
  async spawnAs(user: string, argv: string[], options: RunOptions = {}): Promise<InsideProcess> {
    return this.spawn(argv, await this.as(user, options));
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

  /** Probes the neighbour's ports, all at once: whether the device's packets got out. */
  async outward(targets: Target[]): Promise<('out' | 'filtered')[]> {
    const answers = await this.init.call('outward', targets);
    return answers.map((answered) => (answered ? 'out' : 'filtered'));
  }

  /** Listens on all the device's addresses and sends back what comes. Port 0 is any free one. */
  async listen(proto: Proto, port: number): Promise<Listener> {
    const listening = await this.init.call('listen', proto, port);
    return { port: listening.port, close: () => this.init.call('unlisten', listening.id) };
  }

  /** Opens a unix socket that leads to a TCP port of the device's loopback; other devices see it at the same path. */
  async socketTo(devicePort: number): Promise<string> {
    return (await this.init.call('forward', devicePort)).path;
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
    await Promise.all([...open].map((machine) => machine.close()));
  }

  /** What can still be done while the host's process exits. */
  drop(): void {
    this.child.kill('SIGKILL');
    // What is inside dies on its own time, and may write until then.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20 });
  }

  private async as(user: string, options: RunOptions): Promise<RunOptions> {
    const argv = ['getent', 'passwd', user];
    const [, , uid, gid, , home] = check(argv, await this.run(argv)).split(':');
    return { uid: Number(uid), gid: Number(gid), ...options, env: { HOME: home ?? '/', USER: user, ...options.env } };
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
  for (const machine of open) machine.drop();
});
