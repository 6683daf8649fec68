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

/** One step of a change: a request to the engine, a program, or files put in place as an editor does. */
export type Step =
  | { kind: 'engine'; method: 'read' | 'setProfile' | 'toggleService'; request: Record<string, unknown> }
  | { kind: 'program'; argv: readonly string[] }
  | { kind: 'files'; texts: Readonly<Record<string, string>> };

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
    case 'files':
      for (const [path, text] of Object.entries(step.texts)) await writeFile(path, text);
  }
}

async function measure(job: Job): Promise<Answer> {
  // The sampler has to run once, or it would count parsing the job, and once more to see the last block.
  await pause(SETTLE_MS);
  loop.reset();
  const begun = performance.now();
  for (const step of job) await perform(step);
  const ms = performance.now() - begun;
  await pause(SETTLE_MS);
  return { ms, blockMs: loop.max / 1e6 };
}

async function answer(line: string): Promise<void> {
  const said = await measure(JSON.parse(line) as Job).catch(
    (error: Error): Answer => ({ ms: 0, blockMs: 0, error: error.message }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => void answer(line));
