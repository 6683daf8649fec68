/** Moving the web ports, with the old ones in use for a while. */
import type { ChangeWebPortsRequest, Settings } from '../messages';
import type { Deadline } from '../state/clock';
import type { Plan } from '../state/plan';
import { type Lease, WEB_LEASE } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { planLeaseEnd } from './lease-end';
import { onTop } from './on-top';
import { planWebPorts } from './web-ports';

/** For how many seconds the old ports are in use. As long as it may be reverted, they are what it would go back to. */
export function oldPortsFor({ keepOldOpen, confirmWithin }: ChangeWebPortsRequest): number {
  const least = confirmWithin === 0 ? 0 : confirmWithin + 1;
  return keepOldOpen === 0 ? 0 : Math.max(keepOldOpen, least);
}

/**
 * @param deadline when the old ports go; null: at once
 * @throws FirewallError NGINX_CONFIG, NGINX_NOT_FOUND, INVALID_INPUT, PORT_IN_USE
 */
export async function planWebChange(
  snapshot: Snapshot,
  settings: Settings,
  request: ChangeWebPortsRequest,
  { id, deadline }: { id: string; deadline: Deadline | null },
): Promise<Plan> {
  const moved = (base: Snapshot): Plan => {
    const { change: moves, ...planned } = planWebPorts(base, settings, request);
    if (deadline === null || planned.site === undefined) return planned;
    const end = { kind: 'drop-old-web-ports', change: moves } as const;
    const { cutConnections } = request;
    const lease: Lease = { id, service: 'web ports', key: WEB_LEASE, deadline, end, cutConnections };
    return { ...planned, schedule: { ...base.schedule, leases: [...base.schedule.leases, lease] } };
  };
  // The old ports of an earlier move are over before there is another.
  const earlier = snapshot.schedule.leases.find(({ key }) => key === WEB_LEASE);
  return earlier ? onTop(snapshot, planLeaseEnd(snapshot, earlier), moved) : moved(snapshot);
}
