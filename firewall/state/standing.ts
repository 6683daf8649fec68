/**
 * A standing schedule: a service that is open in its hours and closed in between, or a profile for the hours and another one
 * besides. It is a state, not an event: whoever asks, and whenever, is told what is to hold now.
 */
import * as z from 'zod/mini';
import { isOpenAt, nextEdge } from '../calendar/opening';
import { zoneFor } from '../calendar/wall-clock';
import { calendar, scheduleId, scheduleSubject, settings } from '../messages';
import { isSameMoment } from '../same-moment';
import { type Clock, type Deadline, deadline, secondsLeft } from './clock';

/** What of the settings a schedule needs to be carried out without those who registered it. */
const { servicePorts, customServices, customProfiles, managementFrom, managementTo } = settings.shape;
const ofSettings = z.object({ servicePorts, customServices, customProfiles, managementFrom, managementTo });

const override = z.object({
  open: z.boolean(),
  /** When it ends; null where it ends with the calendar's next edge. */
  deadline: z.nullable(deadline),
  /** That edge, in ms since 1970; null where there is none, and it holds until it is taken back. */
  edge: z.nullable(z.number()),
});

export const standing = z.object({
  id: scheduleId,
  /** For people. */
  name: z.string(),
  /** Which Node-RED has registered it. */
  owner: z.string(),
  subject: scheduleSubject,
  calendar,
  /** What becomes of its services when it is removed. */
  whenRemoved: z.enum(['stay', 'close']),
  /** Connections end with the hours. */
  cutConnections: z.boolean(),
  settings: ofSettings,
  override: z.nullable(override),
  /** What was last made true, and in which boot; null where it has to be made true again. */
  done: z.nullable(z.object({ open: z.boolean(), boot: z.string() })),
});
export type Standing = z.infer<typeof standing>;

/** The last time that was seen when something was made true: a clock that shows less may be wrong. */
export const seen = z.object({ boot: z.string(), wall: z.number() });
export type Seen = z.infer<typeof seen>;

/** Who says what holds. */
export type By = 'schedule' | 'override' | 'lockdown' | 'clock';

/** What a schedule says of one moment. */
export interface Saying {
  /** Whether the hours hold: its services are to be open, or the profile for the hours is to be in effect. */
  open: boolean;
  by: By;
  /** When that may change, in ms since 1970; null where nothing is to come. */
  until: number | null;
  /** The calendar's next edge, in ms since 1970; null where there is none. */
  next: number | null;
}

export interface Circumstances {
  clock: Clock;
  /** The device's own time zone. */
  zone: string;
  seen: Seen | null;
  /** The profile lockdown was set, by somebody or by the schedule with this id. */
  lockdown: { by: string | null } | null;
}

/** What a schedule's saying depends on besides itself. */
export const circumstancesOf = (
  { seen: last, wanted }: { seen: Seen | null; wanted: { profile: string; by?: string | undefined } | null },
  clock: Clock,
  zone: string,
): Circumstances => ({
  ...{ clock, zone, seen: last },
  lockdown: wanted?.profile === 'lockdown' ? { by: wanted.by ?? null } : null,
});

/** @throws RangeError where the runtime does not know the zone that was registered */
export function sayingOf({ id, subject, calendar: hours, override: over }: Standing, now: Circumstances): Saying {
  const { clock, seen: last, lockdown } = now;
  const zone = zoneFor(hours, now.zone);
  const next = nextEdge(hours, clock.wall, zone);
  if (lockdown && lockdown.by !== id) return { open: false, by: 'lockdown', until: null, next };
  if (isPlainlyWrong(clock, last)) return { open: isTighterOpen(subject), by: 'clock', until: null, next };
  if (over && isInForce(over, clock)) {
    return { open: over.open, by: 'override', until: over.deadline ? endOf(over.deadline, clock) : over.edge, next };
  }
  return { open: isOpenAt(hours, clock.wall, zone), by: 'schedule', until: next, next };
}

/** By the wall clock as it is now: as it was set, unless the clock was set since. */
function endOf(end: Deadline, clock: Clock): number {
  const at = clock.wall + secondsLeft(end, clock) * 1000;
  return isSameMoment(at, end.at) ? end.at : Math.round(at);
}

/** An override that is over does not come back with a clock that is put back. */
export const isOverridden = ({ override: over }: Standing, clock: Clock): boolean =>
  over !== null && isInForce(over, clock);

const isInForce = ({ deadline: end, edge }: NonNullable<Standing['override']>, clock: Clock): boolean =>
  end ? secondsLeft(end, clock) > 0 : edge === null || clock.wall < edge;

/** Somebody may put a clock back by that much while the device runs; after a boot less is to be believed. In ms. */
const PUT_BACK = 48 * 3600 * 1000;
const AT_BOOT = 5 * 60 * 1000;

/** Whether a clock shows a time that was over before: a device without a battery boots in 1970 until it is told the time. */
export const isPlainlyWrong = ({ wall, boot }: Clock, last: Seen | null): boolean =>
  last !== null && wall < last.wall - (last.boot === boot ? PUT_BACK : AT_BOOT);

/** Of the two states of a schedule the one that lets less through. */
const isTighterOpen = (subject: Standing['subject']): boolean =>
  subject.kind === 'profile' && subject.profile === 'lockdown';

/** Whether the firewall has to be made as it says: something else was made last, or it was in another boot, or an override is over. */
export const isToBeMade = (one: Standing, { open }: Saying, clock: Clock): boolean =>
  one.done?.open !== open || one.done.boot !== clock.boot || (one.override !== null && !isOverridden(one, clock));

/** Whether a temporary change is about one of its services: until that ends, the schedule has nothing to say. */
export const isLeased = ({ subject }: Standing, leases: readonly { service: string }[]): boolean =>
  subject.kind === 'services' && leases.some(({ service }) => subject.services.includes(service));

/** Each of them is to be made true again. */
export const anew = (standings: readonly Standing[]): Standing[] => standings.map((one) => ({ ...one, done: null }));
