/** What a list of ufw's rules does with packets by first match: a rule is one box per port or range it lists. */
import { present } from '../lists';
import type { Policy } from '../messages';
import { ALL_PORTS, isMulti, portRanges } from '../rules/ports';
import type { Rule } from '../rules/rule';
import {
  ALL_PROTOCOLS,
  ALL_TYPES,
  addressSet,
  agree,
  type Box,
  contains,
  interfaceSet,
  intersect,
  isCovered,
  LEVEL,
  type Level,
  protocolBit,
  type Range,
  subtract,
  TCP_UDP,
  touches,
} from './boxes';
import { type Groups, groupsOf, placesNear } from './groups';

export { type Box, EVERYTHING, intersect, LEVEL, type Level, subtract } from './boxes';

export const levelOfPolicy = (policy: Policy): Level => LEVEL[policy];

interface Decider {
  box: Box;
  level: Level;
  rule: Rule;
  /** What it says of packets apart from their addresses, as a text that is the same for the same. */
  kind: string;
}

/** A list of rules of one chain and family, in order, and the policy behind it. */
export interface Deciders {
  deciders: readonly Decider[];
  policy: Level;
}

export interface Chain extends Deciders {
  groups: Groups;
}

/** The bits of a protocol name of ufw's; `any` is tcp and udp where a port is named. */
function protocolBits(protocol: string, hasPort: boolean): number {
  if (protocol === 'any') return hasPort ? TCP_UDP : ALL_PROTOCOLS;
  return protocolBit(protocol);
}

/** The box of a rule that names one port or range on each side at the most. */
export function boxOf(rule: Rule): Box {
  const { dport, sport, protocol, family } = rule;
  return {
    protocols: protocolBits(protocol, dport !== 'any' || sport !== 'any'),
    src: addressSet(rule.src, family),
    dst: addressSet(rule.dst, family),
    interfaceIn: interfaceSet(rule.interfaceIn),
    interfaceOut: interfaceSet(rule.interfaceOut),
    ...{ dport: onlyRange(dport), sport: onlyRange(sport), dstTypes: ALL_TYPES },
  };
}

/** The boxes of a rule, one per port or range in its lists. */
export function boxesOf(rule: Rule): Box[] {
  const { dport, sport } = rule;
  const base = boxOf(rule);
  if (!isMulti(dport) && !isMulti(sport)) return [base];
  return portRanges(dport).flatMap((d) => portRanges(sport).map((s) => ({ ...base, dport: d, sport: s })));
}

const onlyRange = (ports: string): Range => (ports === 'any' ? ALL_PORTS : [+ports, +ports]);

/** Rules are never changed, and asked about again and again. */
const decidersByRule = new WeakMap<Rule, readonly Decider[]>();

function decidersOf(rule: Rule): readonly Decider[] {
  const known = decidersByRule.get(rule);
  if (known) return known;
  const { interfaceIn, interfaceOut, action } = rule;
  const deciders = boxesOf(rule).map((box) => {
    const kind = `${box.protocols} ${box.dport} ${box.sport} ${interfaceIn} ${interfaceOut}`;
    return { box, level: LEVEL[action], rule, kind };
  });
  decidersByRule.set(rule, deciders);
  return deciders;
}

/** What decides about packets of one chain, in order. */
export function chainOfRules(rules: readonly Rule[], policy: Level): Chain {
  const deciders = rules.flatMap(decidersOf);
  return { deciders, policy, groups: groupsOf(deciders) };
}

/** What of a list of rules decides about packets of a region; quicker for a list that is asked about once. */
export function decidersWithin(region: Box, rules: readonly Rule[], policy: Level): Deciders {
  return { deciders: rules.flatMap(decidersOf).filter(({ box }) => touches(region, box)), policy };
}

/** The chain without what cannot decide about packets of a region: with thousands of rules a handful is left. */
export function within(region: Box, { deciders, policy, groups }: Chain): Deciders {
  const near = placesNear(groups, region).map((at) => present(deciders[at]));
  const { src, dst } = region;
  return { deciders: near.filter(({ box }) => agree(src, box.src) && agree(dst, box.dst)), policy };
}

/** The region cut into boxes with what decides about each: a rule, or the policy (`rule: null`). */
export function* decide(
  region: Box,
  chain: Deciders,
  from = 0,
): Generator<{ box: Box; level: Level; rule: Rule | null }> {
  for (let at = from; at < chain.deciders.length; at++) {
    const decider = chain.deciders[at];
    if (!decider) continue;
    const { box, level, rule } = decider;
    const part = intersect(region, box);
    if (!part) continue;
    yield { box: part, level, rule };
    for (const piece of subtract(region, box)) yield* decide(piece, chain, at + 1);
    return;
  }
  yield { box: region, level: chain.policy, rule: null };
}

/**
 * The first rule (or null: the policy) that decides some packet of the region otherwise than wanted; undefined where
 * none does. Rules for which `passes` holds may decide as they like.
 */
export function otherwiseDecided(
  region: Box,
  { deciders, policy }: Deciders,
  wanted: Level,
  passes: (rule: Rule) => boolean = () => false,
): Rule | null | undefined {
  const earlier: Box[] = [];
  for (const { box, level, rule } of deciders) {
    const part = level === wanted || passes(rule) ? null : intersect(region, box);
    if (part && !isCovered(part, earlier)) return rule;
    if (contains(box, region)) return undefined;
    earlier.push(box);
  }
  return policy === wanted || isCovered(region, earlier) ? undefined : null;
}

/** The one level at which all packets of the region are decided, or `mixed`. */
export function levelOf(region: Box, chain: Deciders): Level | 'mixed' {
  const { level } = chain.deciders.find(({ box }) => contains(box, region)) ?? { level: chain.policy };
  return otherwiseDecided(region, chain, level) === undefined ? level : 'mixed';
}
