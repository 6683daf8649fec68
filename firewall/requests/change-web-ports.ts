import { lstat } from 'node:fs/promises';
import { FirewallError, say } from '../errors';
import { deadlineAfter, readClock } from '../host/clock';
import { readSchedule } from '../host/snapshot';
import type { Call, Settings } from '../messages';
import { planWebPorts } from '../plan/web-ports';
import type { ChangeResult, Repetition } from '../results';
import { type Lease, WEB_LEASE } from '../state/schedule';
import { siteRefusal } from '../web/refusal';
import { change, waits } from './change';
import { endLease } from './due';

/** Moves the web ports, in nginx and in the rules together. */
export async function changeWebPorts(
  settings: Settings,
  { request, order }: Call<'changeWebPorts'>,
): Promise<ChangeResult | Repetition> {
  if (request.reload === 'reboot' && request.confirmWithin > 0) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`confirmWithin: a restart of the device takes an unconfirmed change back, so it cannot go with reload "reboot".`,
      remedy: say`Use reload "reload", which needs no restart.`,
    });
  }
  await refuseLink(settings.webSite);
  if (!request.dryRun) await endWebLease(settings);
  const deadline = await deadlineAfter(request.keepOldOpen);
  const ports = [request.http, request.https].filter((port) => port !== undefined).join(' ');
  return change(
    settings,
    {
      ...{ action: `change-web-ports ${request.mode} ${ports}`.trim(), movesWeb: true, order },
      plan: (snapshot, id) => {
        const { change: moves, ...planned } = planWebPorts(snapshot, settings, request);
        if (deadline === null || planned.site === undefined) return planned;
        const end = { kind: 'drop-old-web-ports', change: moves } as const;
        const lease: Lease = { id, service: 'web ports', key: WEB_LEASE, deadline, end };
        return { ...planned, schedule: { ...snapshot.schedule, leases: [...snapshot.schedule.leases, lease] } };
      },
    },
    request,
  );
}

/** The old ports of an earlier move are over before there is another. */
async function endWebLease(settings: Settings): Promise<void> {
  const { pending, leases } = await readSchedule(settings);
  if (pending) throw waits(pending, await readClock());
  for (const lease of leases.filter(({ key }) => key === WEB_LEASE)) await endLease(settings, lease);
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
  if (isLink) throw siteRefusal(say`${path} is a symbolic link; name the file it leads to.`);
}
