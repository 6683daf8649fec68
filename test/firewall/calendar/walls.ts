/** Calendars and wall clocks for these tests; the clocks are read in another way than the engine's. */
import { isOpenAt, nextEdge } from '../../../firewall/calendar/opening';
import { type Calendar, calendar, check } from '../../../firewall/messages';

type Hours = Calendar['hours'][number];
type Exceptions = Record<string, string[]>;

export const ALL: Hours['days'] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** Of `{ 'sat sun': ['08:00-12:00'], all: ['22:00-02:00'] }`, and the same of dates. */
export function calendarOf(week: Record<string, string[]>, exceptions: Exceptions = {}): Calendar {
  return check(calendar, {
    hours: Object.entries(week).flatMap(([days, spans]) =>
      spans.map((span) => ({ days: days === 'all' ? ALL : days.split(' '), ...spanOf(span) })),
    ),
    exceptions: Object.entries(exceptions).map(([date, spans]) => ({ date, hours: spans.map(spanOf) })),
  });
}

function spanOf(text: string): { from: string; to: string } {
  const [from = '', to = ''] = text.split('-');
  return { from, to };
}

/** `2026-03-29T01:00Z`, with seconds and ms only where there are some. */
const shortly = (instant: number): string => new Date(instant).toISOString().replace(/(:00)?\.000Z$/, 'Z');

/** The edges after one instant and before another, `+` where it opens and `-` where it closes. */
export function edges(of: Calendar, zone: string, from: string, until: string): string[] {
  const found: string[] = [];
  for (let at = nextEdge(of, Date.parse(from), zone); at !== null && at < Date.parse(until); ) {
    found.push(`${isOpenAt(of, at, zone) ? '+' : '-'} ${shortly(at)}`);
    at = nextEdge(of, at, zone);
  }
  return found;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What a wall clock is ahead of UTC, in ms. */
export function offsetOf(instant: number, timeZone: string): number {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' });
  formats.set(timeZone, format);
  const shown = Date.parse(`${format.format(instant).replace(' ', 'T')}Z`);
  return shown - Math.floor(instant / 1000) * 1000;
}

const HOUR_MS = 3_600_000;

/** The instants at which a zone's clock jumps, from one instant on and before another. */
export function jumps(zone: string, from: number, until: number): number[] {
  const found: number[] = [];
  for (let at = from; at < until; at += 24 * HOUR_MS) {
    let [before, after] = [at, at + 24 * HOUR_MS];
    if (offsetOf(before, zone) === offsetOf(after, zone)) continue;
    const offset = offsetOf(before, zone);
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetOf(middle, zone) === offset) before = middle;
      else after = middle;
    }
    found.push(after);
  }
  return found;
}
