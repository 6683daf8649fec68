/**
 * What is to happen later without anybody asking: an unconfirmed change is reverted, a lease ends. And which profile is to
 * hold. Kept in one file next to the backups and written in the same transaction as the change it belongs to.
 */
import { readFile } from 'node:fs/promises';
import { FirewallError, say } from '../errors';
import type { UnitChange } from '../host/systemd';
import type { SetProfileRequest } from '../messages';
import type { Guard } from '../results';
import type { WebPortChange } from '../web/edit';
import type { Patch } from './patch';

/** A moment that neither a change of the clock nor a reboot makes ambiguous. */
export interface Deadline {
  /** The boot in which it was set, and the machine's uptime at which it comes, in seconds. */
  boot: string;
  uptime: number;
  /** When it was set and when it comes by the wall clock, in ms since 1970: all that counts after a reboot. */
  setAt: number;
  at: number;
}

export interface Pending {
  /** The change that is reverted unless it is confirmed. */
  id: string;
  action: string;
  deadline: Deadline;
  guard: Guard;
  /** The operator's request that asked for it, which may be confirmed by its id too. */
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
export type LeaseEnd =
  | { kind: 'drop-old-web-ports'; change: WebPortChange }
  | { kind: 'undo'; patch: Patch; unit?: UnitChange };

/** The profile that was set last, as it was asked for. */
export type WantedProfile = Pick<SetProfileRequest, 'profile' | 'optionalServices'>;

/** The operator's request that was carried out last. It is never forgotten, whatever is reverted. */
export interface LastRequest {
  id: string;
  /** ISO 8601, UTC, by the operator's clock. */
  issued: string;
  /** The change that did it, or that it confirmed. */
  change: string;
  /** That change has been undone since. */
  undone?: boolean;
}

export interface Schedule {
  pending: Pending | null;
  leases: readonly Lease[];
  /** Null where none was ever set, or where what set it was undone. */
  wanted: WantedProfile | null;
  /** Null where no operator ever asked for anything. */
  lastRequest: LastRequest | null;
}

export const NOTHING_SCHEDULED: Schedule = { pending: null, leases: [], wanted: null, lastRequest: null };

/** Whether both ask for the same profile, or neither for any. */
export const isSameWish = (a: WantedProfile | null, b: WantedProfile | null): boolean =>
  a?.profile === b?.profile && a?.optionalServices === b?.optionalServices;

/** @throws FirewallError INTERNAL where the file is damaged. */
export function parseSchedule(text: string, path: string): Schedule {
  if (text.trim() === '') return NOTHING_SCHEDULED;
  try {
    // A file from before profiles or requests were kept has none.
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
  const { pending, leases, wanted, lastRequest } = schedule;
  if (pending === null && leases.length === 0 && wanted === null && lastRequest === null) return '';
  return Buffer.from(`${JSON.stringify(schedule, null, 2)}\n`, 'utf8').toString('latin1');
}

/** What the deadlines are measured with. */
export interface Clock {
  boot: string;
  /** Seconds. */
  uptime: number;
  /** Ms since 1970. */
  wall: number;
}

export async function readClock(): Promise<Clock> {
  const [boot, uptime] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile('/proc/uptime', 'utf8'),
  ]);
  return { boot: boot.trim(), uptime: Number(uptime.split(' ')[0]), wall: Date.now() };
}

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
