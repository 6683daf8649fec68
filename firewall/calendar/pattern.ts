/** When a calendar is open by the wall clock: day by day, without any time zone. See wall-clock.ts for its times. */
import type { Calendar } from '../messages';
import { DAY_MINUTES, DAY_MS, dayOf, MINUTE_MS, WEEKDAYS, weekdayOf } from './dates';

/** From this minute of the day on. The first of a day is that of its minute 0, and each differs from the one before. */
interface Step {
  from: number;
  isOpen: boolean;
}

/** What each day is like. */
export interface Pattern {
  /** A day of the week on which, and on the day before, no exception holds; as in `WEEKDAYS`. */
  week: readonly (readonly Step[])[];
  /** The other days, each worked out when it is asked for. */
  special: ReadonlyMap<number, () => readonly Step[]>;
  /** Their numbers, ascending. */
  specialDays: readonly number[];
}

/** Minutes of a day; open before `to`. */
interface Span {
  from: number;
  to: number;
}

type Hours = Calendar['exceptions'][number]['hours'][number];

const known = new WeakMap<Calendar, Pattern>();

/** The pattern of a calendar, which must not change any more: it is looked at once. */
export function patternOf(calendar: Calendar): Pattern {
  const pattern = known.get(calendar) ?? newPattern(calendar);
  known.set(calendar, pattern);
  return pattern;
}

function newPattern({ hours, exceptions }: Calendar): Pattern {
  const ofWeek = WEEKDAYS.map((weekday) => hours.filter(({ days }) => days.includes(weekday)));
  const begun = ofWeek.map((own) => own.map(untilMidnight));
  const left = ofWeek.map((own) => own.map(afterMidnight));
  const ofDate = new Map(exceptions.map((exception) => [dayOf(exception.date), exception.hours]));
  const special = new Map<number, () => readonly Step[]>();
  for (const [day, own] of ofDate) {
    special.set(
      day,
      once(() => stepsOf(own.map(untilMidnight))),
    );
    if (ofDate.has(day + 1)) continue;
    const next = inWeek(begun, weekdayOf(day + 1));
    special.set(
      day + 1,
      once(() => stepsOf([...next, ...own.map(afterMidnight)])),
    );
  }
  return {
    week: begun.map((spans, at) => stepsOf([...spans, ...inWeek(left, at - 1)])),
    special,
    specialDays: [...special.keys()].sort((a, b) => a - b),
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const inWeek = <Value>(week: readonly Value[], at: number): Value => week[(at + 7) % 7] as Value;

/** Of `07:30`. */
const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** The part of the hours on the day on which they begin. */
function untilMidnight({ from, to }: Hours): Span {
  const span = { from: minuteOf(from), to: minuteOf(to) };
  return span.to > span.from ? span : { ...span, to: DAY_MINUTES };
}

/** The part on the day after; empty where they do not run over midnight. */
function afterMidnight({ from, to }: Hours): Span {
  return { from: 0, to: minuteOf(to) > minuteOf(from) ? 0 : minuteOf(to) };
}

/** One day. Spans that overlap or touch are joined. */
function stepsOf(spans: readonly Span[]): Step[] {
  const joined: Span[] = [];
  for (const span of spans.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from)) {
    const last = joined[joined.length - 1];
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push({ ...span });
  }
  const steps = joined
    .flatMap(({ from, to }) => [
      { from, isOpen: true },
      { from: to, isOpen: false },
    ])
    .filter(({ from }) => from < DAY_MINUTES);
  return steps[0]?.from === 0 ? steps : [{ from: 0, isOpen: false }, ...steps];
}

const stepsOn = ({ week, special }: Pattern, day: number): readonly Step[] =>
  special.get(day)?.() ?? inWeek(week, weekdayOf(day));

/** Whether it is open when the wall clock shows this. */
export function isOpenOnWall(pattern: Pattern, wall: number): boolean {
  const day = Math.floor(wall / DAY_MS);
  const minute = (wall - day * DAY_MS) / MINUTE_MS;
  let isOpen = false;
  for (const step of stepsOn(pattern, day)) if (step.from <= minute) isOpen = step.isOpen;
  return isOpen;
}

/** The next that the wall clock shows, were it never to jump, when it is not open (or closed) as it is now; null for never. */
export function nextEdgeOnWall(pattern: Pattern, wall: number): number | null {
  const isOpen = isOpenOnWall(pattern, wall);
  const isSteady = pattern.week.every((steps) => steps.every((step) => step.isOpen === isOpen));
  let day: number | undefined = Math.floor(wall / DAY_MS);
  while (day !== undefined) {
    const midnight = day * DAY_MS;
    const edge = stepsOn(pattern, day).find(
      (step) => step.isOpen !== isOpen && midnight + step.from * MINUTE_MS > wall,
    );
    if (edge) return midnight + edge.from * MINUTE_MS;
    day = isSteady ? following(pattern.specialDays, day) : day + 1;
  }
  return null;
}

/** The first of ascending numbers that is greater. */
const following = (numbers: readonly number[], than: number): number | undefined =>
  numbers.find((number) => number > than);
