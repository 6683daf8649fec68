/** Which backups are kept: nothing that comes often pushes out what is needed when something has gone wrong. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { backupIds, backupPlaces, begin, finish, newId, readBackup } from '../../../firewall/commit/journal';
import { placesOf } from '../../../firewall/state/backup-places';
import { beginningOf } from '../../../firewall/state/change-id';
import type { Checkpoint } from '../../../firewall/state/checkpoint';

const DAY_MS = 24 * 3600 * 1000;
const START = Date.UTC(2026, 0, 1, 8);

describe('The backups', () => {
  let stateDir: string;
  beforeEach(async () => {
    stateDir = join(await mkdtemp(join(tmpdir(), 'backups-')), 'state');
  });
  afterEach(() => rm(join(stateDir, '..'), { recursive: true }));

  const place = () => ({ stateDir, keepBackups: 20 });
  /** A change at this time, as the engine keeps it. */
  async function change(at: number, timed = false, needed?: string): Promise<string> {
    const id = await newId(new Date(at));
    const checkpoint: Checkpoint = {
      ...{ id, action: '"timed": true,\n  "timed": true,', reason: timed ? 'lease-over' : 'requested', rules: 1 },
      ...{ at: beginningOf(id), before: [], after: {}, site: null, ...(timed ? { timed } : {}) },
    };
    await begin(place(), checkpoint);
    await finish(place(), checkpoint, needed);
    return id;
  }
  const kept = async (): Promise<string[]> => [...(await backupPlaces(place()))].map(([id, where]) => `${where} ${id}`);

  it('of a flood of leases and requests on one day push out neither the first, nor what the days before have left', async () => {
    const factory = await change(START);
    const yesterday = await change(START + DAY_MS);
    const attack = START + 2 * DAY_MS;
    const before = await change(attack);
    const request = await change(attack + 1);
    for (let at = 2; at < 42; at += 1) await change(attack + at, true);
    assert.ok((await backupIds(place())).includes(request), 'leases push out no request');
    for (let at = 42; at < 92; at += 1) await change(attack + at);
    const found = await kept();
    for (const one of [`factory ${factory}`, `day ${yesterday}`, `day ${before}`]) assert.ok(found.includes(one), one);
    assert.equal(found.filter((one) => one.startsWith('request')).length, 20);
    assert.equal(found.filter((one) => one.startsWith('timer')).length, 20);
    assert.equal(found.length, 43);
    assert.equal((await readBackup(place(), before)).id, before);
  });

  it('over many days are those of thirty of them, and the first ever', async () => {
    const factory = await change(START);
    const ids: string[] = [];
    for (let day = 1; day <= 60; day += 1) for (const at of [0, 1]) ids.push(await change(START + day * DAY_MS + at));
    const found = await kept();
    const days = ids.filter((_, at) => at % 2 === 0).slice(-30);
    assert.deepEqual(
      found.filter((one) => one.startsWith('day')),
      days.map((id) => `day ${id}`).reverse(),
    );
    assert.equal(found.pop(), `factory ${factory}`);
  });

  it('made while the clock says it is 1970 do not take the place of the first', async () => {
    const factory = await change(START);
    for (let at = 0; at < 30; at += 1) await change(at);
    assert.ok((await kept()).includes(`factory ${factory}`));
  });

  it('keep the one that an unconfirmed change goes back to', async () => {
    await change(START);
    const pending = await change(START + 1);
    for (let at = 2; at < 60; at += 1) await change(START + at, false, pending);
    assert.equal((await readBackup(place(), pending)).id, pending);
  });

  it('of an earlier version have their places, too: the oldest that is whole is the first', async () => {
    await change(START);
    const second = await change(START + 1);
    const oldest = (await backupIds(place()))[0] as string;
    await writeFile(join(stateDir, 'backups', `${oldest}.json`), '{');
    await rm(join(stateDir, 'first-backup.json'));
    for (let at = 2; at < 60; at += 1) await change(START + at);
    assert.ok((await kept()).includes(`factory ${second}`));
    assert.ok(!(await backupIds(place())).includes(oldest), 'a damaged one goes with time');
  });

  it('after any sequence of changes, pruned at each, are the first ever, the first of each of 30 days, and the newest of each kind', () => {
    const step = fc.record({
      isTimed: fc.boolean(),
      // How many such changes at once, and how many days later the next ones come: a flood on a day, or weeks with few.
      count: fc.constantFrom(1, 1, 2, 50),
      days: fc.constantFrom(0, 1, 1, 3),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }),
        fc.integer({ min: 1, max: 20 }),
        (steps, keep) => {
          const made: { id: string; isTimed: boolean; bytes: number }[] = [];
          let there: typeof made = [];
          let day = 0;
          for (const { isTimed, count, days } of steps) {
            for (let at = 0; at < count; at += 1) {
              const date = new Date(START + day * DAY_MS + made.length).toISOString().replace(/[-:.]/g, '');
              const one = { id: `${date}-00000a`, isTimed, bytes: 10_000 };
              made.push(one);
              there.push(one);
              const places = placesOf(there, made[0]?.id ?? null, keep);
              there = there.filter(({ id }) => places.get(id) !== null);
            }
            day += days;
          }
          const kept = new Set(there.map(({ id }) => id));
          const days = new Map<string, string>();
          for (const { id } of made) if (!days.has(id.slice(0, 8))) days.set(id.slice(0, 8), id);
          const newest = (isTimed: boolean) => made.filter((one) => one.isTimed === isTimed).slice(-keep);
          const needed = [made[0]?.id, ...[...days.values()].slice(-30), ...newest(true).map(({ id }) => id)];
          for (const id of [...needed, ...newest(false).map((one) => one.id)]) assert.ok(kept.has(id as string), id);
          assert.ok(kept.size <= 1 + 30 + 2 * keep, `${kept.size} are kept`);
        },
      ),
      { seed: 20260102, numRuns: 100 },
    );
  });

  it('are bounded in number and bytes, whatever there is, with the newest of each place and the first kept', () => {
    const MB = 1024 * 1024;
    const one = fc.record({
      day: fc.integer({ min: 0, max: 50 }),
      isTimed: fc.constantFrom(true, false, null),
      bytes: fc.integer({ min: 1, max: 40 * MB }),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 120 }), fc.integer({ min: 1, max: 30 }), (all, keep) => {
        const backups = all.map(({ day, isTimed, bytes }, at) => {
          const date = new Date(START + day * DAY_MS + at).toISOString().replace(/[-:.]/g, '');
          return { id: `${date}-00000a`, isTimed, bytes };
        });
        const first = backups[0]?.id ?? null;
        const places = placesOf(backups, first, keep);
        assert.equal(places.size, backups.length);
        for (const [where, most, room] of [
          ['request', keep, 64],
          ['timer', keep, 32],
          ['day', 30, 32],
        ] as const) {
          const there = backups.filter(({ id }) => places.get(id) === where);
          assert.ok(there.length <= most, `${there.length} in ${where}`);
          const bytes = there.reduce((sum, { bytes: size }) => sum + size, 0);
          assert.ok(bytes <= Math.max(room * MB, there.length === 1 ? 40 * MB : 0), `${bytes} in ${where}`);
        }
        if (first !== null) assert.equal(places.get(first), 'factory');
        const newest = [...backups].sort((a, b) => (a.id < b.id ? 1 : -1))[0];
        if (newest) assert.notEqual(places.get(newest.id), null);
      }),
      { seed: 20260101, numRuns: 200 },
    );
  });
});
