/** What has come due, and the changes that end it. */

import type { Checkpoint } from '../state/checkpoint';
import { type Clock, inThisBoot, secondsLeft } from '../state/clock';
import { type Plan, unchanged } from '../state/plan';
import { isSameLease, type Lease, type Pending, type Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import type { Limits } from './guard';
import { planLeaseEnd, withoutLease } from './lease-end';
import { planUndo } from './restore';

interface Due {
  /** The change that nobody confirmed in time. */
  pending: Pending | null;
  /** The leases that are over. */
  over: readonly Lease[];
  /** The others whose deadline is still counted by an earlier boot, with the same time left in this one. */
  renewed: readonly Lease[];
}

export function dueIn({ pending, leases }: Pick<Schedule, 'pending' | 'leases'>, clock: Clock): Due {
  const isOver = ({ deadline }: Lease): boolean => secondsLeft(deadline, clock) <= 0;
  return {
    pending: pending && isUnconfirmed(pending, clock) ? pending : null,
    over: leases.filter(isOver),
    renewed: leases
      .filter((lease) => !isOver(lease) && lease.deadline.boot !== clock.boot)
      .map((lease) => ({ ...lease, deadline: inThisBoot(lease.deadline, clock) })),
  };
}

/** A boot reverts what nobody confirmed, however much time is left: somebody may have switched the device off for it. */
const isUnconfirmed = ({ deadline }: Pending, clock: Clock): boolean =>
  deadline.boot !== clock.boot || secondsLeft(deadline, clock) <= 0;

/** The schedule with leases as they are counted in this boot. */
export const withRenewed = (schedule: Schedule, renewed: readonly Lease[]): Schedule => ({
  ...schedule,
  leases: schedule.leases.map((lease) => renewed.find((one) => isSameLease(one, lease)) ?? lease),
});

/** Somebody else may have confirmed or undone it meanwhile. @param checkpoint of the change that was not confirmed */
export const planRevert = async (snapshot: Snapshot, checkpoint: Checkpoint): Promise<Plan> =>
  snapshot.schedule.pending?.id === checkpoint.id ? planUndo(snapshot, checkpoint) : unchanged(snapshot);

/** The end of a lease that is still there. */
export const planEnding = (snapshot: Snapshot, lease: Lease): Plan =>
  snapshot.schedule.leases.some((one) => isSameLease(one, lease)) ? planLeaseEnd(snapshot, lease) : unchanged(snapshot);

/** What a lease opened or closed stays, for good. */
export const planStaying = (snapshot: Snapshot, lease: Lease): Plan => ({
  ...unchanged(snapshot),
  schedule: withoutLease(snapshot.schedule, lease),
});

/** A lease's end may let in again what was let in before, but it never closes the last way in to the web pages. */
export const ENDING: Limits = { force: false, onlyTighten: false };
/** For what only brings back what was: neither limited nor refused. */
export const FREE: Limits = { force: true, onlyTighten: false };
