import { lstat } from 'node:fs/promises';
import { FirewallError, say } from '../errors';
import { deadlineAfter } from '../host/clock';
import type { Call, Settings } from '../messages';
import { oldPortsFor, planWebChange } from '../plan/web-change';
import type { ChangeResult, Repetition } from '../results';
import { siteRefusal } from '../web/refusal';
import { byOf } from './by';
import { change } from './change';

/** Moves the web ports, in nginx and in the rules together. */
export async function changeWebPorts(
  settings: Settings,
  call: Call<'changeWebPorts'>,
): Promise<ChangeResult | Repetition> {
  const { request, order, since } = call;
  if (request.reload === 'reboot' && request.confirmWithin > 0) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`confirmWithin: a restart of the device reverts an unconfirmed change, so this cannot be combined with reload "reboot".`,
      remedy: say`Use reload "reload", which needs no restart.`,
    });
  }
  await refuseLink(settings.webSite);
  const deadline = await deadlineAfter(oldPortsFor(request));
  const ports = [request.http, request.https].filter((port) => port !== undefined).join(' ');
  return change(
    settings,
    {
      ...{ action: `change-web-ports ${request.mode} ${ports}`.trim(), movesWeb: true, by: byOf(call), order, since },
      plan: (snapshot, id) => planWebChange(snapshot, settings, request, { id, deadline }),
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
