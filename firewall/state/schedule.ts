/**
 * What is to happen later without anybody asking: an unconfirmed change is taken back, a lease ends. And which profile is to
 * hold. Kept in one file next to the backups and written in the same transaction as the change it belongs to.
 */
import { FirewallError, say } from '../errors';
import type { SetProfileRequest } from '../messages';
import type { Guard } from '../results';
import type { WebPortChange } from '../web/edit';
import type { Deadline } from './clock';
import type { LastLockdown } from './last-lockdown';
import type { LastRequest } from './last-request';
import type { Patch } from './patch';
import type { UnitChange } from './unit';

export interface Pending {
  /** The change that is taken back unless it is confirmed. */
  id: string;
  action: string;
  deadline: Deadline;
  guard: Guard;
  /** The operator's request that asked for it, by whose id it may be confirmed too. */
  request?: string;
}

export interface Lease {
  /** The change that the lease began with. */
  id: string;
  /** What it is about, for people: a service's id, or `web ports`. */
  service: string;
  /** One lease per thing: a later request about the same thing replaces or ends it. */
  key: string;
  deadline: Deadline;
  end: LeaseEnd;
}

/** What happens when a lease is over: nginx and the rules let go of the old web ports, or a service is as it was. */
type LeaseEnd =
  | { kind: 'drop-old-web-ports'; change: WebPortChange }
  | { kind: 'undo'; patch: Patch; unit?: UnitChange };

/** The key of the one lease about the web ports. */
export const WEB_LEASE = 'web';

/** The profile that was set last, as it was asked for. */
export type WantedProfile = Pick<SetProfileRequest, 'profile' | 'optionalServices'>;

export interface Schedule {
  pending: Pending | null;
  leases: readonly Lease[];
  /** Null where none was ever set, or where what set it was undone. */
  wanted: WantedProfile | null;
  /** Null where no operator ever asked for anything. */
  lastRequest: LastRequest | null;
  /** Null where there was none. */
  lockdown: LastLockdown | null;
}

export const NOTHING_SCHEDULED: Schedule = {
  ...{ pending: null, leases: [], wanted: null, lastRequest: null, lockdown: null },
};

/** Whether both ask for the same profile, or neither for any. */
export const isSameWish = (a: WantedProfile | null, b: WantedProfile | null): boolean =>
  a?.profile === b?.profile && a?.optionalServices === b?.optionalServices;

/** @throws FirewallError INTERNAL where the file is damaged. */
export function parseSchedule(text: string, path: string): Schedule {
  if (text.trim() === '') return NOTHING_SCHEDULED;
  try {
    // A file from before profiles, requests or lockdowns were kept has none.
    return { ...NOTHING_SCHEDULED, ...JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) } as Schedule;
  } catch (error) {
    throw new FirewallError(
      'INTERNAL',
      { what: say`${path} is damaged.`, remedy: say`Check the firewall with "ufw status", then remove ${path}.` },
      error,
    );
  }
}

/** The file's text (UTF-8 as latin1); empty for nothing. */
export function formatSchedule(schedule: Schedule): string {
  const { leases, ...others } = schedule;
  if (leases.length === 0 && Object.values(others).every((one) => one === null)) return '';
  return Buffer.from(`${JSON.stringify(schedule, null, 2)}\n`, 'utf8').toString('latin1');
}
