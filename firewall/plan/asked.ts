/** What a request says besides what it plans: one change waits at a time, and the schedule says what becomes of it. */
import { FirewallError, say } from '../errors';
import type { Guard, Order } from '../messages';
import { type Clock, type Deadline, deadlineText } from '../state/clock';
import type { LastLockdown } from '../state/last-lockdown';
import { remembered } from '../state/last-request';
import type { Plan } from '../state/plan';
import type { Pending, WantedProfile } from '../state/schedule';
import { changedFiles, type Snapshot, withWanted } from '../state/snapshot';

export interface Asked {
  id: string;
  action: string;
  dryRun: boolean;
  /** When it is reverted unless it is confirmed; null: it needs no confirmation. */
  deadline: Deadline | null;
  guard: Guard;
  /** Connections that begin until then end with it. */
  cutConnections: boolean;
  /** The operator's request that asks for it. */
  order?: Order | undefined;
  /** The profile that is to hold from now on. */
  wanted?: WantedProfile | undefined;
}

/**
 * @param overrides it is made although another change waits to be confirmed
 * @throws FirewallError PENDING_CHANGE
 */
export function refuseWhileWaiting(
  pending: Pending | null,
  { id, dryRun, overrides }: Pick<Asked, 'id' | 'dryRun'> & { overrides: boolean },
  clock: Clock,
): void {
  if (!pending || pending.id === id || overrides || dryRun) return;
  throw new FirewallError('PENDING_CHANGE', {
    what: say`the change "${pending.action}" (${pending.id}) is waiting for confirmation until ${deadlineText(pending.deadline, clock)}.`,
    remedy: say`Confirm or undo it; the profile lockdown reverts it automatically.`,
  });
}

/**
 * The plan with what the request says of the time after it.
 * @param lastWord what is remembered of a lockdown, by whether it changes anything; null for any other request
 */
export async function scheduled(
  snapshot: Snapshot,
  planned: Plan,
  { id, action, dryRun, deadline, guard, cutConnections, order, wanted }: Asked,
  lastWord: (acts: boolean) => Promise<LastLockdown | null>,
): Promise<Plan> {
  const acts = planned.unit !== undefined || changedFiles(snapshot, await withWanted(snapshot, planned)).length > 0;
  const lockdown = await lastWord(acts);
  return {
    ...planned,
    schedule: {
      ...(planned.schedule ?? snapshot.schedule),
      ...(wanted && (acts || !dryRun) ? { wanted } : {}),
      ...(deadline && acts ? { pending: { id, action, deadline, guard, cutConnections, request: order?.id } } : {}),
      ...(order && !dryRun ? { lastRequest: remembered(order, id) } : {}),
      ...(lockdown ? { lockdown } : {}),
    },
  };
}
