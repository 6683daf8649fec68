/** What was opened or closed temporarily, taken out of the rules again. */
import { type FamilyRules, rulesIn } from '../state/family-rules';
import { unpatched } from '../state/patch';
import type { Lease } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';

type ToggleLease = Lease & { end: { kind: 'undo' } };

/** The snapshot as it would be if some toggles had not been, and the leases that are left. */
export function withoutLeases(
  snapshot: Snapshot,
  isOver: (lease: Lease) => boolean,
): { base: Snapshot; ended: readonly ToggleLease[]; leases: readonly Lease[] } {
  const { leases } = snapshot.schedule;
  const ended = leases.filter((lease): lease is ToggleLease => lease.end.kind === 'undo' && isOver(lease));
  if (ended.length === 0) return { base: snapshot, ended, leases };
  const rules = ended.reduce<readonly FamilyRules[]>(
    (lists, { end }) => unpatched(lists, end.patch),
    snapshot.families,
  );
  return {
    base: withRules(snapshot, rules),
    ended,
    leases: leases.filter((lease) => !ended.some((one) => one === lease)),
  };
}

/** The snapshot as it would be with these rules. */
export const withRules = (snapshot: Snapshot, rules: readonly FamilyRules[]): Snapshot => ({
  ...snapshot,
  families: snapshot.families.map((state) => ({ ...state, rules: rulesIn(rules, state.family) })),
});
