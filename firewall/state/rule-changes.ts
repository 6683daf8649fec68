/** How two lists of rules differ, compared by what ufw stores of a rule; its number is only its position. */

import type { RuleReport } from '../results';
import { stayed } from './patch';

export interface RuleChanges {
  added: RuleReport[];
  removed: RuleReport[];
}

/** What leads from one list to the other; a rule that moved counts as removed and added, since the first match decides. */
export function ruleChanges(before: readonly RuleReport[], after: readonly RuleReport[]): RuleChanges {
  const { kept, keptOfNext } = stayed(before.map(keyOf), after.map(keyOf));
  return {
    added: after.filter((_, at) => !keptOfNext.has(at)),
    removed: before.filter((_, at) => !kept.has(at)),
  };
}

/** The part of a difference that others have made: all of it but what these own changes account for. */
export function without(whole: RuleChanges, own: readonly RuleChanges[]): RuleChanges {
  const rest = new Map<string, { rule: RuleReport; count: number }>();
  const count = (rule: RuleReport, by: number): void => {
    const known = rest.get(keyOf(rule));
    rest.set(keyOf(rule), { rule: known?.rule ?? rule, count: (known?.count ?? 0) + by });
  };
  const counts = ({ added, removed }: RuleChanges, sign: number): void => {
    for (const rule of added) count(rule, sign);
    for (const rule of removed) count(rule, -sign);
  };
  counts(whole, 1);
  for (const one of own) counts(one, -1);
  const ruled = [...rest.values()];
  return {
    added: ruled.filter((one) => one.count > 0).map(({ rule }) => rule),
    removed: ruled.filter((one) => one.count < 0).map(({ rule }) => rule),
  };
}

const keyOf = (rule: RuleReport): string => JSON.stringify({ ...rule, number: 0 });
