/**
 * Runs inside the device as a long-lived process: carries out the requests that arrive as lines of JSON with the privileged
 * program whose file is its argument, of whatever version, and responds to each with how long that took.
 */
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Answer, Job } from './actor-inside';

const [path = ''] = process.argv.slice(2);
const { agent } = require(path) as { agent(): Promise<void> };
const { stdin, stdout } = process;
const say = stdout.write.bind(stdout);
// It is made for one request, and each listens for signals.
process.setMaxListeners(0);

/** The program reads its request from standard input and writes the response to standard output, as ever. */
async function perform(request: unknown): Promise<{ ms: number; response: string }> {
  const response: string[] = [];
  Object.defineProperty(process, 'stdin', { value: Readable.from([Buffer.from(JSON.stringify(request))]) });
  stdout.write = (text: unknown): boolean => response.push(String(text)) > 0;
  const begun = performance.now();
  await agent();
  const ms = performance.now() - begun;
  stdout.write = say;
  return { ms, response: response.join('') };
}

async function answer(line: string): Promise<void> {
  let ms = 0;
  let error: string | undefined;
  for (const step of JSON.parse(line) as Job) {
    if (step.kind !== 'engine') throw new Error('A program is asked for requests only.');
    const { method, request } = step;
    const done = await perform({ settings: {}, call: { method, request } });
    ms += done.ms;
    error ??= (JSON.parse(done.response) as { error?: { message: string } }).error?.message;
  }
  say(`${JSON.stringify({ ms, blockMs: 0, error } satisfies Answer)}\n`);
}

createInterface({ input: stdin })
  .on('line', (line) => void answer(line))
  .on('close', () => process.exit());
