/** What is so when a lease is over. */
import { unpatched } from '../state/patch';
import { type Plan, unchanged } from '../state/plan';
import { isSameLease, type Lease, type Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { reversed } from '../state/unit';
import { planWithoutOldPorts } from './web-ports';

/** The lease's end: its service is as it was before it, or nginx and the rules let go of the old web ports. */
export function planLeaseEnd(snapshot: Snapshot, lease: Lease): Plan {
  return { ...endOf(snapshot, lease.end), schedule: withoutLease(snapshot.schedule, lease) };
}

export const withoutLease = (schedule: Schedule, over: Lease): Schedule => ({
  ...schedule,
  leases: schedule.leases.filter((lease) => !isSameLease(lease, over)),
});

function endOf(snapshot: Snapshot, end: Lease['end']): Plan {
  if (end.kind === 'drop-old-web-ports') return planWithoutOldPorts(snapshot, end.change);
  const plan = { ...unchanged(snapshot), rules: unpatched(snapshot.families, end.patch) };
  return end.unit ? { ...plan, unit: reversed(end.unit) } : plan;
}
