/** An oracle for widenings: what ufw's own rules say, by their tuples, apart from how the engine judges the kernel's chains. */
/** Whether new rules let through anything that the old ones do not: compared as sets of packets, never as texts. */

import type { Policies } from '../../firewall/results';
import { identity, type Rule } from '../../firewall/rules/rule';
import {
  type Box,
  boxesOf,
  type Chain,
  chainOfRules,
  decide,
  EVERYTHING,
  LEVEL,
  levelOfPolicy,
  within,
} from '../../firewall/verdicts/packets';

export interface Side {
  rules: readonly Rule[];
  policies: Policies;
}

const CHAINS = [
  { policy: 'incoming', has: (rule: Rule) => !rule.routed && rule.direction === 'in' },
  { policy: 'outgoing', has: (rule: Rule) => !rule.routed && rule.direction === 'out' },
  { policy: 'routed', has: (rule: Rule) => rule.routed },
] as const;

/** The first rule, or default policy, of the new side that lets through more than the old side did; null where none does. */
export function widening(before: Side, after: Side): Rule | keyof Policies | null {
  for (const { policy, has } of CHAINS) {
    const old = chainOfRules(before.rules.filter(has), levelOfPolicy(before.policies[policy]));
    const next = chainOfRules(after.rules.filter(has), levelOfPolicy(after.policies[policy]));
    const found = widened(old, next);
    if (found !== null) return found ?? policy;
  }
  return null;
}

/** Null: nothing is let through that was not; undefined: the policy lets more through; else the rule that does. */
function widened(old: Chain, next: Chain): Rule | undefined | null {
  for (const region of suspects(old, next)) {
    // Only what touches the region can decide about it; with thousands of rules that is a handful.
    const [oldHere, nextHere] = [within(region, old), within(region, next)];
    for (const { box, level, rule } of decide(region, nextHere)) {
      if (level === LEVEL.deny) continue;
      for (const part of decide(box, oldHere)) if (part.level < level) return rule ?? undefined;
    }
  }
  return null;
}

/** Regions where the new chain may let through more: new rules that let in, old rules that blocked, a laxer policy. */
function suspects(old: Chain, next: Chain): Box[] {
  if (next.policy > old.policy) return [EVERYTHING];
  const key = (rule: Rule): string => `${rule.action} ${identity(rule)}`;
  const oldKeys = new Set(old.deciders.map(({ rule }) => key(rule)));
  const nextKeys = new Set(next.deciders.map(({ rule }) => key(rule)));
  const common = (chain: Chain, keys: Set<string>): string =>
    chain.deciders
      .map(({ rule }) => key(rule))
      .filter((one) => keys.has(one))
      .join('\n');
  const moved = common(old, nextKeys) !== common(next, oldKeys);
  const fresh = next.deciders.filter(({ level, rule }) => level > LEVEL.deny && (moved || !oldKeys.has(key(rule))));
  const gone = old.deciders.filter(({ level, rule }) => level < LEVEL.allow && (moved || !nextKeys.has(key(rule))));
  return [...fresh, ...gone].flatMap(({ rule }) => boxesOf(rule));
}
