/** What is so when a lease is over. */
import { unpatched } from '../state/patch';
import { type Plan, unchanged } from '../state/plan';
import type { Lease } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { reversed } from '../state/unit';
import { planWithoutOldPorts } from './web-ports';

/** The lease's end: its service is as it was before it, or nginx and the rules let go of the old web ports. */
export function planLeaseEnd(snapshot: Snapshot, { id, end }: Lease): Plan {
  const leases = snapshot.schedule.leases.filter((lease) => lease.id !== id);
  return { ...endOf(snapshot, end), schedule: { ...snapshot.schedule, leases } };
}

function endOf(snapshot: Snapshot, end: Lease['end']): Plan {
  if (end.kind === 'drop-old-web-ports') return planWithoutOldPorts(snapshot, end.change);
  const plan = { ...unchanged(snapshot), rules: unpatched(snapshot.families, end.patch) };
  return end.unit ? { ...plan, unit: reversed(end.unit) } : plan;
}
