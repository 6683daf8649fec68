/** The same requests by version 1.0.0 and by this one: two processes in one device, in turn. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Device } from '../test/device/device';
import { Actor } from './actor';
import type { Step } from './actor-inside';
import { addRules, blocklist } from './blocklist';
import { type BesideFormer, median, rounded, spread } from './figures';

const ROOT = resolve(__dirname, '..', '..');
/** As that version has built it. */
const FORMER = join(ROOT, 'test', 'fixtures', 'agent', '1.0.0', 'program.js.gz');
const INSIDE = '/run/former.js';
const PROGRAM = join(__dirname, 'program-inside.js');
/** Before these, a process is not yet as it is after a day. */
const WARM_UP = 5;

/** In this order they lead back to where they begin. */
const REQUESTS: Readonly<Record<BesideFormer['request'], Step>> = {
  read: { kind: 'engine', method: 'read', request: {} },
  open: { kind: 'engine', method: 'toggleService', request: { service: 'bacnet', action: 'open' } },
  close: { kind: 'engine', method: 'toggleService', request: { service: 'bacnet', action: 'close' } },
  lockdown: { kind: 'engine', method: 'setProfile', request: { profile: 'lockdown' } },
  enhanced: { kind: 'engine', method: 'setProfile', request: { profile: 'enhanced' } },
};

/** @param rounds of each, after some that do not count */
export async function besideFormer(otherRules: number, rounds: number): Promise<BesideFormer[]> {
  const device = await Device.open();
  try {
    await addRules(device, blocklist(otherRules));
    await device.write(INSIDE, gunzipSync(await readFile(FORMER)).toString('latin1'));
    const paths = [INSIDE, join(ROOT, 'dist', 'agent', 'program.js')];
    const actors = await Promise.all(paths.map((path) => Actor.start(device, { program: [PROGRAM, path] })));
    const names = Object.keys(REQUESTS) as BesideFormer['request'][];
    const ms = new Map(names.map((name) => [name, actors.map((): number[] => [])]));
    for (let round = -WARM_UP; round < rounds; round++) {
      // The other one is first each time.
      for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
        for (const name of names) {
          const answer = await (actors[which] as Actor).make([REQUESTS[name]]);
          if (round >= 0) ms.get(name)?.[which]?.push(answer.ms);
        }
      }
    }
    await Promise.all(actors.map((actor) => actor.stop()));
    return [...ms].map(([request, [former = [], now = []]]) => ({
      ...{ otherRules, request, former: spread(former), now: spread(now) },
      timesFormer: rounded(median(now) / median(former), 2),
    }));
  } finally {
    await device.close();
  }
}
