/** The rules of one address family, in the order of ufw's file. */
import type { Family, Rule } from '../rules/rule';

export interface FamilyRules {
  readonly family: Family;
  readonly rules: readonly Rule[];
}

/** A family's rules; none where ufw does not manage it. */
export const rulesIn = (lists: readonly FamilyRules[], family: Family): readonly Rule[] =>
  lists.find((list) => list.family === family)?.rules ?? [];
