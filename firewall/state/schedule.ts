/**
 * What is to happen later without anybody asking: an unconfirmed change is taken back, a lease ends. And which profile is to
 * hold. Kept in one file next to the backups and written in the same transaction as the change it belongs to.
 */
import * as z from 'zod/mini';
import { guard, optionalServices, policy, requestId, scheduleId } from '../messages';
import { webPortChange } from '../web/edit';
import { changeId } from './change-id';
import { deadline } from './clock';
import { type LastLockdown, lastLockdown } from './last-lockdown';
import { type LastRequest, lastRequest } from './last-request';
import { entriesOf, entryOf, type Form, textFor, understood } from './own-file';
import { patch } from './patch';
import { type Seen, type Standing, seen, standing } from './standing';
import { unitChange } from './unit';

/** The profile that was set last, as it was asked for. */
const wantedProfile = z.object({
  profile: z.string(),
  optionalServices,
  /** It was narrowed to the peers of its services. */
  peers: z.optional(z.boolean()),
  /** The schedule that has set it; left out where somebody has. */
  by: z.optional(scheduleId),
});
export type WantedProfile = z.infer<typeof wantedProfile>;

const policies = z.object({ incoming: policy, outgoing: policy, routed: policy });
const setByProfile = z.object({ policies, enabled: z.boolean(), wanted: z.nullable(wantedProfile) });
/** What a profile has set besides rules. */
const profileChange = z.object({ from: setByProfile, to: setByProfile });
export type ProfileChange = z.infer<typeof profileChange>;

const pending = z.object({
  /** The change that is taken back unless it is confirmed. */
  id: changeId,
  action: z.string(),
  deadline,
  guard,
  /** Connections that begin in the meantime end with it, if it is taken back. */
  cutConnections: z.optional(z.boolean()),
  /** The operator's request that asked for it, by whose id it may be confirmed too. */
  request: z.optional(requestId),
});
export type Pending = z.infer<typeof pending>;

const lease = z.object({
  /** The change that the lease began with. */
  id: changeId,
  /** What it is about, for people: a service's id, or `web ports`. */
  service: z.string(),
  /** One lease per thing: a later request about the same thing replaces or ends it. */
  key: z.string(),
  deadline,
  /** What happens when a lease is over: nginx and the rules let go of the old web ports, or a service is as it was. */
  end: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('drop-old-web-ports'), change: webPortChange }),
    z.object({
      kind: z.literal('undo'),
      patch,
      unit: z.optional(unitChange),
      /** Of a temporary profile: what else it has set. */
      profile: z.optional(profileChange),
    }),
  ]),
  /** Connections that begin in the meantime end with it. */
  cutConnections: z.optional(z.boolean()),
});
export type Lease = z.infer<typeof lease>;

/** One change may begin several leases, each about another thing. */
export const isSameLease = (a: Pick<Lease, 'id' | 'key'>, b: Pick<Lease, 'id' | 'key'>): boolean =>
  a.id === b.id && a.key === b.key;

/** The keys of the one lease about the web ports, and of the one about the profile. */
export const WEB_LEASE = 'web';
export const PROFILE_LEASE = 'profile';

export interface Schedule {
  pending: Pending | null;
  leases: readonly Lease[];
  /** Null where none was ever set, or where what set it was undone. */
  wanted: WantedProfile | null;
  /** Null where no operator ever asked for anything. */
  lastRequest: LastRequest | null;
  /** Null where there was none. */
  lockdown: LastLockdown | null;
  /** Whatever is undone or restored, they stay. */
  standings: readonly Standing[];
  /** Null where there was no schedule yet. */
  seen: Seen | null;
  /** The edge that systemd was last asked to wait for, in ms since 1970, and in which boot. */
  armed: Armed | null;
}

const armed = z.object({ boot: z.string(), at: z.nullable(z.number()) });
type Armed = z.infer<typeof armed>;

export const NOTHING_SCHEDULED: Schedule = {
  ...{ pending: null, leases: [], wanted: null, lastRequest: null, lockdown: null },
  ...{ standings: [], seen: null, armed: null },
};

/** Whether both ask for the same profile, or neither for any. */
export const isSameWish = (a: WantedProfile | null, b: WantedProfile | null): boolean =>
  a?.profile === b?.profile && a?.optionalServices === b?.optionalServices && a?.peers === b?.peers && a?.by === b?.by;

/** What is wrong with one thing that is to happen later does not keep another from happening. */
export const SCHEDULE: Form<Schedule> = {
  version: 1,
  empty: NOTHING_SCHEDULED,
  // A file from before profiles or requests were kept has none.
  read: (content, flaws) => ({
    pending: entryOf(z.nullish(pending), content.pending, 'pending', flaws) ?? null,
    leases: content.leases === undefined ? [] : entriesOf(lease, content.leases, 'leases', flaws),
    wanted: entryOf(z.nullish(wantedProfile), content.wanted, 'wanted', flaws) ?? null,
    lastRequest: entryOf(z.nullish(lastRequest), content.lastRequest, 'lastRequest', flaws) ?? null,
    lockdown: entryOf(z.nullish(lastLockdown), content.lockdown, 'lockdown', flaws) ?? null,
    standings: content.schedules === undefined ? [] : entriesOf(standing, content.schedules, 'schedules', flaws),
    seen: entryOf(z.nullish(seen), content.seen, 'seen', flaws) ?? null,
    armed: entryOf(z.nullish(armed), content.armed, 'armed', flaws) ?? null,
  }),
  write(schedule) {
    if (isNothing(schedule)) return null;
    const { pending: waiting, wanted, lastRequest: last, lockdown, standings, seen: time, armed: timer } = schedule;
    const leases = schedule.leases.map((one) => z.encode(lease, one));
    return {
      ...{ pending: waiting, leases, wanted, lastRequest: last },
      ...(lockdown ? { lockdown } : {}),
      ...(standings.length > 0 ? { schedules: standings } : {}),
      ...(time ? { seen: time } : {}),
      ...(timer ? { armed: timer } : {}),
    };
  },
};

const isNothing = ({ leases, standings, ...others }: Schedule): boolean =>
  leases.length === 0 && standings.length === 0 && Object.values(others).every((one) => one === null);

/** What can be understood of the file's text. */
export const parseSchedule = (text: string): Schedule => understood(SCHEDULE, text).value ?? NOTHING_SCHEDULED;

/** The file's text (UTF-8 as latin1); empty for nothing. */
export const formatSchedule = (schedule: Schedule): string => textFor(SCHEDULE, schedule);
