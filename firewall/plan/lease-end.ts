/** What is so when a lease is over. */
import { unpatched } from '../state/patch';
import { type Plan, unchanged } from '../state/plan';
import type { Lease, Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { reversed } from '../state/unit';
import { planWithoutOldPorts } from './web-ports';

/** The lease's end: its service is as it was before it, or nginx and the rules let go of the old web ports. */
export function planLeaseEnd(snapshot: Snapshot, { id, end }: Lease): Plan {
  return { ...endOf(snapshot, end), schedule: withoutLease(snapshot.schedule, id) };
}

export const withoutLease = (schedule: Schedule, id: string): Schedule => ({
  ...schedule,
  leases: schedule.leases.filter((lease) => lease.id !== id),
});

function endOf(snapshot: Snapshot, end: Lease['end']): Plan {
  if (end.kind === 'drop-old-web-ports') return planWithoutOldPorts(snapshot, end.change);
  const plan = { ...unchanged(snapshot), rules: unpatched(snapshot.families, end.patch) };
  return end.unit ? { ...plan, unit: reversed(end.unit) } : plan;
}
