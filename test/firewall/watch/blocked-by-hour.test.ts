/** What is counted of blocked packets, held against a list of all of them. */
import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { BlockedByHour, type BlockedHours, HOURS, MOST_KEPT } from '../../../firewall/watch/blocked-by-hour';
import { SEED } from '../../seed';

const HOUR_MS = 3_600_000;
/** Some moment in the middle of an hour. */
const NOON = Date.UTC(2026, 10, 28, 12, 30);

interface Packet {
  source: string | null;
  direction: 'in' | 'out' | null;
  count: number;
}
const from = (source: string | null, count = 1, direction: Packet['direction'] = 'in'): Packet => ({
  ...{ source, direction, count },
});
const totalOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
const named = ({ sources }: BlockedHours) => sources.map(({ source, counts }) => [source, totalOf(counts)]);

describe('Blocked packets by hour', () => {
  it('are all those of the last 24 hours, each in its hour, from however many sources', () => {
    const packet = fc.record({
      source: fc.option(fc.integer({ min: 1, max: 60 }).map((host) => `192.0.2.${host}`)),
      direction: fc.constantFrom('in' as const, 'out' as const),
      count: fc.integer({ min: 1, max: 50 }),
      minutes: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 120 }), (packets) => {
        const counted = new BlockedByHour();
        const seen: { at: number; count: number }[] = [];
        let now = NOON;
        for (const { minutes, ...one } of packets) {
          now += minutes * 60_000;
          counted.add(one, now);
          seen.push({ at: now, count: one.count });
          assert.ok(counted.size <= MOST_KEPT, String(counted.size));
        }
        const { hour, sources } = counted.hours(now);
        const last = Math.floor(now / HOUR_MS);
        assert.equal(Date.parse(hour), last * HOUR_MS);
        for (let at = 0; at < HOURS; at += 1) {
          const expected = seen.filter((one) => Math.floor(one.at / HOUR_MS) === last - HOURS + 1 + at);
          const found = totalOf(sources.map(({ counts }) => counts[at] ?? 0));
          assert.equal(found, totalOf(expected.map(({ count }) => count)));
        }
        assert.ok(sources.length <= 5 && sources.every(({ counts }) => counts.length === HOURS));
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('name who has sent the most, whatever a flood of forged sources does, in each direction', () => {
    const counted = new BlockedByHour();
    for (let at = 0; at < 20_000; at += 1) {
      counted.add(from(`2001:db8::${at.toString(16)}`), NOON);
      if (at % 100 === 0) counted.add(from('203.0.113.9', 2), NOON);
      if (at % 200 === 0) counted.add(from('192.168.7.1', 2, 'out'), NOON);
    }
    counted.add(from(null, 7), NOON);
    const { sources } = counted.hours(NOON);
    assert.deepEqual(named({ hour: '', sources }).slice(0, 2), [
      ['203.0.113.9', 400],
      ['192.168.7.1', 200],
    ]);
    assert.deepEqual([sources[1]?.direction, sources.length], ['out', 5]);
    assert.equal(totalOf(sources.map(({ counts }) => totalOf(counts))), 20_000 + 400 + 200 + 7);
    assert.equal(sources[4]?.source, null);
    assert.ok(JSON.stringify(sources).length < 1000);
  });

  it('are forgotten after a day, and by a clock that is set back, those that are yet to come', () => {
    const counted = new BlockedByHour();
    counted.add(from('203.0.113.9', 3), NOON);
    counted.add(from('203.0.113.8', 5), NOON + 2 * HOUR_MS);
    assert.deepEqual(named(counted.hours(NOON + 23 * HOUR_MS)), [
      ['203.0.113.8', 5],
      ['203.0.113.9', 3],
    ]);
    assert.deepEqual(named(counted.hours(NOON + 24 * HOUR_MS)), [['203.0.113.8', 5]]);
    counted.add(from('203.0.113.7', 1), NOON + 24 * HOUR_MS);
    assert.deepEqual(named(counted.hours(NOON + 3 * HOUR_MS)), [['203.0.113.8', 5]]);
    assert.deepEqual(named(counted.hours(NOON + 400 * HOUR_MS)), []);
    assert.equal(counted.size, 0);
  });
});
