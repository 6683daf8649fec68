/**
 * Blocked packets of the last 24 hours by hour and source. Sources can be forged, by the thousand in a second: so many are
 * kept apart, those with the most packets, and all others are counted together.
 */
import type { Blocked } from '../results';

export const HOURS = 24;
const HOUR_MS = 3_600_000;
/** Sources that are kept apart, and of these those that are named. */
export const MOST_KEPT = 20;
const MOST_NAMED = 4;

/** One source, or all others where it is null, with its packets in each of the hours, the oldest first. */
export interface BlockedSource {
  source: string | null;
  /** Null for the others. */
  direction: Blocked['direction'];
  counts: readonly number[];
}

export interface BlockedHours {
  /** When the last of the hours begins; ISO 8601, UTC. */
  hour: string;
  /** The one with the most packets first, and the others last; only those that there are. */
  sources: readonly BlockedSource[];
}

const NONE: readonly number[] = new Array(HOURS).fill(0);

export class BlockedByHour {
  /** The last of the hours, counted from 1970. */
  #hour = 0;
  #sources: BlockedSource[] = [];
  #others: BlockedSource = { source: null, direction: null, counts: NONE };

  /** @param now ms since 1970 */
  add({ source, direction, count }: Pick<Blocked, 'source' | 'direction' | 'count'>, now: number): void {
    this.#goTo(now);
    if (source === null) {
      this.#others = plus(this.#others, [...NONE.slice(1), count]);
      return;
    }
    const at = this.#sources.findIndex((one) => one.source === source && one.direction === direction);
    const known = this.#sources[at] ?? { source, direction, counts: NONE };
    const others = this.#sources.filter((_, index) => index !== at);
    // The one with the fewest makes room: who has sent the most stays, whatever comes beside it.
    const least = others.length < MOST_KEPT ? undefined : [...others].sort(byTotal)[MOST_KEPT - 1];
    if (least) this.#others = plus(this.#others, least.counts);
    this.#sources = [...others.filter((one) => one !== least), plus(known, [...NONE.slice(1), count])];
  }

  /** @param now ms since 1970 */
  hours(now: number): BlockedHours {
    this.#goTo(now);
    const sorted = [...this.#sources].sort(byTotal);
    const others = sorted.slice(MOST_NAMED).reduce((sum, { counts }) => plus(sum, counts), this.#others);
    const sources = [...sorted.slice(0, MOST_NAMED), ...(totalOf(others) > 0 ? [others] : [])];
    return { hour: new Date(this.#hour * HOUR_MS).toISOString(), sources };
  }

  /** Sources kept apart. */
  get size(): number {
    return this.#sources.length;
  }

  /** What is more than a day old, or by a clock that was set back is yet to come, is forgotten. */
  #goTo(now: number): void {
    const hour = Math.floor(now / HOUR_MS);
    const by = hour - this.#hour;
    if (by === 0) return;
    this.#hour = hour;
    const moved = (one: BlockedSource): BlockedSource => ({
      ...one,
      counts: NONE.map((_, at) => one.counts[at + by] ?? 0),
    });
    this.#others = moved(this.#others);
    this.#sources = this.#sources.map(moved).filter((one) => totalOf(one) > 0);
  }
}

const totalOf = ({ counts }: BlockedSource): number => counts.reduce((sum, count) => sum + count, 0);
const byTotal = (a: BlockedSource, b: BlockedSource): number => totalOf(b) - totalOf(a);
const plus = (one: BlockedSource, more: readonly number[]): BlockedSource => ({
  ...one,
  counts: one.counts.map((count, at) => count + (more[at] ?? 0)),
});
