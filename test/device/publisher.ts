/**
 * Runs inside the device: `publisher.js TOPIC PER-SECOND SECONDS` publishes alarms of the vendor's shape at a steady pace,
 * with mosquitto's own client, and prints how many.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';

const EVERY_MS = 10;

async function main([topic = '', perSecond, seconds]: readonly string[]): Promise<void> {
  const fixture = join(resolve(__dirname, '..', '..', '..'), 'test', 'fixtures', 'iap-event.json');
  const event = { ...JSON.parse(readFileSync(fixture, 'utf8')), cat: 'alarm', severity: null };
  const count = Number(perSecond) * Number(seconds);
  const client = spawn('mosquitto_pub', ['-h', '127.0.0.1', '-q', '1', '-t', topic, '-l'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(client, 'close');
  const begun = performance.now();
  let published = 0;
  const timer = setInterval(() => {
    const due = Math.min(count, Math.round(((performance.now() - begun) / 1000) * Number(perSecond)));
    for (; published < due; published++)
      client.stdin.write(`${JSON.stringify({ ...event, id: event.id + published })}\n`);
    if (published < count) return;
    clearInterval(timer);
    client.stdin.end();
  }, EVERY_MS);
  const [code] = await ended;
  if (code !== 0) throw new Error(`mosquitto_pub ended with ${code}.`);
  process.stdout.write(`${JSON.stringify({ published, ms: performance.now() - begun })}\n`);
}

void main(process.argv.slice(2));
