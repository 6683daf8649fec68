/** What an alarm asks for, gone through without doing it: all that it needs is loaded and compiled when the first one comes. */
import { check, type Settings, setProfileRequest } from '../messages';
import { setProfile } from './set-profile';

export const REHEARSAL = check(setProfileRequest, { profile: 'lockdown', dryRun: true });

/** Whatever prevents it is told to whoever asks for something. */
export async function rehearse(settings: Settings): Promise<void> {
  await setProfile(settings, { method: 'setProfile', request: REHEARSAL }).catch(() => undefined);
}
