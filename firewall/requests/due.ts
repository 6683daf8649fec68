/** Ends what has come due: takes back what nobody confirmed, ends leases. */
import { readBackup } from '../commit/journal';
import { startTimersAt } from '../commit/timers';
import { type Committed, reschedule, takeBackInterrupted, transact } from '../commit/transaction';
import { codeOf } from '../errors';
import { readClock } from '../host/clock';
import { readSchedule } from '../host/snapshot';
import type { Settings } from '../messages';
import { planLeaseEnd, withoutLease } from '../plan/lease-end';
import { planUndo } from '../plan/restore';
import { type Clock, inThisBoot, secondsLeft } from '../state/clock';
import { type Plan, unchanged } from '../state/plan';
import { isSameLease, type Lease, type Pending, type Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { cutClosed } from './cut';
import { door } from './door';
import { settleStandings } from './standing';

interface Ended {
  warnings: string[];
  /** Something could not be done now; it stays for the next time. */
  failed: boolean;
}

/** What comes before any request: an interrupted change is rolled back, and what has come due is ended. */
export async function catchUp(settings: Settings): Promise<Ended> {
  const recovered = await takeBackInterrupted(settings);
  const { warnings, failed } = await endDue(settings);
  return { warnings: [...recovered, ...warnings], failed };
}

/**
 * Does what has come due. What cannot be done now stays for the next time, and does not keep the request that follows
 * from being made: it may be a lockdown.
 */
export async function endDue(settings: Settings): Promise<Ended> {
  const warnings: string[] = [];
  const clock = await readClock();
  const { pending, leases } = await readSchedule(settings);
  let failed = false;
  const attempt = async (what: string, work: () => Promise<readonly string[]>): Promise<void> => {
    await work().then(
      (said) => warnings.push(...said),
      (error: Error) => {
        failed = true;
        warnings.push(`${what}: ${error.message}`);
      },
    );
  };
  if (pending && isDue(pending, clock)) {
    await attempt('A change that was not confirmed could not be reverted', () => revert(settings, pending));
  }
  const over = leases.filter(({ deadline }) => secondsLeft(deadline, clock) <= 0);
  for (const lease of over)
    await attempt('A temporary opening or closing could not be ended', () => endLease(settings, lease));
  const others = leases.filter(({ deadline }) => secondsLeft(deadline, clock) > 0 && deadline.boot !== clock.boot);
  if (others.length > 0)
    await attempt('Temporary openings or closings have no timer', () => inNewBoot(settings, others, clock));
  const standing = await settleStandings(settings);
  return { warnings: [...warnings, ...standing.warnings], failed: failed || standing.failed };
}

/** A boot reverts what nobody confirmed, however much time is left: somebody may have switched the device off for it. */
const isDue = ({ deadline }: Pending, clock: Clock): boolean =>
  deadline.boot !== clock.boot || secondsLeft(deadline, clock) <= 0;

/** Reverts an unconfirmed change. */
export async function revert(settings: Settings, { id, action, cutConnections }: Pending): Promise<readonly string[]> {
  const checkpoint = await readBackup(settings, id);
  const plan = async (snapshot: Snapshot): Promise<Plan> =>
    // Somebody else may have confirmed or undone it while this was waiting for the lock.
    snapshot.schedule.pending?.id === id ? planUndo(snapshot, checkpoint) : unchanged(snapshot);
  const guard = door(settings, FREE);
  const intent = { action: `not confirmed: ${action}`, reason: 'unconfirmed' as const, plan, guard, movesWeb: true };
  const done = await transact(settings, intent, false);
  const warnings = [...done.warnings, ...(await cutIf(cutConnections, done))];
  return done.changed ? [`The change "${action}" was not confirmed and has been reverted.`, ...warnings] : warnings;
}

/**
 * Ends a lease, in a transaction of its own. It may let in again what was let in before; but it never closes the last way in
 * to the web pages: then all stays as it is, for good.
 */
export async function endLease(settings: Settings, lease: Lease): Promise<readonly string[]> {
  const isThere = ({ schedule }: Snapshot): boolean => schedule.leases.some((one) => isSameLease(one, lease));
  const intent = { action: `end of lease: ${lease.service}`, reason: 'lease-over' as const, movesWeb: true };
  const ending = {
    ...intent,
    plan: (snapshot: Snapshot): Plan => (isThere(snapshot) ? planLeaseEnd(snapshot, lease) : unchanged(snapshot)),
    guard: door(settings, { force: false, onlyTighten: false }),
  };
  const staying = {
    ...intent,
    plan: (snapshot: Snapshot): Plan => ({
      ...unchanged(snapshot),
      schedule: withoutLease(snapshot.schedule, lease),
    }),
    guard: door(settings, FREE),
  };
  try {
    const done = await transact(settings, ending, false);
    return [...done.warnings, ...(await cutIf(lease.cutConnections, done))];
  } catch (error) {
    if (codeOf(error) !== 'LOCKOUT') throw error;
    const { warnings } = await transact(settings, staying, false);
    return [
      `The temporary change of ${lease.service} was to end, but that would close the last way in to the web pages: it stays.`,
      ...warnings,
    ];
  }
}

/** What was open for a while only is not to live on in its connections. */
const cutIf = async (isWanted: boolean | undefined, done: Committed): Promise<readonly string[]> =>
  isWanted && done.changed ? (await cutClosed(done)).warnings : [];

/** For what only brings back what was: neither limited nor refused. */
const FREE = { force: true, onlyTighten: false };

/** systemd forgets its timers at a boot; and what is left of a lease is counted by the clock no longer. */
async function inNewBoot(settings: Settings, leases: readonly Lease[], clock: Clock): Promise<readonly string[]> {
  const renewed = leases.map((lease) => ({ ...lease, deadline: inThisBoot(lease.deadline, clock) }));
  for (const { id, deadline } of renewed) await startTimersAt(settings, id, [deadline]);
  return reschedule(
    settings,
    ({ schedule }): Schedule => ({
      ...schedule,
      leases: schedule.leases.map((lease) => renewed.find((one) => isSameLease(one, lease)) ?? lease),
    }),
  );
}
