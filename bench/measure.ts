/** The measurements of one contestant in one operation; each in separate repetitions, because they slow each other down. */
import type { Device } from '../test/device/device';
import type { Family } from '../test/device/protocol';
import { restore } from '../test/firewall/stable';
import { Actor } from './actor';
import type { Answer } from './actor-inside';
import { assertDone, type Contestant, type Operation } from './operations';

/** Where strace writes inside the device: its own `/run`. */
const TRACE = '/run/bench.trace';
const STRACE = ['strace', '-f', '--seccomp-bpf', '-e', 'trace=execve', '-o', TRACE];

/** A port that no profile opens, and one that all of them leave open. Nothing listens there: a reset is an answer too. */
const CLOSED_PORT = 4444;
const OPEN_PORT = 443;
/** A probe run makes at most 20,000 connections, one per ms; longer changes need several in succession. */
const PROBE_MS = 15_000;

/** Performs an operation from its beginning; one answer for each of its changes. */
async function once(device: Device, actor: Actor, operation: Operation, contestant: Contestant): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const job of contestant.changes) answers.push(await actor.make(job));
  await assertDone(device, operation, contestant);
  return answers;
}

export interface Timing {
  ms: number;
  blockMs: number;
}

/** How long the operation takes: all its changes together, and the longest block among them. */
export async function timed(
  device: Device,
  actor: Actor,
  operation: Operation,
  contestant: Contestant,
): Promise<Timing> {
  await restore(device, { ...operation.from });
  const answers = await once(device, actor, operation, contestant);
  return {
    ms: answers.reduce((sum, { ms }) => sum + ms, 0),
    blockMs: Math.max(...answers.map(({ blockMs }) => blockMs)),
  };
}

/** The programs started by each change of the operation. */
export async function processes(device: Device, operation: Operation, contestant: Contestant): Promise<number[]> {
  await restore(device, { ...operation.from });
  const actor = await Actor.start(device, { under: STRACE });
  const counts: number[] = [];
  try {
    // The actor itself is the first program.
    let started = 1;
    for (const job of contestant.changes) {
      await actor.make(job);
      const now = await startedIn(device);
      counts.push(now - started);
      started = now;
    }
  } finally {
    await actor.stop();
  }
  await assertDone(device, operation, contestant);
  return counts;
}

/** Counts the programs started; failed attempts in other folders of the search path do not count. */
async function startedIn(device: Device): Promise<number> {
  return (await device.read(TRACE)).split('\n').filter((line) => /execve.* = 0$/.test(line)).length;
}

export interface Leaks {
  closedProbes: number;
  leaked: number;
  openProbes: number;
  dropped: number;
}

/** What a neighbour observes that probes a closed and an open port every ms during the operation. */
export async function leaks(
  device: Device,
  actor: Actor,
  operation: Operation,
  contestant: Contestant,
  family: Family,
): Promise<Leaks> {
  await restore(device, { ...operation.from });
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const closed = probing(device, { port: CLOSED_PORT, family }, finished);
  const open = probing(device, { port: OPEN_PORT, family }, finished);
  try {
    await Promise.all([closed.begun, open.begun]);
    await once(device, actor, operation, contestant);
  } finally {
    finish();
  }
  const [shut, through] = await Promise.all([closed.ended, open.ended]);
  return {
    closedProbes: shut.answered + shut.silent,
    leaked: shut.answered,
    openProbes: through.answered + through.silent,
    dropped: through.silent,
  };
}

interface ProbeCounts {
  answered: number;
  silent: number;
}

/** Probes a port every ms until `finished`. */
function probing(
  device: Device,
  { port, family }: { port: number; family: Family },
  finished: Promise<void>,
): { begun: Promise<void>; ended: Promise<ProbeCounts> } {
  const start = () => device.neighbour.monitor({ proto: 'tcp', port, family });
  const first = start();
  const all = async (): Promise<ProbeCounts> => {
    const results: ReturnType<Awaited<typeof first>['stop']>[] = [];
    for (let probe = await first, over = false; !over; ) {
      over = await within(finished, PROBE_MS);
      const next = over ? probe : await start();
      results.push(probe.stop());
      probe = next;
    }
    const sum = (key: keyof ProbeCounts, of: readonly ProbeCounts[]): number =>
      of.reduce((total, one) => total + one[key], 0);
    const done = await Promise.all(results);
    return { answered: sum('answered', done), silent: sum('silent', done) };
  };
  return { begun: first.then(() => undefined), ended: all() };
}

/** Whether the promise resolved within this many ms. */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const result = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return result;
}
