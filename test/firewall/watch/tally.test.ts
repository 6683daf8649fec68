/** Counting packets whose senders may be forged. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import type { Blocked } from '../../../firewall/results';
import { packetOf } from '../../../firewall/watch/blocked-packet';
import { MOST, Tally } from '../../../firewall/watch/tally';
import { EngineClock } from '../../device/engine-clock';
import { useFresh } from '../../device/suite';
import { tcp } from './log-lines';

const packet = (source: string, port = 22) => {
  const found = packetOf(tcp(source, port));
  assert.ok(found);
  return found;
};
const addressOf = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

describe('A tally of blocked packets', function () {
  this.timeout(60_000);
  const clock = useFresh(
    async () => EngineClock.install(),
    (installed) => installed.remove(),
  );
  let tally: Tally;
  let told: Blocked[] = [];
  const count = (every: number): void => {
    told = [];
    tally = new Tally(every, (blocked) => told.push(blocked));
  };

  afterEach(() => tally.close());

  it('tells the first one at once, and those that follow together', () => {
    count(60);
    for (let n = 0; n < 5; n++) tally.add(packet('203.0.113.9'));
    tally.add(packet('203.0.113.9', 23));
    assert.deepEqual(
      told.map(({ port, count: packets }) => [port, packets]),
      [
        [22, 1],
        [23, 1],
      ],
    );
    clock.advance(60);
    assert.equal(told.length, 3);
    assert.deepEqual([told[2]?.port, told[2]?.count], [22, 4]);
    // What nothing comes from any more is forgotten.
    clock.advance(60);
    assert.equal(tally.size, 0);
    assert.equal(told.length, 3);
    tally.add(packet('203.0.113.9'));
    assert.equal(told.length, 4);
  });

  it('tells of each when its own time has come', () => {
    count(60);
    const seen = () => told.map(({ port, count: packets }) => [port, packets]);
    for (const port of [22, 22, 23, 23]) {
      tally.add(packet('203.0.113.9', port));
      if (port === 22) clock.advance(15);
    }
    clock.advance(30);
    assert.deepEqual(seen(), [
      [22, 1],
      [23, 1],
      [22, 1],
    ]);
    clock.advance(30);
    assert.deepEqual(seen().slice(3), [[23, 1]]);
  });

  it('of a flood from 100,000 forged sources keeps some apart and counts all', () => {
    count(60);
    for (let n = 0; n < 100_000; n++) {
      tally.add(packet(addressOf(n)));
      assert.ok(tally.size <= MOST + 1);
    }
    assert.equal(told.length, MOST + 1);
    assert.equal(told.filter(({ source }) => source === null).length, 1);
    clock.advance(60);
    clock.advance(60);
    assert.equal(tally.size, 0);
    const others = told.filter(({ source }) => source === null).reduce((sum, { count: packets }) => sum + packets, 0);
    assert.equal(others, 100_000 - MOST);
  });
});
