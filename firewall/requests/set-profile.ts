import { readBackup } from '../commit/journal';
import { messageOf } from '../errors';
import { deadlineAfter } from '../host/clock';
import { readSchedule } from '../host/snapshot';
import type { Call, SetProfileRequest, Settings } from '../messages';
import { onTop } from '../plan/on-top';
import { planUndo } from '../plan/restore';
import { planProfile } from '../plan/set-profile';
import type { ChangeResult, Repetition } from '../results';
import { ANY_SCOPE, profileNamed } from '../services/profiles';
import type { Checkpoint } from '../state/checkpoint';
import { type Plan, unchanged } from '../state/plan';
import type { Snapshot } from '../state/snapshot';
import type { Closing } from '../verdicts/still-open';
import { change } from './change';
import { overriding } from './override';
import { registryFor } from './read';
import { withStandings } from './standing';

/** Applies a profile. A lockdown also takes back the change that waits to be confirmed, if there is one. */
export async function setProfile(
  settings: Settings,
  { request, order, since }: Call<'setProfile'>,
): Promise<ChangeResult | Repetition> {
  const { profile, optionalServices, overrideOthers, duration, cutConnections } = request;
  const deadline = await deadlineAfter(duration);
  const isLockdown = profile === 'lockdown';
  const waiting = isLockdown ? await waitingChange(settings) : null;
  return change(
    settings,
    {
      ...{ action: `set-profile ${profile}`, order, since, duration, wanted: { profile, optionalServices } },
      ...{ isLockdown, overrides: isLockdown, movesWeb: waiting !== null },
      // Nothing must hold up a lockdown.
      ...(isLockdown ? {} : { bounded: 'profile' }),
      closings: (after) => closingsOf(settings, after, request),
      plan: async (snapshot, id, kernel) => {
        const applied = async (base: Snapshot): Promise<Plan> => {
          const temporarily = deadline && { id, deadline, cutConnections };
          const applying = (blocked: readonly Closing[]): Promise<Plan> =>
            planProfile(base, registryFor(settings, base), request, blocked, temporarily);
          const planned = await applying([]);
          if (!isLockdown) return withStandings(settings, base, planned, id);
          if (!overrideOthers) return planned;
          return overriding({ before: snapshot, base, kernel }, planned, closingsOf(settings, base, request), applying);
        };
        const { pending } = snapshot.schedule;
        if (!isLockdown || !pending) return applied(snapshot);
        return onTop(snapshot, await takenBack(snapshot, pending.action, waiting), applied);
      },
    },
    request,
  );
}

/** What a profile closes. */
const closingsOf = (settings: Settings, snapshot: Snapshot, request: SetProfileRequest): Closing[] =>
  profileNamed(registryFor(settings, snapshot), request.profile, request.optionalServices)
    .expectations.filter(({ want }) => want === 'closed')
    .map(({ service, direction }) => ({ service, direction, scope: ANY_SCOPE }));

/** The change that waits to be confirmed, or why it cannot be taken back: that must not hold up a lockdown. */
async function waitingChange(settings: Settings): Promise<Checkpoint | string | null> {
  const { pending } = await readSchedule(settings);
  return pending && readBackup(settings, pending.id).catch(messageOf);
}

async function takenBack(snapshot: Snapshot, action: string, waiting: Checkpoint | string | null): Promise<Plan> {
  if (waiting !== null && typeof waiting === 'object' && waiting.id === snapshot.schedule.pending?.id) {
    const undone = await planUndo(snapshot, waiting);
    return {
      ...undone,
      warnings: [`The change "${action}" was not confirmed and has been reverted.`, ...undone.warnings],
    };
  }
  const why = typeof waiting === 'string' ? waiting : 'it was made just now';
  return {
    ...unchanged(snapshot),
    schedule: { ...snapshot.schedule, pending: null },
    warnings: [`The change "${action}" was not confirmed, and could not be reverted: ${why}`],
  };
}
