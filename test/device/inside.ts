/** What a process inside a device does for the host: programs, files, packets and listeners. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join as joinPath } from 'node:path';
import { join } from './join';
import { Listeners } from './listeners';
import { cables } from './network';
import { probe } from './probe';
import { run, start } from './processes';
import type { FileStat, HostMethods, InsideMethods, RunOptions, Target } from './protocol';

/** `host` hears of the spawned programs; the unix sockets of `forward` are made in `folder`, once it is known. */
export function insideMethods(host: HostMethods, folder: () => string): InsideMethods {
  const children = new Map<number, ChildProcess>();
  const listeners = new Listeners();
  let forwards = 0;

  async function spawn(id: number, argv: string[], options: RunOptions): Promise<number> {
    const child = start(argv, options);
    children.set(id, child);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.on('data', (data: Buffer) => host.output(id, stream, data));
    }
    child.stdin?.on('error', () => undefined);
    child.on('close', (code, signal) => {
      children.delete(id);
      host.exited(id, code, signal);
    });
    await once(child, 'spawn');
    return child.pid as number;
  }

  async function forward(port: number): Promise<{ id: number; path: string }> {
    forwards += 1;
    const path = joinPath(folder(), `forward-${forwards}`);
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      join(socket, createConnection({ port, host: '127.0.0.1', allowHalfOpen: true }));
    });
    server.listen(path);
    await once(server, 'listening');
    return { id: listeners.add(server), path };
  }

  return {
    run,
    spawn,
    forward,
    stat,
    outward,
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
      // A line sends null for what is not there.
      if (typeof mode === 'number') await chmod(path, mode);
    },
    remove: (path) => rm(path, { recursive: true, force: true }),
    listen: (proto, port) => listeners.listen(proto, port),
    unlisten: (id) => listeners.close(id),
  };
}

async function stat(path: string): Promise<FileStat> {
  const stats = await lstat(path);
  const { size, mtimeMs, ino, uid, gid } = stats;
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other';
  return { kind, mode: stats.mode & 0o7777, size, mtimeMs, ino, uid, gid };
}

function outward(targets: Target[]): Promise<boolean[]> {
  return Promise.all(
    targets.map((target) => {
      const cable = cables[target.interface ?? 'eth0'];
      return probe({
        proto: target.proto,
        host: cable.neighbour[target.family],
        localAddress: cable.device[target.family],
        port: target.port,
        timeoutMs: target.timeoutMs ?? 400,
      });
    }),
  );
}
