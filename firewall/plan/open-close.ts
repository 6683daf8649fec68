/** Opening and closing one service in one family's rules: the smallest change that achieves it. */

import { isSameList } from '../lists';
import type { Policies } from '../results';
import { type Family, isBlock, type Rule, sameIdentity } from '../rules/rule';
import { about, interfaceOf, isForAnyone, remoteOf } from '../services/about';
import type { Service } from '../services/catalogue';
import type { Scope } from '../services/profiles';
import { singleRuleSpecs } from '../services/registry';
import { chainWithin, type Direction, regionOf, ruleFor } from '../verdicts/openness';
import { boxesOf, boxOf, LEVEL, otherwiseDecided, subtract } from '../verdicts/packets';
import { added, inserted } from './rule-list';

export interface Target {
  family: Family;
  service: Service;
  direction: Direction;
  scope: Scope;
  policies: Policies;
}

/**
 * The rules under which everybody in the scope gets through to every port the service opens (at a limited rate with
 * `limit`). Rules that block one remote address stay, and keep blocking it.
 */
export function opened(rules: readonly Rule[], target: Target, action: 'allow' | 'limit'): readonly Rule[] {
  const { family, service, direction, scope, policies } = target;
  const isAbout = about(service, direction);
  let list: readonly Rule[] = rules.filter((rule) => !(isBlock(rule) && isAbout(rule) && fillsScope(rule, scope)));
  for (const spec of singleRuleSpecs(service.opens)) {
    const wanted = ruleFor(family, direction, spec, scope, { action });
    const region = regionOf(family, direction, spec, scope);
    const blocker = (from: readonly Rule[]): Rule | null | undefined =>
      otherwiseDecided(
        region,
        chainWithin(region, decisive(from, scope), policies, direction),
        LEVEL[action],
        isNarrowBlock,
      );
    if (blocker(list) === undefined) continue;
    // In place or at the end, as ufw would; in front of what still stands in the way, where that is not enough.
    const simple = added(list, keepingComment(wanted, list));
    const still = blocker(simple);
    list = still === undefined || still === null ? simple : movedBefore(simple, wanted, still);
  }
  return isSameList(list, rules) ? rules : list;
}

/** Rules that let the service in are gone; what a broader rule still lets through is denied in front of it. */
export function closed(rules: readonly Rule[], target: Target): readonly Rule[] {
  const { family, service, direction, scope, policies } = target;
  let list = withoutRulesOf(rules, target);
  for (const spec of singleRuleSpecs([...service.closesToo, ...service.opens])) {
    const region = regionOf(family, direction, spec, scope);
    const offender = otherwiseDecided(
      region,
      chainWithin(region, decisive(list, scope), policies, direction),
      LEVEL.deny,
    );
    if (offender === undefined) continue;
    const deny = ruleFor(family, direction, spec, scope, { action: 'deny' });
    list = offender === null ? added(list, deny) : movedBefore(list, deny, offender);
  }
  return isSameList(list, rules) ? rules : list;
}

/** The rules without those that let this service, and nothing else, in within the scope. */
export function withoutRulesOf(rules: readonly Rule[], { service, direction, scope }: Target): readonly Rule[] {
  const isAbout = about(service, direction);
  const list = rules.filter((rule) => isBlock(rule) || !isAbout(rule) || !isWithin(rule, scope));
  return list.length === rules.length ? rules : list;
}

/** A block of one remote address or subnet: somebody's decision about that host, not about the service. */
const isNarrowBlock = (rule: Rule): boolean => isBlock(rule) && !isForAnyone(rule);

/** The rules that can decide about everybody in the scope: about everybody at all, the thousands of a blocklist cannot. */
const decisive = (rules: readonly Rule[], scope: Scope): readonly Rule[] =>
  scope.from === '' ? rules.filter((rule) => !isNarrowBlock(rule)) : rules;

/** Whether a rule says what it says for exactly this scope. */
function fillsScope(rule: Rule, scope: Scope): boolean {
  const remote = isForAnyone(rule) ? '' : remoteOf(rule);
  return remote === scope.from && interfaceOf(rule) === scope.interface;
}

/** Whether all packets of a rule are in the scope. */
function isWithin(rule: Rule, scope: Scope): boolean {
  if (scope.interface === '' && scope.from === '') return true;
  const whole = boxOf(ruleFor(rule.family, rule.direction, '1', scope));
  const region = { ...whole, protocols: -1, dport: [0, 65535] as const };
  return boxesOf(rule).every((box) => subtract(box, region).length === 0);
}

/** The rule in front of another, wherever one of its identity stood before. */
function movedBefore(rules: readonly Rule[], rule: Rule, other: Rule): readonly Rule[] {
  const rest = rules.filter((known) => !sameIdentity(known, rule));
  return inserted(rest, rule, rest.indexOf(other));
}

/** The rule with the comment of the one it replaces. */
function keepingComment(rule: Rule, rules: readonly Rule[]): Rule {
  const known = rules.find((other) => sameIdentity(other, rule));
  return known ? { ...rule, comment: known.comment, log: known.log } : rule;
}
