/**
 * Processes, and which of them are `ufw` commands: each of those read the rule files when it started, and may write what it
 * read long after.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { codeOf } from '../errors';

/** One process for as long as it lives: its id and when it started, since ids are used again. */
export type ProcessKey = string;

/** The `ufw` commands that run now, as seen in /proc. */
export async function ufwProcesses(): Promise<ProcessKey[]> {
  const entries = readdirSync('/proc');
  const keys = await Promise.all(entries.filter((name) => /^\d+$/.test(name)).map(ufwKey));
  return keys.filter((key): key is ProcessKey => key !== null);
}

/** Waits until none of the processes is left; false where one still is after `timeoutMs`. */
export async function ended(keys: readonly ProcessKey[], timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  let left = keys;
  while (left.length > 0) {
    const now = await Promise.all(left.map((key) => ufwKey(key.slice(0, key.indexOf(':')))));
    left = left.filter((key, at) => now[at] === key);
    if (left.length > 0 && Date.now() > deadline) return false;
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}

/** Of the process that has this id now; null where none has. */
export async function processKey(pid: number | string): Promise<ProcessKey | null> {
  const stat = textOf(`/proc/${pid}/stat`);
  // Fields after the command's closing bracket; the start time is the twentieth of them.
  return stat === '' ? null : `${pid}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}

async function ufwKey(pid: string): Promise<ProcessKey | null> {
  // A process may end between any two of these lines; it is then simply none that runs.
  const [command, key] = [textOf(`/proc/${pid}/cmdline`), await processKey(pid)];
  const isUfw = command
    .split('\0')
    .slice(0, 3)
    .some((argument) => argument === 'ufw' || argument.endsWith('/ufw'));
  return isUfw ? key : null;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return '';
    throw error;
  }
}
