/** What is so when a lease is over. */
import { type Plan, unchanged } from '../state/plan';
import { isSameLease, type Lease, type Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { anew } from '../state/standing';
import { reversed } from '../state/unit';
import { without } from './lease';
import { planWithoutOldPorts } from './web-ports';

/** The lease's end: all is as it was before it, or nginx and the rules let go of the old web ports. */
export function planLeaseEnd(snapshot: Snapshot, lease: Lease): Plan {
  const { end } = lease;
  if (end.kind === 'drop-old-web-ports') {
    return { ...planWithoutOldPorts(snapshot, end.change), schedule: withoutLease(snapshot.schedule, lease) };
  }
  const { unit } = end;
  const base = without(snapshot, end);
  const plan = { ...unchanged(base), schedule: withoutLease(base.schedule, lease) };
  return unit ? { ...plan, unit: reversed(unit) } : plan;
}

/** What is to happen later without the lease; what it has held back is made true again. */
export const withoutLease = (schedule: Schedule, over: Lease): Schedule => ({
  ...schedule,
  leases: schedule.leases.filter((lease) => !isSameLease(lease, over)),
  standings: anew(schedule.standings),
});
