/**
 * Runs inside the device: `visitor.js URL` asks for a page fifty times a second, whether the last answer has come or not,
 * until its input ends; then prints how long each answer took.
 */
import { get } from 'node:http';
import { performance } from 'node:perf_hooks';

export interface Visits {
  /** Of each answer. */
  ms: readonly number[];
  /** Requests that got none, or not 200. */
  failed: number;
}

const EVERY_MS = 20;
const PATIENCE_MS = 20_000;

const [url = ''] = process.argv.slice(2);
const ms: number[] = [];
let failed = 0;

function visit(): Promise<void> {
  const begun = performance.now();
  return new Promise((done) => {
    const fail = (): void => {
      failed += 1;
      done();
    };
    const request = get(url, { agent: false, timeout: PATIENCE_MS }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode !== 200) return fail();
        ms.push(performance.now() - begun);
        done();
      });
    });
    request.on('error', fail).on('timeout', () => request.destroy(new Error('No answer.')));
  });
}

const visits: Promise<void>[] = [];
const timer = setInterval(() => visits.push(visit()), EVERY_MS);
process.stdin.resume().once('end', async () => {
  clearInterval(timer);
  await Promise.all(visits);
  process.stdout.write(`${JSON.stringify({ ms, failed } satisfies Visits)}\n`);
});
