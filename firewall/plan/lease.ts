/** What was changed temporarily, taken out of the rules and settings again. */
import type { Policy } from '../messages';
import type { Policies } from '../results';
import { type FamilyRules, rulesIn } from '../state/family-rules';
import { unpatched } from '../state/patch';
import { isSameWish, type Lease, type ProfileChange } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';

export type ToggleLease = Lease & { end: { kind: 'undo' } };

export const isToggleLease = (lease: Lease): lease is ToggleLease => lease.end.kind === 'undo';

/** The snapshot as it would be if some toggles had not been, and the leases that are left. */
export function withoutLeases(
  snapshot: Snapshot,
  isOver: (lease: Lease) => boolean,
): { base: Snapshot; ended: readonly ToggleLease[]; leases: readonly Lease[] } {
  const { leases } = snapshot.schedule;
  const ended = leases.filter(isToggleLease).filter(isOver);
  if (ended.length === 0) return { base: snapshot, ended, leases };
  return {
    base: ended.reduce((base, { end }) => without(base, end), snapshot),
    ended,
    leases: leases.filter((lease) => !ended.some((one) => one === lease)),
  };
}

/** The snapshot as it would be if one toggle, or profile, had not been. */
export function without(snapshot: Snapshot, { patch, profile }: ToggleLease['end']): Snapshot {
  const undone = withRules(snapshot, unpatched(snapshot.families, patch));
  return profile ? withoutProfile(undone, profile) : undone;
}

/** What a profile has set and nobody has set since is as it was. */
function withoutProfile(snapshot: Snapshot, { from, to }: ProfileChange): Snapshot {
  const { settings, schedule } = snapshot;
  return {
    ...snapshot,
    settings: {
      ...settings,
      policies: undonePolicies(settings.policies, from.policies, to.policies),
      enabled: settings.enabled === to.enabled ? from.enabled : settings.enabled,
    },
    schedule: isSameWish(schedule.wanted, to.wanted) ? { ...schedule, wanted: from.wanted } : schedule,
  };
}

/** Policies that a change set and nobody has set since are as they were. */
export const undonePolicies = (now: Policies, was: Policies, became: Policies): Policies => {
  const undone = (key: keyof Policies): Policy =>
    was[key] !== became[key] && now[key] === became[key] ? was[key] : now[key];
  return { incoming: undone('incoming'), outgoing: undone('outgoing'), routed: undone('routed') };
};

/** The snapshot as it would be with these rules. */
export const withRules = (snapshot: Snapshot, rules: readonly FamilyRules[]): Snapshot => ({
  ...snapshot,
  families: snapshot.families.map((state) => ({ ...state, rules: rulesIn(rules, state.family) })),
});
