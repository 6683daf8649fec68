/**
 * Runs inside the device: for each topic on its standard input it publishes an alarm there, through an already connected
 * client, and prints the time, in milliseconds since 1970.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

const clients = new Map(
  process.argv.slice(2).map((topic): [string, ChildProcess] => [
    topic,
    spawn('mosquitto_pub', ['-h', '127.0.0.1', '-q', '1', '-t', topic, '-l'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    }),
  ]),
);

createInterface({ input: process.stdin })
  .on('line', (topic) => {
    const at = performance.timeOrigin + performance.now();
    clients.get(topic)?.stdin?.write('{"cat":"alarm","message":"Unsuccessful logon","severity":null}\n');
    process.stdout.write(`${at}\n`);
  })
  .on('close', () => {
    for (const client of clients.values()) client.stdin?.end();
  });
