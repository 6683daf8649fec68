/**
 * Runs inside the device as a long-lived process, like Node-RED: makes the changes that arrive as lines of JSON, with
 * the engine or with programs, and responds to each with how long it took. Time is measured here, so that no figure includes
 * the way from the host into the device.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Firewall } from '../firewall/firewall';
import { readKernel } from '../firewall/host/kernel';
import { readSnapshot } from '../firewall/host/snapshot';
import { settings } from '../firewall/messages';
import { readSurroundings, stateOf } from '../firewall/requests/read';

/** One step of a change: a request to the engine, a program, or files put in place as an editor does. */
export type Step =
  | { kind: 'engine'; method: 'read' | 'setProfile' | 'toggleService'; request: Record<string, unknown> }
  | { kind: 'program'; argv: readonly string[] }
  | { kind: 'files'; texts: Readonly<Record<string, string>> }
  /** What the engine makes of what was read, without the reading: alone in its job. */
  | { kind: 'verdicts' };

/** One change or reading: its steps in order. */
export type Job = readonly Step[];

export interface Answer {
  /** From the beginning of the first step to the end of the last one, in ms. */
  ms: number;
  /** The longest time for which the event loop was blocked, in ms. */
  blockMs: number;
  /** What went wrong; the figures are then invalid. */
  error?: string;
}

/** More than one round of the event loop's sampling, in ms. */
const SETTLE_MS = 5;

const run = promisify(execFile);
const firewall = new Firewall();
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();

async function perform(step: Step): Promise<void> {
  switch (step.kind) {
    case 'engine':
      await (step.method === 'read' ? firewall.read() : firewall[step.method](step.request));
      return;
    case 'program': {
      const [program = '', ...args] = step.argv;
      await run(program, args, { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 64 * 1024 * 1024 });
      return;
    }
    case 'verdicts':
      throw new Error('This is no step among others.');
    case 'files':
      for (const [path, text] of Object.entries(step.texts)) await writeFile(path, text);
  }
}

async function measure(job: Job): Promise<Answer> {
  const prepared = job[0]?.kind === 'verdicts' ? await reading() : null;
  // The sampler has to run once, or it would count parsing the job, and once more to see the last block.
  await pause(SETTLE_MS);
  loop.reset();
  const begun = performance.now();
  if (prepared) await prepared();
  else for (const step of job) await perform(step);
  const ms = performance.now() - begun;
  await pause(SETTLE_MS);
  return { ms, blockMs: loop.max / 1e6 };
}

/** Reads all that a report is made of, and gives what makes it. */
async function reading(): Promise<() => Promise<unknown>> {
  const defaults = settings.parse({});
  const snapshot = await readSnapshot(defaults);
  const [kernel, surroundings] = await Promise.all([readKernel(snapshot), readSurroundings()]);
  return () => stateOf(defaults, snapshot, kernel, surroundings);
}

async function answer(line: string): Promise<void> {
  const said = await measure(JSON.parse(line) as Job).catch(
    (error: Error): Answer => ({ ms: 0, blockMs: 0, error: error.message }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => void answer(line));
