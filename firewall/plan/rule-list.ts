/** One family's rules, changed the way ufw changes its own lists: one rule per identity, first match wins. */
import { appKey, type Rule, sameIdentity } from '../rules/rule';

/**
 * Adds a rule as `ufw allow …` does: a rule of the same identity is replaced where it stands, else the new one comes
 * last. The same list comes back where nothing changes.
 */
export function added(rules: readonly Rule[], rule: Rule): readonly Rule[] {
  const known = rules.filter((other) => sameIdentity(other, rule));
  if (known.length === 0) return [...rules, rule];
  if (known.every((other) => sameRule(other, rule))) return rules;
  return rules.map((other) => (sameIdentity(other, rule) ? rule : other));
}

/**
 * Puts a rule before the one at `at` (0-based), as `ufw insert` does: never between the tuples of one application rule,
 * and not at all where one of the same identity exists.
 */
export function inserted(rules: readonly Rule[], rule: Rule, at: number): readonly Rule[] {
  if (rules.some((other) => sameIdentity(other, rule))) return rules;
  let place = at;
  while (splitsApplication(rules[place - 1], rules[place])) place++;
  return [...rules.slice(0, place), rule, ...rules.slice(place)];
}

/** Takes a rule away as `ufw delete …` does: action and log flag must fit, a comment only if it is named. */
export function removed(rules: readonly Rule[], rule: Rule): readonly Rule[] {
  const left = rules.filter(
    (other) => !(sameRule(other, rule) || (rule.comment === '' && sameButComment(other, rule))),
  );
  return left.length === rules.length ? rules : left;
}

/** Whether two rules agree in everything ufw stores. */
const sameRule = (a: Rule, b: Rule): boolean => a.comment === b.comment && sameButComment(a, b);

function sameButComment(a: Rule, b: Rule): boolean {
  return a.action === b.action && a.log === b.log && sameIdentity(a, b);
}

/** As ufw compares neighbours: the same addresses and applications, and at least one application. */
function splitsApplication(a: Rule | undefined, b: Rule | undefined): boolean {
  if (!a || !b) return false;
  return appKey(a) !== '' && a.dst === b.dst && a.src === b.src && a.dapp === b.dapp && a.sapp === b.sapp;
}
