import { readBackup } from '../commit/journal';
import { messageOf } from '../errors';
import { deadlineAfter, readClock, readZone } from '../host/clock';
import { formsIn } from '../host/in-sync';
import { readSchedule } from '../host/snapshot';
import type { Call, Settings } from '../messages';
import { closingsOf, planProfileChange, remainingOf } from '../plan/profile-change';
import { wantedBy } from '../plan/set-profile';
import type { ChangeResult, Repetition } from '../results';
import type { Checkpoint } from '../state/checkpoint';
import { byOf } from './by';
import { change } from './change';

/** Applies a profile. A lockdown also takes back the change that waits to be confirmed, if there is one. */
export async function setProfile(settings: Settings, call: Call<'setProfile'>): Promise<ChangeResult | Repetition> {
  const { request, order, since } = call;
  const { profile, duration } = request;
  const [deadline, clock, zone] = await Promise.all([deadlineAfter(duration), readClock(), readZone()]);
  const isLockdown = profile === 'lockdown';
  const waiting = isLockdown ? await waitingChange(settings) : null;
  return change(
    settings,
    {
      ...{ action: `set-profile ${profile}`, by: byOf(call), order, since, duration },
      wanted: wantedBy(request),
      ...{ isLockdown, overrides: isLockdown, movesWeb: waiting !== null },
      // Nothing must hold up a lockdown.
      ...(isLockdown ? {} : { bounded: 'profile' }),
      closings: (after) => closingsOf(settings, after, request),
      remaining: (after, known) => remainingOf(settings, after, request, known),
      plan: (snapshot, id, kernel, known) =>
        planProfileChange({ snapshot, kernel, waiting, known }, settings, request, { id, deadline, clock, zone }, () =>
          formsIn(snapshot, kernel),
        ),
    },
    request,
  );
}

/** The change that waits to be confirmed, or why it cannot be taken back: that must not hold up a lockdown. */
async function waitingChange(settings: Settings): Promise<Checkpoint | string | null> {
  const { pending } = await readSchedule(settings);
  return pending && readBackup(settings, pending.id).catch(messageOf);
}
