/** Which rules two states of the firewall do not share, judged by what ufw stores: a file that was read again has other objects. */
import type { Rule } from '../rules/rule';
import { formatTuple } from '../rules/tuple';

export function changedRules(
  before: readonly Rule[],
  after: readonly Rule[],
): { added: ReadonlySet<Rule>; removed: ReadonlySet<Rule> } {
  return { added: new Set(missingIn(before, after)), removed: new Set(missingIn(after, before)) };
}

/** Of the second list what is not in the first. */
function missingIn(rules: readonly Rule[], others: readonly Rule[]): Rule[] {
  const same = new Set(rules);
  const candidates = others.filter((rule) => !same.has(rule));
  if (candidates.length === 0) return [];
  const key = (rule: Rule): string => `${rule.family} ${formatTuple(rule)}`;
  const known = new Set(rules.map(key));
  return candidates.filter((rule) => !known.has(key(rule)));
}
