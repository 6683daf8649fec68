/** From an instant to the next edge nothing changes, and there it does: for calendars, zones and instants made at random. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isOpenAt, nextEdge } from '../../../firewall/calendar/opening';
import { type Calendar, calendar, check } from '../../../firewall/messages';
import { SEED } from '../../seed';
import { ALL, jumps } from './walls';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Everything is looked at for so long after an instant; what lies beyond is looked at here and there. */
const NEAR_MS = 3 * DAY_MS;
const FAR_MS = 400 * DAY_MS;

const ZONES = [
  ...['Europe/Berlin', 'Europe/Lisbon', 'America/New_York', 'America/St_Johns', 'America/Havana', 'America/Sao_Paulo'],
  ...[
    'America/Asuncion',
    'Africa/Casablanca',
    'Africa/Cairo',
    'Asia/Gaza',
    'Asia/Tehran',
    'Asia/Kathmandu',
    'Asia/Tokyo',
  ],
  ...['Australia/Lord_Howe', 'Pacific/Apia', 'Pacific/Chatham', 'Pacific/Kwajalein', 'Antarctica/Troll', 'UTC'],
];

const twoDigits = (value: number): string => String(value).padStart(2, '0');
const timeOf = (minute: number): string => `${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}`;

/** Rather at night, where clocks jump. */
const minuteUntil = (last: number) => fc.oneof(fc.integer({ min: 0, max: 210 }), fc.integer({ min: 0, max: last }));
const span = fc.record({ from: minuteUntil(1439).map(timeOf), to: minuteUntil(1440).map(timeOf) });

/** A zone, and an instant that is often near one of its jumps. */
const moment = fc
  .record({
    zone: fc.constantFrom(...ZONES),
    year: fc.integer({ min: 1969, max: 2037 }),
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    nearJump: fc.integer({ min: -NEAR_MS, max: NEAR_MS }),
  })
  .map(({ zone, year, place, nearJump }) => {
    const [from, until] = [Date.UTC(year), Date.UTC(year + 1)];
    const at = Math.floor(from + place * (until - from));
    const jump = jumps(zone, from, until).find((one) => one >= at);
    return { zone, instant: jump === undefined ? at : jump + nearJump };
  });

const dateNear = (instant: number, day: number): string => new Date(instant + day * DAY_MS).toISOString().slice(0, 10);

const scene = moment.chain(({ zone, instant }) =>
  fc.record({
    zone: fc.constant(zone),
    instant: fc.constant(instant),
    of: fc
      .record({
        hours: fc.array(
          fc.record({ days: fc.subarray(ALL, { minLength: 1 }), span }).map((one) => ({ days: one.days, ...one.span })),
          { maxLength: 4 },
        ),
        exceptions: fc.uniqueArray(
          fc.record({
            date: fc
              .oneof(fc.integer({ min: -3, max: 6 }), fc.integer({ min: -400, max: 4000 }))
              .map((day) => dateNear(instant, day)),
            hours: fc.array(span, { maxLength: 3 }),
          }),
          { maxLength: 8, selector: ({ date }) => date },
        ),
      })
      .map((raw): Calendar => check(calendar, raw)),
  }),
);

/** Instants after `from` and before `until` at which something could be different. */
function sampled(zone: string, from: number, until: number): number[] {
  const nearEnds = [from, until - NEAR_MS].flatMap((begin) =>
    Array.from({ length: NEAR_MS / (11 * MINUTE_MS) }, (_, step) => begin + step * 11 * MINUTE_MS),
  );
  const between = Array.from({ length: 200 }, (_, step) => Math.floor(from + ((until - from) * step) / 200));
  const atJumps = jumps(zone, from, Math.min(until, from + FAR_MS)).flatMap((jump) =>
    [-90, -30, -1, 0, 1, 30, 90].flatMap((minutes) => [jump + minutes * MINUTE_MS, jump + minutes * MINUTE_MS - 1]),
  );
  return [...nearEnds, ...between, ...atJumps, until - 1].filter((instant) => instant > from && instant < until);
}

describe('The next edge', () => {
  it('is where it is open if it was closed and the other way about, and no instant before it is', function () {
    this.timeout(60_000);
    let found = 0;
    fc.assert(
      fc.property(scene, ({ zone, instant, of }) => {
        const isOpen = isOpenAt(of, instant, zone);
        const edge = nextEdge(of, instant, zone);
        if (edge !== null) {
          found++;
          assert.ok(edge > instant);
          assert.equal(isOpenAt(of, edge, zone), !isOpen);
        }
        const changed = sampled(zone, instant, edge ?? instant + FAR_MS).filter(
          (at) => isOpenAt(of, at, zone) !== isOpen,
        );
        assert.deepEqual(changed, []);
      }),
      { seed: SEED, numRuns: 1000 },
    );
    assert.ok(found > 500, `${found} edges`);
  });

  it('is the same from every instant before it', () => {
    fc.assert(
      fc.property(scene, fc.double({ min: 0, max: 1, noNaN: true }), ({ zone, instant, of }, place) => {
        const edge = nextEdge(of, instant, zone);
        const later = Math.floor(instant + place * ((edge ?? instant + FAR_MS) - 1 - instant));
        assert.equal(nextEdge(of, later, zone), edge);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});
