/** Moments and deadlines that neither a change of the clock nor a reboot makes ambiguous. */
import * as z from 'zod/mini';

/** What deadlines are measured with. */
export interface Clock {
  boot: string;
  /** Seconds since that boot. */
  uptime: number;
  /** Ms since 1970. */
  wall: number;
}

/** Ms since 1970, or for so long; with some of them added up, a date can still be made of it. */
const MOST_MS = 1e15;
const ms = z.number().check(z.minimum(-MOST_MS), z.maximum(MOST_MS));

export const deadline = z.object({
  /** The boot in which it was set, and the machine's uptime at which it comes, in seconds. */
  boot: z.string(),
  uptime: z.number().check(z.minimum(0), z.maximum(MOST_MS / 1000)),
  /** When it was set and when it comes by the wall clock, in ms since 1970: all that counts after a reboot. */
  setAt: ms,
  at: ms,
});
export type Deadline = z.infer<typeof deadline>;

export function deadlineIn(seconds: number, { boot, uptime, wall }: Clock): Deadline {
  return { boot, uptime: uptime + seconds, setAt: wall, at: wall + seconds * 1000 };
}

/** The deadline, measured in the boot the clock is of, with the same time left. */
export function inThisBoot(deadline: Deadline, clock: Clock): Deadline {
  const { boot, uptime } = clock;
  return { ...deadline, boot, uptime: uptime + secondsLeft(deadline, clock) };
}

/** Seconds until a deadline; 0 or less when it has come. */
export function secondsLeft({ boot, uptime, setAt, at }: Deadline, clock: Clock): number {
  // Within one boot the uptime counts, which no change of the clock touches.
  if (boot === clock.boot) return uptime - clock.uptime;
  // A clock that says "before it was set" after a reboot has lost the time: rather too early than never.
  return clock.wall < setAt ? 0 : (at - clock.wall) / 1000;
}

/** ISO 8601, UTC, by the wall clock as it is now. */
export function deadlineText(deadline: Deadline, clock: Clock): string {
  return new Date(clock.wall + Math.max(0, secondsLeft(deadline, clock)) * 1000).toISOString();
}
