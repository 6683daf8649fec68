/** Durations as people write them: `30 min`, `8 h`, `1h 30min`. The dialogs use this too, so nothing here may need Node.js. */

/** The largest first; `words` in lower case, in the languages of the editor. */
const UNITS = [
  { unit: 'd', seconds: 86_400, words: ['d', 'day', 'days', 'tag', 'tage', 'tagen', '日', '日間'] },
  { unit: 'h', seconds: 3600, words: ['h', 'hr', 'hrs', 'hour', 'hours', 'std', 'stunde', 'stunden', '時間'] },
  { unit: 'min', seconds: 60, words: ['min', 'mins', 'minute', 'minutes', 'minuten', '分', '分間'] },
  {
    unit: 's',
    seconds: 1,
    words: ['s', 'sec', 'secs', 'second', 'seconds', 'sek', 'sekunde', 'sekunden', '秒', '秒間'],
  },
] as const;

type Unit = (typeof UNITS)[number]['unit'];

/** A number with its unit, at the beginning of a text. */
const PART = /^(\d{1,6})\s*([^\d\s.]{1,9})\.?\s*/;

/** The seconds in a text: digits alone, or numbers with units, each smaller than the one before. Null if it is no duration. */
export function secondsIn(text: string): number | null {
  let rest = text.trim().toLowerCase();
  if (/^\d{1,9}$/.test(rest)) return Number(rest);
  if (rest === '') return null;
  let total = 0;
  let smallest = Number.POSITIVE_INFINITY;
  while (rest !== '') {
    const [part = '', count, word] = PART.exec(rest) ?? [];
    const found = UNITS.find(({ words }) => words.some((one) => one === word));
    if (!found || found.seconds >= smallest) return null;
    total += Number(count) * found.seconds;
    smallest = found.seconds;
    rest = rest.slice(part.length);
  }
  return total;
}

/** The seconds as a whole number of the largest unit there is for it. */
export function inLargestUnit(seconds: number): { amount: number; unit: Unit } {
  const found = UNITS.find((one) => seconds > 0 && seconds % one.seconds === 0);
  return found ? { amount: seconds / found.seconds, unit: found.unit } : { amount: seconds, unit: 's' };
}
