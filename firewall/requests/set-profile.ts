import { readSchedule } from '../host/snapshot';
import type { Call, Settings } from '../messages';
import { planProfile } from '../plan/set-profile';
import type { ChangeResult, Repetition } from '../results';
import { change } from './change';
import { revert } from './due';
import { registryFor } from './read';

/** Applies a profile. A lockdown first takes back the change that waits to be confirmed, if there is one. */
export async function setProfile(
  settings: Settings,
  { request, order }: Call<'setProfile'>,
): Promise<ChangeResult | Repetition> {
  const { profile, optionalServices, dryRun } = request;
  const isLockdown = profile === 'lockdown';
  const reverted = isLockdown && !dryRun ? await revertPending(settings) : [];
  const done = await change(
    settings,
    {
      ...{ action: `set-profile ${profile}`, order, overrides: isLockdown, wanted: { profile, optionalServices } },
      plan: async (snapshot) => {
        const planned = await planProfile(snapshot, registryFor(settings, snapshot), request);
        if (!isLockdown || !snapshot.schedule.pending) return planned;
        return { ...planned, schedule: { ...(planned.schedule ?? snapshot.schedule), pending: null } };
      },
    },
    request,
  );
  return { ...done, warnings: [...reverted, ...done.warnings] };
}

async function revertPending(settings: Settings): Promise<readonly string[]> {
  const { pending } = await readSchedule(settings);
  // That it cannot be taken back must not hold up a lockdown.
  return pending ? revert(settings, pending).catch((error: Error) => [error.message]) : [];
}
