/** Ends what has come due: takes back what nobody confirmed, ends leases. */
import { readBackup } from '../commit/journal';
import { startTimersAt } from '../commit/timers';
import { type Committed, reschedule, takeBackInterrupted, transact } from '../commit/transaction';
import { codeOf } from '../errors';
import { readClock } from '../host/clock';
import { readSchedule } from '../host/snapshot';
import { BY_TIMER } from '../ledger/source';
import type { Settings } from '../messages';
import { dueIn, ENDING, FREE, planEnding, planRevert, planStaying, withRenewed } from '../plan/due';
import type { Plan } from '../state/plan';
import type { Lease, Pending } from '../state/schedule';
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
export async function catchUp(settings: Settings, by = BY_TIMER): Promise<Ended> {
  const recovered = await takeBackInterrupted(settings);
  const { warnings, failed } = await endDue(settings, by);
  return { warnings: [...recovered, ...warnings], failed };
}

/**
 * Does what has come due. What cannot be done now stays for the next time, and does not keep the request that follows
 * from being made: it may be a lockdown.
 */
export async function endDue(settings: Settings, by = BY_TIMER): Promise<Ended> {
  const warnings: string[] = [];
  const clock = await readClock();
  const { pending, over, renewed } = dueIn(await readSchedule(settings), clock);
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
  if (pending) {
    await attempt('A change that was not confirmed could not be reverted', () => revert(settings, pending, by));
  }
  for (const lease of over)
    await attempt('A temporary opening or closing could not be ended', () => endLease(settings, lease, by));
  if (renewed.length > 0)
    await attempt('Temporary openings or closings have no timer', () => inNewBoot(settings, renewed));
  const standing = await settleStandings(settings, by);
  return { warnings: [...warnings, ...standing.warnings], failed: failed || standing.failed };
}

/** Reverts an unconfirmed change. */
export async function revert(
  settings: Settings,
  { id, action, cutConnections }: Pending,
  by = BY_TIMER,
): Promise<readonly string[]> {
  const checkpoint = await readBackup(settings, id);
  const plan = (snapshot: Snapshot): Promise<Plan> => planRevert(snapshot, checkpoint);
  const guard = door(settings, FREE);
  const intent = {
    action: `not confirmed: ${action}`,
    reason: 'unconfirmed' as const,
    by,
    plan,
    guard,
    movesWeb: true,
  };
  const done = await transact(settings, intent, false);
  const warnings = [...done.warnings, ...(await cutIf(cutConnections, done))];
  return done.changed ? [`The change "${action}" was not confirmed and has been reverted.`, ...warnings] : warnings;
}

/**
 * Ends a lease, in a transaction of its own; where that would close the last way in to the web pages, all stays as it is,
 * for good.
 */
export async function endLease(settings: Settings, lease: Lease, by = BY_TIMER): Promise<readonly string[]> {
  const intent = { action: `end of lease: ${lease.service}`, reason: 'lease-over' as const, by, movesWeb: true };
  const ending = {
    ...intent,
    plan: (snapshot: Snapshot): Plan => planEnding(snapshot, lease),
    guard: door(settings, ENDING),
  };
  const staying = {
    ...intent,
    plan: (snapshot: Snapshot): Plan => planStaying(snapshot, lease),
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
  isWanted && done.changed ? cutClosed(done) : [];

/** systemd forgets its timers at a boot; and what is left of a lease is counted by the clock no longer. */
async function inNewBoot(settings: Settings, renewed: readonly Lease[]): Promise<readonly string[]> {
  for (const { id, deadline } of renewed) await startTimersAt(settings, id, [deadline]);
  return reschedule(settings, ({ schedule }) => withRenewed(schedule, renewed));
}
