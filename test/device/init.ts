/**
 * The device's first program of its own: mounts its private folders, lays its cables, and does what the host asks.
 * Runs inside the namespaces, as root there. Ends, and everything inside with it, when the host is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { knock } from './knock';
import { Listeners } from './listeners';
import { mountAll } from './mounts';
import { cables, connect, passable } from './network';
import { check, run, start } from './processes';
import type { HostMethods, InitMethods, Kernel, NeighbourMethods, StartPlan } from './protocol';
import { Channel, type Methods } from './rpc';

const children = new Map<number, ChildProcess>();
const listeners = new Listeners();
let folder = '';
let forwards = 0;

const neighbourProcess = spawn('unshare', ['--net', process.execPath, join(__dirname, 'neighbour.js')], {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  serialization: 'advanced',
});
neighbourProcess.on('exit', (code, signal) => {
  throw new Error(`The neighbour ended with ${signal ?? code}.`);
});
const neighbour = new Channel<NeighbourMethods>(neighbourProcess, {});

async function startDevice(plan: StartPlan): Promise<void> {
  folder = plan.folder;
  await Promise.all([mountAll(plan), layCables()]);
  if (plan.kernel) await loadKernel(plan.kernel);
}

async function layCables(): Promise<void> {
  if (neighbourProcess.pid === undefined) throw new Error('The neighbour could not be started.');
  // A process that answers is past the `unshare`: its namespace is there.
  await neighbour.call('run', ['true'], {});
  await connect(neighbourProcess.pid);
  await neighbour.call('configure');
  await passable();
}

async function loadKernel(kernel: Kernel): Promise<void> {
  check(['iptables-restore'], await run(['iptables-restore'], { input: kernel.ipv4 }));
  check(['ip6tables-restore'], await run(['ip6tables-restore'], { input: kernel.ipv6 }));
}

async function spawnChild(id: number, argv: string[], options: Parameters<typeof start>[1]): Promise<number> {
  const child = start(argv, options);
  children.set(id, child);
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (data: Buffer) => host.notify('output', id, stream, data));
  }
  child.stdin?.on('error', () => undefined);
  child.on('close', (code, signal) => {
    children.delete(id);
    host.notify('exited', id, code, signal);
  });
  await once(child, 'spawn');
  return child.pid as number;
}

async function openForward(port: number): Promise<{ id: number; path: string }> {
  forwards += 1;
  const path = join(folder, `forward-${forwards}`);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const inner = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.pipe(inner).pipe(socket);
    // Either end may go away first; the other one has to follow.
    socket.on('error', () => inner.destroy()).on('close', () => inner.destroy());
    inner.on('error', () => socket.destroy()).on('close', () => socket.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  return { id: listeners.add(server), path };
}

const methods: InitMethods = {
  start: startDevice,
  run,
  spawn: spawnChild,
  input(id, data) {
    if (data === null) children.get(id)?.stdin?.end();
    else children.get(id)?.stdin?.write(data);
  },
  kill(id, signal) {
    children.get(id)?.kill(signal);
  },
  read: (path) => readFile(path, 'utf8'),
  async write(path, text, mode) {
    await writeFile(path, text);
    if (mode !== undefined) await chmod(path, mode);
  },
  async stat(path) {
    const stats = await lstat(path);
    const { size, mtimeMs, ino, uid, gid } = stats;
    const kind = stats.isFile()
      ? 'file'
      : stats.isDirectory()
        ? 'directory'
        : stats.isSymbolicLink()
          ? 'link'
          : 'other';
    return { kind, mode: stats.mode & 0o7777, size, mtimeMs, ino, uid, gid };
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  outward: (targets) =>
    Promise.all(
      targets.map((target) => {
        const cable = cables[target.interface ?? 'eth0'];
        return knock({
          proto: target.proto,
          host: cable.neighbour[target.family],
          localAddress: cable.device[target.family],
          port: target.port,
          timeoutMs: target.timeoutMs ?? 400,
        });
      }),
    ),
  listen: (proto, port) => listeners.listen(proto, port),
  unlisten: (id) => listeners.close(id),
  forward: openForward,
  neighbour: (method, args) => (neighbour as unknown as Channel<Methods<NeighbourMethods>>).call(method, ...args),
};

const host = new Channel<HostMethods>(process, methods);
process.on('disconnect', () => process.exit());
