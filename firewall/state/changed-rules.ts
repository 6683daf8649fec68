/** The rules that a change adds and removes. */
import type { Rule } from '../rules/rule';
import { formatTuple } from '../rules/tuple';
import { allRules } from './report';
import type { Snapshot } from './snapshot';

export function changedRules(before: Snapshot, after: Snapshot): { added: Set<Rule>; removed: Set<Rule> } {
  const [old, next] = [allRules(before), allRules(after)];
  return { added: new Set(missingIn(old, next)), removed: new Set(missingIn(next, old)) };
}

/** Of the second list what is not in the first, judged by what ufw stores: a file that was read again has other objects. */
function missingIn(rules: readonly Rule[], others: readonly Rule[]): Rule[] {
  const same = new Set(rules);
  const candidates = others.filter((rule) => !same.has(rule));
  if (candidates.length === 0) return [];
  const key = (rule: Rule): string => `${rule.family} ${formatTuple(rule)}`;
  const known = new Set(rules.map(key));
  return candidates.filter((rule) => !known.has(key(rule)));
}
