/** Which rules two states of the firewall do not share, judged by what ufw stores: a file that was read again has other objects. */
import type { Family, Rule } from '../rules/rule';
import { formatTuple } from '../rules/tuple';

interface FamilyRules {
  family: Family;
  rules: readonly Rule[];
}

export function changedRules(
  before: readonly FamilyRules[],
  after: readonly FamilyRules[],
): { added: ReadonlySet<Rule>; removed: ReadonlySet<Rule> } {
  return { added: missingIn(before, after), removed: missingIn(after, before) };
}

/** Of the second what is not in the first. */
const missingIn = (families: readonly FamilyRules[], others: readonly FamilyRules[]): Set<Rule> =>
  new Set(
    others.flatMap(({ family, rules }) => missing(families.find((one) => one.family === family)?.rules ?? [], rules)),
  );

/** With thousands of rules all but a few are the same ones at the beginning and the end, and not worth a look. */
function missing(rules: readonly Rule[], others: readonly Rule[]): Rule[] {
  let head = 0;
  while (head < others.length && others[head] === rules[head]) head++;
  let tail = 0;
  while (tail < others.length - head && others[others.length - 1 - tail] === rules[rules.length - 1 - tail]) tail++;
  const same = new Set(rules.slice(head, rules.length - tail));
  const candidates = others.slice(head, others.length - tail).filter((rule) => !same.has(rule));
  if (candidates.length === 0) return [];
  const known = new Set(rules.map(formatTuple));
  return candidates.filter((rule) => !known.has(formatTuple(rule)));
}
