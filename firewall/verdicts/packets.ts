/**
 * Sets of packets, and what a list of rules does with them by first match.
 * A box is a product of one set per field; a rule is one box per port or range it lists. Everything that is said about
 * what a firewall lets through (open, closed, wider than before) is computed here, exactly, never from rule texts.
 */
import { addressBytes } from '../rules/address';
import { ANYWHERE, type Family, type Rule } from '../rules/rule';
import { isMulti } from '../rules/tuple';

/** Addresses that agree with `value` in the bits of `mask`. */
interface Addresses {
  value: bigint;
  mask: bigint;
}

/** Interfaces matching `pattern` (`+` at its end is iptables' wildcard) but none of `except`. */
interface Interfaces {
  pattern: string;
  except: readonly string[];
}

export interface Box {
  /** One bit per protocol of PROTOCOLS. */
  protocols: number;
  dport: readonly [number, number];
  sport: readonly [number, number];
  src: Addresses;
  dst: Addresses;
  interfaceIn: Interfaces;
  interfaceOut: Interfaces;
}

/** How much a rule lets through: nothing, a limited rate, everything. */
export const LEVEL = { deny: 0, reject: 0, limit: 1, allow: 2 } as const;
export type Level = (typeof LEVEL)[keyof typeof LEVEL];

export interface Decider {
  box: Box;
  level: Level;
  rule: Rule;
  /** What it says of packets apart from their source, as a text that is the same for the same. */
  kind: string;
}

/** A list of rules of one chain and family, in order, and the policy behind it. */
export interface Deciders {
  deciders: readonly Decider[];
  policy: Level;
}

export interface Chain extends Deciders {
  /** The groups of one destination port, and all others: see `touching`. */
  ofPort: ReadonlyMap<number, readonly Group[]>;
  ofMany: readonly Group[];
}

/** Deciders that differ in nothing but their source, as those of a blocklist: for most questions one stands for all. */
interface Group {
  /** Of any source. */
  box: Box;
  /** Where in the list they stand. */
  places: number[];
}

const PROTOCOLS = ['tcp', 'udp', 'ipv6', 'esp', 'ah', 'igmp', 'gre', 'vrrp', 'other'] as const;
const ALL_PROTOCOLS = (1 << PROTOCOLS.length) - 1;
const TCP_UDP = 0b11;
const ALL_PORTS = [0, 65535] as const;
const ALL_ADDRESSES: Addresses = { value: 0n, mask: 0n };
const ALL_INTERFACES: Interfaces = { pattern: '+', except: [] };

export const EVERYTHING: Box = {
  protocols: ALL_PROTOCOLS,
  dport: ALL_PORTS,
  sport: ALL_PORTS,
  src: ALL_ADDRESSES,
  dst: ALL_ADDRESSES,
  interfaceIn: ALL_INTERFACES,
  interfaceOut: ALL_INTERFACES,
};

/** The bits of a protocol name of ufw's; `any` is tcp and udp where a port is named. */
export function protocolBits(protocol: string, hasPort: boolean): number {
  if (protocol === 'any') return hasPort ? TCP_UDP : ALL_PROTOCOLS;
  return 1 << PROTOCOLS.indexOf(protocol as (typeof PROTOCOLS)[number]);
}

/** `80`, `1:2`, `80,443` or `any` as ranges. */
export function portRanges(ports: string): (readonly [number, number])[] {
  if (ports === 'any') return [ALL_PORTS];
  return ports.split(',').map((part) => {
    const [first, last] = part.split(':').map(Number) as [number, number?];
    return [first, last ?? first] as const;
  });
}

const addressCache = new Map<string, Addresses>();

/** An address, CIDR subnet or IPv4 address with dotted mask as a set. */
export function addressSet(text: string, family: Family): Addresses {
  if (text === ANYWHERE[family]) return ALL_ADDRESSES;
  const known = addressCache.get(text);
  if (known) return known;
  const width = family === 'ipv4' ? 32n : 128n;
  const [address = '', prefix] = text.split('/');
  const full = (1n << width) - 1n;
  let mask = full;
  if (prefix?.includes('.')) mask = toBits(prefix);
  else if (prefix !== undefined) mask = full ^ ((1n << (width - BigInt(prefix))) - 1n);
  const set = { value: toBits(address) & mask, mask };
  // Rule files are small, but messages are not trusted to be: the cache must not grow with them.
  if (addressCache.size > 10_000) addressCache.clear();
  addressCache.set(text, set);
  return set;
}

function toBits(address: string): bigint {
  return addressBytes(address).reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}

const interfaceSet = (name: string): Interfaces => (name ? { pattern: name, except: [] } : ALL_INTERFACES);

/** The boxes of a rule, one per port or range in its lists. */
export function boxesOf(rule: Rule): Box[] {
  const { dport, sport, protocol, family } = rule;
  const base = {
    protocols: protocolBits(protocol, dport !== 'any' || sport !== 'any'),
    src: addressSet(rule.src, family),
    dst: addressSet(rule.dst, family),
    interfaceIn: interfaceSet(rule.interfaceIn),
    interfaceOut: interfaceSet(rule.interfaceOut),
  };
  if (!isMulti(dport) && !isMulti(sport)) {
    return [{ ...base, dport: onlyRange(dport), sport: onlyRange(sport) }];
  }
  return portRanges(dport).flatMap((d) => portRanges(sport).map((s) => ({ ...base, dport: d, sport: s })));
}

const onlyRange = (ports: string): readonly [number, number] => (ports === 'any' ? ALL_PORTS : [+ports, +ports]);

/** Rules are never changed, and asked about again and again. */
const decidersByRule = new WeakMap<Rule, readonly Decider[]>();

function decidersOf(rule: Rule): readonly Decider[] {
  const known = decidersByRule.get(rule);
  if (known) return known;
  const { dst, interfaceIn, interfaceOut, action } = rule;
  const deciders = boxesOf(rule).map((box) => {
    const kind = `${box.protocols} ${box.dport} ${box.sport} ${dst} ${interfaceIn} ${interfaceOut}`;
    return { box, level: LEVEL[action], rule, kind };
  });
  decidersByRule.set(rule, deciders);
  return deciders;
}

/** What decides about packets of one chain, in order. */
export function chainOfRules(rules: readonly Rule[], policy: Level): Chain {
  const deciders = rules.flatMap(decidersOf);
  const groups = new Map<string, Group>();
  const ofPort = new Map<number, Group[]>();
  const ofMany: Group[] = [];
  for (const [at, { box, kind }] of deciders.entries()) {
    const known = groups.get(kind);
    if (known) {
      known.places.push(at);
      continue;
    }
    const group: Group = { box: { ...box, src: ALL_ADDRESSES }, places: [at] };
    groups.set(kind, group);
    const [first, last] = box.dport;
    if (first !== last) ofMany.push(group);
    else ofPort.set(first, [...(ofPort.get(first) ?? []), group]);
  }
  return { deciders, policy, ofPort, ofMany };
}

/** The deciders of a chain that decide about packets of a region, in order: with thousands of rules a handful. */
function touching(region: Box, { deciders, ofPort, ofMany }: Chain): readonly Decider[] {
  const [first, last] = region.dport;
  const single = first === last ? (ofPort.get(first) ?? []) : [...ofPort.values()].flat();
  const groups = [...single, ...ofMany].filter(({ box }) => touches(region, box));
  const places = groups.flatMap((group) => group.places).sort((a, b) => a - b);
  const found = places.map((at) => deciders[at] as Decider);
  return region.src === ALL_ADDRESSES ? found : found.filter(({ box }) => agree(region.src, box.src));
}

/** What of a list of rules decides about packets of a region; quicker for a list that is asked about once. */
export function decidersWithin(region: Box, rules: readonly Rule[], policy: Level): Deciders {
  return { deciders: rules.flatMap(decidersOf).filter(({ box }) => touches(region, box)), policy };
}

/** The chain without what cannot decide about packets of a region. */
export function within(region: Box, chain: Chain): Deciders {
  return { deciders: touching(region, chain), policy: chain.policy };
}

/** Whether there are packets in both. */
function touches(a: Box, b: Box): boolean {
  return (
    (a.protocols & b.protocols) !== 0 &&
    meet(a.dport, b.dport) &&
    meet(a.sport, b.sport) &&
    agree(a.src, b.src) &&
    agree(a.dst, b.dst) &&
    commonInterfaces(a.interfaceIn, b.interfaceIn) !== null &&
    commonInterfaces(a.interfaceOut, b.interfaceOut) !== null
  );
}

/** The packets in both, or null where there are none. */
export function intersect(a: Box, b: Box): Box | null {
  const protocols = a.protocols & b.protocols;
  const dport = overlap(a.dport, b.dport);
  const sport = overlap(a.sport, b.sport);
  if (protocols === 0 || !dport || !sport) return null;
  const src = commonAddresses(a.src, b.src);
  const dst = src && commonAddresses(a.dst, b.dst);
  if (!src || !dst) return null;
  const interfaceIn = commonInterfaces(a.interfaceIn, b.interfaceIn);
  const interfaceOut = interfaceIn && commonInterfaces(a.interfaceOut, b.interfaceOut);
  return interfaceIn && interfaceOut ? { protocols, dport, sport, src, dst, interfaceIn, interfaceOut } : null;
}

/** The packets of `a` that are not in `b`, as boxes that share none. */
export function subtract(a: Box, b: Box): Box[] {
  if (!touches(a, b)) return [a];
  const pieces: Box[] = [];
  // Field by field: what differs there leaves as a piece, the rest goes on narrowed to b.
  let rest = a;
  const outside = rest.protocols & ~b.protocols;
  if (outside) pieces.push({ ...rest, protocols: outside });
  rest = { ...rest, protocols: rest.protocols & b.protocols };
  for (const field of ['dport', 'sport'] as const) {
    const [low, high] = rest[field];
    const [bLow, bHigh] = b[field];
    if (low < bLow) pieces.push({ ...rest, [field]: [low, bLow - 1] });
    if (high > bHigh) pieces.push({ ...rest, [field]: [bHigh + 1, high] });
    rest = { ...rest, [field]: [Math.max(low, bLow), Math.min(high, bHigh)] };
  }
  for (const field of ['src', 'dst'] as const) {
    let { value, mask } = rest[field];
    for (let free = b[field].mask & ~mask; free !== 0n; free = b[field].mask & ~mask) {
      const bit = highestBit(free);
      pieces.push({ ...rest, [field]: { value: value | (~b[field].value & bit), mask: mask | bit } });
      value |= b[field].value & bit;
      mask |= bit;
    }
    rest = { ...rest, [field]: { value, mask } };
  }
  for (const field of ['interfaceIn', 'interfaceOut'] as const) {
    const { pattern, except } = rest[field];
    if (!matches(b[field].pattern, pattern)) {
      pieces.push({ ...rest, [field]: { pattern, except: [...except, b[field].pattern] } });
    }
    for (const hole of b[field].except) {
      const inHole = commonInterfaces(rest[field], { pattern: hole, except: [] });
      if (inHole) pieces.push({ ...rest, [field]: inHole });
    }
    rest = { ...rest, [field]: commonInterfaces(rest[field], b[field]) as Interfaces };
  }
  return pieces;
}

/** Whether every packet of `inner` is in `outer`. */
function contains(outer: Box, inner: Box): boolean {
  return (
    (inner.protocols & ~outer.protocols) === 0 &&
    holds(outer.src, inner.src) &&
    holds(outer.dst, inner.dst) &&
    spans(outer.dport, inner.dport) &&
    spans(outer.sport, inner.sport) &&
    fits(outer.interfaceIn, inner.interfaceIn) &&
    fits(outer.interfaceOut, inner.interfaceOut)
  );
}

/** Whether every packet of the box is in one of the others. */
function isCovered(box: Box, others: readonly Box[]): boolean {
  // The largest piece first, to its end: a packet outside is found long before all pieces are made.
  const left = [{ piece: box, from: 0 }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { piece, from } = next;
    const at = others.findIndex((other, index) => index >= from && touches(piece, other));
    if (at < 0) return false;
    const pieces = subtract(piece, others[at] as Box).map((rest) => ({ piece: rest, from: at + 1 }));
    left.push(...pieces.reverse());
  }
  return true;
}

/** The region cut into boxes with what decides about each: a rule, or the policy (`rule: null`). */
export function* decide(
  region: Box,
  chain: Deciders,
  from = 0,
): Generator<{ box: Box; level: Level; rule: Rule | null }> {
  for (let at = from; at < chain.deciders.length; at++) {
    const { box, level, rule } = chain.deciders[at] as Decider;
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

const spans = (outer: readonly [number, number], inner: readonly [number, number]): boolean =>
  outer[0] <= inner[0] && inner[1] <= outer[1];

const meet = (a: readonly [number, number], b: readonly [number, number]): boolean => a[0] <= b[1] && b[0] <= a[1];

function overlap(a: readonly [number, number], b: readonly [number, number]): readonly [number, number] | null {
  const low = Math.max(a[0], b[0]);
  const high = Math.min(a[1], b[1]);
  return low <= high ? [low, high] : null;
}

/** Whether there are addresses in both; those of almost all pairs are told apart without a big number. */
const agree = (a: Addresses, b: Addresses): boolean =>
  a === ALL_ADDRESSES || b === ALL_ADDRESSES || ((a.value ^ b.value) & a.mask & b.mask) === 0n;

/** Whether every address of `inner` is in `outer`. */
const holds = (outer: Addresses, inner: Addresses): boolean =>
  outer === ALL_ADDRESSES ||
  (inner === ALL_ADDRESSES ? outer.mask === 0n : (outer.mask & ~inner.mask) === 0n && agree(outer, inner));

function commonAddresses(a: Addresses, b: Addresses): Addresses | null {
  if (b.mask === 0n) return a;
  if (a.mask === 0n) return b;
  if (!agree(a, b)) return null;
  return { value: a.value | b.value, mask: a.mask | b.mask };
}

/** Whether every interface that fits `name` (itself perhaps a pattern) fits the pattern. */
function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function commonInterfaces(a: Interfaces, b: Interfaces): Interfaces | null {
  if (b === ALL_INTERFACES) return a;
  if (a === ALL_INTERFACES) return b;
  const narrow = matches(a.pattern, b.pattern) ? b.pattern : matches(b.pattern, a.pattern) ? a.pattern : null;
  if (narrow === null) return null;
  if (a.except.length === 0 && b.except.length === 0) return { pattern: narrow, except: [] };
  const except = [...a.except, ...b.except];
  return except.some((hole) => matches(hole, narrow)) ? null : { pattern: narrow, except };
}

/** Whether every interface of `inner` is among those of `outer`. */
const fits = (outer: Interfaces, inner: Interfaces): boolean =>
  matches(outer.pattern, inner.pattern) &&
  !outer.except.some((hole) => commonInterfaces(inner, { pattern: hole, except: [] }) !== null);

function highestBit(bits: bigint): bigint {
  return 1n << BigInt(bits.toString(2).length - 1);
}
