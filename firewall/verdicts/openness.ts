/** The packets that verdicts about services are about: those between the device and other hosts. */
import type { Openness, Policies } from '../results';
import { type Family, makeRule, type Rule } from '../rules/rule';
import { isStructural, OWN_INTERFACES } from '../services/about';
import type { Scope } from '../services/profiles';
import { partsOf } from '../services/registry';
import {
  type Box,
  boxOf,
  type Chain,
  chainOfRules,
  type Deciders,
  decidersWithin,
  LEVEL,
  type Level,
  levelOf,
  levelOfPolicy,
  within,
} from './packets';

export type Direction = 'in' | 'out';

/** The directions of a service, and the policy behind the rules of each. */
export const DIRECTIONS: readonly Direction[] = ['in', 'out'];
export const POLICY_OF = { in: 'incoming', out: 'outgoing' } as const;

/**
 * What decides about one direction. Rules about loopback and the device's own tunnel are left out: by them every service
 * would be open in part (the factory set has `allow out on ip70`) and none entirely (`deny in from 127.0.0.0/8`).
 */
export function chainFor(rules: readonly Rule[], policies: Policies, direction: Direction): Chain {
  const policy = policies[POLICY_OF[direction]];
  const key = `${direction} ${policy}`;
  const known = chains.get(rules) ?? new Map<string, Chain>();
  chains.set(rules, known);
  let chain = known.get(key);
  if (!chain) {
    const own = rules.filter((rule) => rule.direction === direction && !rule.routed && !isStructural(rule));
    chain = chainOfRules(own, levelOfPolicy(policy));
    known.set(key, chain);
  }
  return chain;
}

/** Lists of rules are never changed in place, and the same list is asked about again and again. */
const chains = new WeakMap<readonly Rule[], Map<string, Chain>>();

/** What decides about packets of one region only; quicker for a list that is asked about once. */
export function chainWithin(region: Box, rules: readonly Rule[], policies: Policies, direction: Direction): Deciders {
  const [first, last] = region.dport;
  const own = rules.filter((rule) => {
    if (rule.direction !== direction || rule.routed) return false;
    // Most rules name one port, and it is another one.
    const port = Number(rule.dport);
    return !(port < first || port > last) && !isStructural(rule);
  });
  return decidersWithin(region, own, levelOfPolicy(policies[POLICY_OF[direction]]));
}

/** The rule that a port specification and a scope ask for. */
export function ruleFor(
  family: Family,
  direction: Direction,
  spec: string,
  scope: Scope,
  fields: Partial<Rule> = {},
): Rule {
  const { first, last, protocol } = partsOf(spec);
  return makeRule(family, {
    direction,
    protocol,
    dport: first === last ? String(first) : `${first}:${last}`,
    ...(scope.interface ? { [direction === 'in' ? 'interfaceIn' : 'interfaceOut']: scope.interface } : {}),
    ...(scope.from ? { [direction === 'in' ? 'src' : 'dst']: scope.from } : {}),
    ...fields,
  });
}

/** The packets to the ports of a specification, in a scope. */
export function regionOf(family: Family, direction: Direction, spec: string, scope: Scope): Box {
  // Rules need a protocol with a range of ports; packets do not.
  const { first, last, protocol } = partsOf(spec);
  const box = boxOf(ruleFor(family, direction, String(first), scope, { protocol }));
  const field = direction === 'in' ? 'interfaceIn' : 'interfaceOut';
  const outside = scope.interface ? box[field] : { pattern: '+', except: OWN_INTERFACES };
  return { ...box, dport: [first, last], [field]: outside };
}

/** Whether a family has packets of this scope. */
export const scopeFits = ({ from }: Scope, family: Family): boolean =>
  from === '' || from.includes(':') === (family === 'ipv6');

/** How far packets to all of the given ports are let through. */
export const opennessOf = (regions: readonly Box[], chain: Chain): Openness =>
  openness(regions.map((region) => levelOf(region, within(region, chain))));

/** The levels of several regions as one thing said of them. */
export function openness(levels: readonly (Level | 'mixed')[]): Openness {
  if (levels.every((level) => level === LEVEL.allow)) return 'open';
  return levels.every((level) => level === LEVEL.deny) ? 'closed' : 'partial';
}

/** One thing said of many families: the same, or partial. */
export function combined(states: readonly Openness[]): Openness {
  const [first = 'closed'] = states;
  return states.every((state) => state === first) ? first : 'partial';
}
