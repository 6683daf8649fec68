/** What goes around a whole machine: a process in namespaces of its own, which switches the machine on and passes calls on to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { unshareArguments } from './packages';
import type { Channel, Methods } from './rpc';

/** Starts a supervisor, in namespaces of its own. A shell is process 1 there, because it reaps orphans and Node.js does not. */
export function startSupervisor(script: string): ChildProcess {
  const supervisor = ['sh', '-c', '"$@"; exit $?', 'sh', process.execPath, script];
  return spawn('unshare', [...unshareArguments(), ...supervisor], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
}

/** What is done inside of a machine, as a machine that has booted offers it. */
export const INSIDE = ['run', 'read', 'write', 'stat', 'remove', 'outward', 'listen', 'unlisten'] as const;

/**
 * Methods that have those of the same names done at another end.
 * @param end asked for with each call; throws, or rejects, where it is not there
 */
export function relayed<Remote extends Methods<Remote>, Name extends keyof Remote & string>(
  names: readonly Name[],
  end: () => Channel<Remote> | Promise<Channel<Remote>>,
): Pick<Remote, Name> {
  const methods = names.map((name) => [
    name,
    async (...args: Parameters<Remote[Name]>) => (await end()).call(name, ...args),
  ]);
  return Object.fromEntries(methods) as Pick<Remote, Name>;
}
