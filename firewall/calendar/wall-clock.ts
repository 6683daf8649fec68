/**
 * What the clock on the wall shows in a time zone, and when it jumps, from the runtime's own data. A wall clock's time is in
 * ms since it showed 1970-01-01 00:00, as if it had never jumped. Instants are whole ms since 1970 (UTC), of the years 100 to 9999.
 */
import { DAY_MS } from './dates';

/** IANA's names of three letters. Runtimes know others by which people mean different zones: to them `BST` is Dhaka. */
const SHORT_NAMES = ['CET', 'EET', 'EST', 'GMT', 'HST', 'MET', 'MST', 'PRC', 'ROC', 'ROK', 'UCT', 'UTC', 'WET'];

/** Whether it is an IANA name that this runtime knows, in upper or lower case. */
export function isTimeZone(name: string): boolean {
  if (!/^[a-z][\w/+-]*$/i.test(name)) return false;
  if (name.length === 3 && !SHORT_NAMES.includes(name.toUpperCase())) return false;
  try {
    formatFor(name);
    return true;
  } catch {
    return false;
  }
}

/** One takes some fifty µs to be made. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** @throws RangeError where the runtime does not know the zone */
function formatFor(zone: string): Intl.DateTimeFormat {
  const made = formats.get(zone) ?? newFormat(zone);
  formats.set(zone, made);
  return made;
}

/** Of `11/27/2026, 07:49:42`. */
const newFormat = (timeZone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });

/** @throws RangeError where the runtime does not know the zone */
export function wallClock(instant: number, zone: string): number {
  const [month = 1, day = 1, year = 1970, hour, minute, second] = (
    formatFor(zone).format(instant).match(/\d+/g) ?? []
  ).map(Number);
  const ms = instant - Math.floor(instant / 1000) * 1000;
  return Date.UTC(year, month - 1, day, hour, minute, second, ms);
}

/** How far the wall clock is ahead of UTC, in ms. */
export const offsetAt = (instant: number, zone: string): number => wallClock(instant, zone) - instant;

/**
 * The first instant after `from`, up to `until`, at which the wall clock jumps; null where it does not. Looks once a day: in
 * no zone has the clock jumped twice within less than four.
 */
export function nextJump(from: number, until: number, zone: string): number | null {
  const offset = offsetAt(from, zone);
  for (let before = from; before < until; ) {
    const after = Math.min(before + DAY_MS, until);
    if (offsetAt(after, zone) !== offset) return jumpWithin(before, after, zone);
    before = after;
  }
  return null;
}

/** The instant of the one jump after `from`, up to `until`. */
function jumpWithin(from: number, until: number, zone: string): number {
  const offset = offsetAt(from, zone);
  let before = from;
  let after = until;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(middle, zone) === offset) before = middle;
    else after = middle;
  }
  return after;
}

/**
 * The zone that counts: the calendar's own, or else the device's, and UTC where this Node.js does not know that. Only asked
 * where there is a calendar: to look at a zone takes some MB of memory.
 */
export const zoneFor = ({ timeZone }: { timeZone: string }, device: string): string =>
  timeZone || (isTimeZone(device) ? device : 'UTC');
