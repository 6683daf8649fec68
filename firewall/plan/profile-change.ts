/** What a request for a profile changes: a lockdown also takes back the change that waits, and may close over others' rules. */
import type { SetProfileRequest, Settings } from '../messages';
import type { KnownPeers } from '../peers/known';
import { ANY_SCOPE, type Profile, profileNamed } from '../services/profiles';
import type { Checkpoint } from '../state/checkpoint';
import type { Clock, Deadline } from '../state/clock';
import type { Kernel } from '../state/kernel';
import { type Plan, unchanged } from '../state/plan';
import { registryFor } from '../state/registry-for';
import type { Snapshot } from '../state/snapshot';
import type { Closing } from '../verdicts/still-open';
import type { FormsOf } from './admission';
import { narrowedProfile, type Remaining, remainingIn } from './narrow';
import { onTop } from './on-top';
import { overriding } from './override';
import { planUndo } from './restore';
import { planProfile } from './set-profile';
import { withStandings } from './standing';

interface Start {
  snapshot: Snapshot;
  kernel: Kernel;
  /** The change that waits to be confirmed, or why it cannot be taken back: that must not hold up a lockdown. */
  waiting: Checkpoint | string | null;
  /** Who talks with which service; null where it cannot be told. */
  known: KnownPeers | null;
}

/** When it is made, and until when it is to hold. */
export interface Made {
  id: string;
  /** Null for good. */
  deadline: Deadline | null;
  clock: Clock;
  /** The device's time zone. */
  zone: string;
}

/** @param askForms only asked with `overrideOthers` */
export async function planProfileChange(
  { snapshot, kernel, waiting, known }: Start,
  settings: Settings,
  request: SetProfileRequest,
  { id, deadline, clock, zone }: Made,
  askForms: () => Promise<FormsOf>,
): Promise<Plan> {
  const isLockdown = request.profile === 'lockdown';
  const temporarily = deadline && { id, deadline, cutConnections: request.cutConnections };
  const applied = async (base: Snapshot): Promise<Plan> => {
    const applying = (blocked: readonly Closing[]): Promise<Plan> =>
      planProfile(base, registryFor(settings, base), request, blocked, known, temporarily);
    const planned = await applying([]);
    if (!isLockdown) return withStandings(settings, base, planned, id, { clock, zone });
    if (!request.overrideOthers) return planned;
    const closings = closingsOf(settings, base, request);
    return overriding({ before: snapshot, base, kernel }, planned, closings, applying, await askForms());
  };
  const { pending } = snapshot.schedule;
  if (!isLockdown || !pending) return applied(snapshot);
  return onTop(snapshot, await takenBack(snapshot, pending.action, waiting), applied);
}

const named = (settings: Settings, snapshot: Snapshot, { profile, optionalServices }: SetProfileRequest): Profile =>
  profileNamed(registryFor(settings, snapshot), profile, optionalServices);

/** What a profile was to narrow to peers, and may stay open to everybody. */
export const remainingOf = (
  settings: Settings,
  snapshot: Snapshot,
  request: SetProfileRequest,
  known: KnownPeers | null,
): Remaining[] => remainingIn(named(settings, snapshot, request), request, known);

/** What a profile closes. */
export const closingsOf = (settings: Settings, snapshot: Snapshot, request: SetProfileRequest): Closing[] =>
  narrowedProfile(named(settings, snapshot, request), request, null)
    .expectations.filter(({ want }) => want === 'closed')
    .map(({ service, direction }) => ({ service, direction, scope: ANY_SCOPE }));

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
