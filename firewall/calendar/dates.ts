/** Days without a time or a zone: a day is a number, the days since 1970-01-01; a date is its text, `2026-12-24`. */

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;
export const DAY_MINUTES = 24 * 60;

/** Whether it is a date that exists. Rejects 30 February, which Date would accept. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

/** The day of a date. A date alone is UTC to `Date.parse`. */
export const dayOf = (date: string): number => Date.parse(date) / DAY_MS;

/** The place of a day in `WEEKDAYS`; 1970-01-01 was a Thursday. */
export const weekdayOf = (day: number): number => (((day + 3) % 7) + 7) % 7;
