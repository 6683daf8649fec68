/**
 * The privileged program, started before there is a request: it has loaded and compiled what a lockdown needs, and waits for the
 * one request that it carries out. Most of what a request takes through sudo is that start. See docs/decisions/standby.md.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './host/files';
import { INSTALLED } from './host/installed';
import { type Outcome, type Started, start } from './host/run';

/** Where `setup` puts it. */
const PROGRAM = join(INSTALLED, 'standby');
/** It takes about 60 MB while it waits; where the machine does not have three times as much to spare, none is started. */
const LEAST_MEMORY_KB = 192 * 1024;
/** One that ends sooner was refused, or is not needed: only the next request starts another. */
const SHORT_MS = 60_000;

/** For whom one is kept ready. */
const users = new Set<object>();
let waiting: Started | null = null;
let isStarting = false;

/** Keeps one ready for this process from now on, until the last user lets go. */
export function keepReady(user: object): void {
  users.add(user);
  void replace();
}

export function letGo(user: object): void {
  if (!users.delete(user) || users.size > 0) return;
  // It ends where its input does.
  waiting?.child.stdin?.end();
  waiting = null;
}

/**
 * Has the one that waits carry out a request.
 * @returns null where there is none, or it ended before it began: it prints something when it does
 * @throws FirewallError TIMEOUT, INTERNAL as `run` does
 */
export async function askWaiting(request: string, timeoutMs: number): Promise<Outcome | null> {
  const { child, outcome } = waiting ?? {};
  waiting = null;
  if (!child || !outcome) return null;
  hold(child, true);
  child.stdin?.end(request);
  const done = await outcome(timeoutMs);
  return done.stdout === '' ? null : done;
}

/** Starts the next one, if somebody wants it and there is none. */
export async function replace(): Promise<void> {
  if (waiting || isStarting || users.size === 0) return;
  isStarting = true;
  const isPossible = (await exists(PROGRAM)) && (await availableKb()) >= LEAST_MEMORY_KB;
  isStarting = false;
  if (!isPossible || users.size === 0) return;
  const began = process.hrtime.bigint();
  const started = start('sudo', ['-n', PROGRAM]);
  waiting = started;
  const { child } = started;
  // It keeps this process from ending only while it works.
  hold(child, false);
  child.once('exit', () => {
    if (waiting !== started) return;
    waiting = null;
    if (process.hrtime.bigint() - began > BigInt(SHORT_MS) * 1_000_000n) void replace();
  });
}

/** What the kernel could give to programs without swapping. */
async function availableKb(): Promise<number> {
  const [, kb] = /^MemAvailable: +(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'latin1')) ?? [];
  return Number(kb ?? 0);
}

function hold(child: Started['child'], isHeld: boolean): void {
  const handles = [child, child.stdin, child.stdout, child.stderr];
  for (const handle of handles as (Partial<Pick<NodeJS.Timeout, 'ref' | 'unref'>> | null)[]) {
    if (isHeld) handle?.ref?.();
    else handle?.unref?.();
  }
}
