import { lstat } from 'node:fs/promises';
import { FirewallError, say } from '../errors';
import { deadlineAfter } from '../host/clock';
import type { Call, Settings } from '../messages';
import { planLeaseEnd } from '../plan/lease-end';
import { onTop } from '../plan/on-top';
import { planWebPorts } from '../plan/web-ports';
import type { ChangeResult, Repetition } from '../results';
import type { Plan } from '../state/plan';
import { type Lease, WEB_LEASE } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { siteRefusal } from '../web/refusal';
import { change } from './change';

/** Moves the web ports, in nginx and in the rules together. */
export async function changeWebPorts(
  settings: Settings,
  { request, order, since }: Call<'changeWebPorts'>,
): Promise<ChangeResult | Repetition> {
  if (request.reload === 'reboot' && request.confirmWithin > 0) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`confirmWithin: a restart of the device reverts an unconfirmed change, so this cannot be combined with reload "reboot".`,
      remedy: say`Use reload "reload", which needs no restart.`,
    });
  }
  await refuseLink(settings.webSite);
  const { keepOldOpen, confirmWithin } = request;
  // As long as it may be reverted, the old ports are what it would go back to.
  const least = confirmWithin === 0 ? 0 : confirmWithin + 1;
  const deadline = await deadlineAfter(keepOldOpen === 0 ? 0 : Math.max(keepOldOpen, least));
  const ports = [request.http, request.https].filter((port) => port !== undefined).join(' ');
  return change(
    settings,
    {
      ...{ action: `change-web-ports ${request.mode} ${ports}`.trim(), movesWeb: true, order, since },
      plan: (snapshot, id) => {
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
      },
    },
    request,
  );
}

/** A link would be replaced, or its target changed behind the back of whoever made it. */
async function refuseLink(path: string): Promise<void> {
  const isLink = await lstat(path).then(
    (stat) => stat.isSymbolicLink(),
    (error: NodeJS.ErrnoException) => {
      // A file that is missing or may not be looked at is reported when it is read.
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES') return false;
      throw error;
    },
  );
  if (isLink) throw siteRefusal(say`${path} is a symbolic link; specify the file it points to.`);
}
