/**
 * Whether a calendar of opening hours is open, and when that changes.
 *
 * At every instant the wall clock of the time zone decides, and nothing else: its date, its weekday and its time. So where the
 * clock is put forward past an edge, the edge comes with the jump; hours that fall wholly into the gap do not come that day.
 * Where it is put back, what it shows a second time counts a second time: hours from 02:15 to 02:45 are then open twice, and
 * hours that end at 02:30 are open until the first 02:30 and again from the jump to the second. The jump itself is an edge
 * where it leads into hours or out of them. Of a date that a zone left out, only the hours after midnight of the next date
 * remain.
 */
import type { Calendar } from '../messages';
import { DAY_MS } from './dates';
import { isOpenOnWall, nextEdgeOnWall, patternOf } from './pattern';
import { nextJump, offsetAt, wallClock } from './wall-clock';

/** More than any clock has been put forward or back, which is a day where a zone changed sides of the date line. */
const REACH_MS = 2 * DAY_MS;

/**
 * Whether the calendar is open at an instant, in whole ms since 1970.
 * @param calendar must not change any more: it is looked at once
 * @param zone the zone that counts; where the calendar names none, the device's own
 * @throws RangeError where the runtime does not know the zone
 */
export const isOpenAt = (calendar: Calendar, instant: number, zone: string): boolean =>
  isOpenOnWall(patternOf(calendar), wallClock(instant, zone));

/**
 * The first instant after this one at which `isOpenAt` changes; null where it never does.
 * @throws RangeError as `isOpenAt` does
 */
export function nextEdge(calendar: Calendar, instant: number, zone: string): number | null {
  const pattern = patternOf(calendar);
  const isOpen = isOpenOnWall(pattern, wallClock(instant, zone));
  // Nothing changes from `instant` to `at`. Only a jump shortly after it or shortly before the wall clock's edge can lead
  // to a time at which something is different; what lies in between is skipped.
  for (let at = instant; ; ) {
    const offset = offsetAt(at, zone);
    const onWall = nextEdgeOnWall(pattern, at + offset);
    const edge = onWall === null ? Number.POSITIVE_INFINITY : onWall - offset;
    const near = at + REACH_MS;
    const jump = nextJump(at, Math.min(edge, near), zone);
    if (jump !== null) {
      if (isOpenOnWall(pattern, wallClock(jump, zone)) !== isOpen) return jump;
      at = jump;
    } else if (edge <= near) return edge;
    else if (onWall === null) return null;
    else at = Math.max(near, edge - REACH_MS);
  }
}
