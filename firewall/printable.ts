const LONGEST = 60;

/** Text as users read it, of a file's or a program's bytes that were read as latin1 so that all of them survive. */
export const fromBytes = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');

/** A short, printable rendering of any value: no control characters, no megabytes, and no time spent on them. */
export function printable(value: unknown, longest = LONGEST): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  if (typeof value === 'function') return 'a function';
  // Its digits would take minutes to be found.
  if (typeof value === 'bigint') return 'a bigint';
  const raw = typeof value === 'string' ? JSON.stringify(value.slice(0, longest)) : String(value).slice(0, longest);
  return raw.replace(/\p{C}|\p{Zl}|\p{Zp}/gu, '?');
}

/** Text of any length as one line that shows what is in it: control and bidirectional characters become visible. */
export const onOneLine = (text: string, longest: number): string =>
  text.slice(0, longest).replace(/\p{C}|\p{Zl}|\p{Zp}/gu, '?');
