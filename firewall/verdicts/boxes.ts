/**
 * Sets of packets. A box is a product of one set per field; what no box can say is said with several, or with a box and
 * what is missing from it. Everything that is said about what a firewall lets through (open, closed, wider than before)
 * is computed with these, exactly, never from rule texts.
 */
import { present } from '../lists';
import { addressBytes } from '../rules/address';
import { ALL_PORTS } from '../rules/ports';
import { ANYWHERE, type Family } from '../rules/rule';

/** Addresses that agree with `value` in the bits of `mask`. */
export interface Addresses {
  value: bigint;
  mask: bigint;
}

/** Interfaces matching `pattern` (`+` at its end is iptables' wildcard) but none of `except`. */
export interface Interfaces {
  pattern: string;
  except: readonly string[];
}

/** From the first to the last, both of them included. */
export type Range = readonly [number, number];

export interface Box {
  /** One bit per protocol of PROTOCOLS. */
  protocols: number;
  /** For ICMP 256 times the type, and the code. */
  dport: Range;
  sport: Range;
  src: Addresses;
  dst: Addresses;
  /** The empty name is no interface: that of a packet the device makes, or keeps. */
  interfaceIn: Interfaces;
  interfaceOut: Interfaces;
  /** One bit per kind of destination of ADDRESS_TYPES. */
  dstTypes: number;
}

/** How much a rule lets through: nothing, a limited rate, everything. */
export const LEVEL = { deny: 0, reject: 0, limit: 1, allow: 2 } as const;
export type Level = (typeof LEVEL)[keyof typeof LEVEL];

/** By the number in the packet; the names are those of ufw and of `iptables-save`. Those without a bit share the last. */
const NUMBERS = {
  ...{ tcp: 6, udp: 17, ipv6: 41, esp: 50, ah: 51, igmp: 2, gre: 47, vrrp: 112, icmp: 1, 'ipv6-icmp': 58 },
  ...{ sctp: 132, dccp: 33, udplite: 136, ipencap: 4, ipcomp: 108, ospf: 89, pim: 103, l2tp: 115, eigrp: 88 },
  ...{ 'ipv6-route': 43, 'ipv6-frag': 44, 'ipv6-nonxt': 59, 'ipv6-opts': 60, 'mobility-header': 135, hip: 139 },
  ...{ rsvp: 46, etherip: 97, isis: 124, 'mpls-in-ip': 137 },
} as const;
export const PROTOCOLS: readonly string[] = [...Object.keys(NUMBERS), 'other'];
const PLACE = new Map<string, number>([
  ...Object.entries(NUMBERS).flatMap(([name, number], place): [string, number][] => [
    [name, place],
    [String(number), place],
  ]),
  ...(['icmpv6', 'icmp6'] as const).map((name): [string, number] => [name, PROTOCOLS.indexOf('ipv6-icmp')]),
  ...(['ipv6-mh', 'mh'] as const).map((name): [string, number] => [name, PROTOCOLS.indexOf('mobility-header')]),
  ['ipip', PROTOCOLS.indexOf('ipencap')],
]);
export const ALL_PROTOCOLS = 2 ** PROTOCOLS.length - 1;
export const OTHER_PROTOCOLS = 1 << PROTOCOLS.indexOf('other');
export const TCP_UDP = 0b11;

/** What the kernel calls the destination of a packet, as in `-m addrtype`. */
export const ADDRESS_TYPES: readonly string[] = [
  ...['UNSPEC', 'UNICAST', 'LOCAL', 'BROADCAST', 'ANYCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE', 'PROHIBIT'],
  ...['THROW', 'NAT', 'XRESOLVE'],
];
export const ALL_TYPES = 2 ** ADDRESS_TYPES.length - 1;
export const LOCAL = 1 << ADDRESS_TYPES.indexOf('LOCAL');

export const ALL_ADDRESSES: Addresses = { value: 0n, mask: 0n };
export const ALL_INTERFACES: Interfaces = { pattern: '+', except: [] };
export const NO_INTERFACE: Interfaces = { pattern: '', except: [] };

export const EVERYTHING: Box = {
  protocols: ALL_PROTOCOLS,
  dport: ALL_PORTS,
  sport: ALL_PORTS,
  src: ALL_ADDRESSES,
  dst: ALL_ADDRESSES,
  interfaceIn: ALL_INTERFACES,
  interfaceOut: ALL_INTERFACES,
  dstTypes: ALL_TYPES,
};

/** The bit of a protocol by its name or number; 0 where it shares its bit with others, or has no such name. */
export const protocolBit = (protocol: string): number => {
  const place = PLACE.get(protocol);
  return place === undefined ? 0 : 1 << place;
};

const addressCache = new Map<string, Addresses>();

/** An address, CIDR subnet or IPv4 address with dotted mask as a set. Throws an Error where it is none. */
export function addressSet(text: string, family: Family): Addresses {
  if (text === ANYWHERE[family]) return ALL_ADDRESSES;
  const known = addressCache.get(text);
  if (known) return known;
  const width = family === 'ipv4' ? 32n : 128n;
  const [address = '', prefix] = text.split('/');
  const full = (1n << width) - 1n;
  let mask = full;
  if (prefix !== undefined && /[.:]/.test(prefix)) mask = addressBits(prefix);
  else if (prefix !== undefined) mask = full ^ ((1n << (width - BigInt(prefix))) - 1n);
  const set = mask === 0n ? ALL_ADDRESSES : { value: addressBits(address) & mask, mask };
  // Rule files are small, but messages are not trusted to be: the cache must not grow with them.
  if (addressCache.size > 10_000) addressCache.clear();
  addressCache.set(text, set);
  return set;
}

function addressBits(address: string): bigint {
  return addressBytes(address).reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}

export const interfaceSet = (name: string): Interfaces => (name ? { pattern: name, except: [] } : ALL_INTERFACES);

/** Whether there are packets in both. */
export function touches(a: Box, b: Box): boolean {
  return (
    (a.protocols & b.protocols) !== 0 &&
    meet(a.dport, b.dport) &&
    meet(a.sport, b.sport) &&
    agree(a.src, b.src) &&
    agree(a.dst, b.dst) &&
    (a.dstTypes & b.dstTypes) !== 0 &&
    common(a.interfaceIn, b.interfaceIn) !== null &&
    common(a.interfaceOut, b.interfaceOut) !== null
  );
}

/** The packets in both, or null where there are none. */
export function intersect(a: Box, b: Box): Box | null {
  const protocols = a.protocols & b.protocols;
  const dport = overlap(a.dport, b.dport);
  const sport = overlap(a.sport, b.sport);
  const dstTypes = a.dstTypes & b.dstTypes;
  if (protocols === 0 || dstTypes === 0 || !dport || !sport) return null;
  const src = commonAddresses(a.src, b.src);
  const dst = src && commonAddresses(a.dst, b.dst);
  if (!src || !dst) return null;
  const interfaceIn = common(a.interfaceIn, b.interfaceIn);
  const interfaceOut = interfaceIn && common(a.interfaceOut, b.interfaceOut);
  return interfaceIn && interfaceOut
    ? { protocols, dport, sport, src, dst, interfaceIn, interfaceOut, dstTypes }
    : null;
}

/** The packets of `a` that are not in `b`, as boxes that share none. */
export function subtract(a: Box, b: Box): Box[] {
  if (!touches(a, b)) return [a];
  const pieces: Box[] = [];
  // Field by field: what differs there leaves as a piece, the rest goes on narrowed to b.
  let rest = a;
  for (const field of ['protocols', 'dstTypes'] as const) {
    const outside = rest[field] & ~b[field];
    if (outside) pieces.push({ ...rest, [field]: outside });
    rest = { ...rest, [field]: rest[field] & b[field] };
  }
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
      const inHole = common(rest[field], { pattern: hole, except: [] });
      if (inHole) pieces.push({ ...rest, [field]: inHole });
    }
    rest = { ...rest, [field]: common(rest[field], b[field]) as Interfaces };
  }
  return pieces;
}

/** Whether every packet of `inner` is in `outer`. */
export function contains(outer: Box, inner: Box): boolean {
  return (
    (inner.protocols & ~outer.protocols) === 0 &&
    (inner.dstTypes & ~outer.dstTypes) === 0 &&
    holds(outer.src, inner.src) &&
    holds(outer.dst, inner.dst) &&
    spans(outer.dport, inner.dport) &&
    spans(outer.sport, inner.sport) &&
    fits(outer.interfaceIn, inner.interfaceIn) &&
    fits(outer.interfaceOut, inner.interfaceOut)
  );
}

/** How much may be done for an answer; what is left is negative where it was not enough. */
export interface Work {
  left: number;
}

/** Whether every packet of the box is in one of the others; false where there was too much to do. */
export function isCovered(box: Box, others: readonly Box[], work: Work = { left: Number.POSITIVE_INFINITY }): boolean {
  if (areTooSmall(box, others)) return false;
  // The largest piece first, to its end: a packet outside is found long before all pieces are made.
  const left = [{ piece: box, from: 0 }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { piece, from } = next;
    let at = from;
    while (at < others.length && !touches(piece, present(others[at]))) at++;
    work.left -= at - from + 1;
    if (at === others.length || work.left < 0) return false;
    const pieces = subtract(piece, present(others[at])).map((rest) => ({ piece: rest, from: at + 1 }));
    left.push(...pieces.reverse());
  }
  return true;
}

/** Whether the others together hold fewer packets than the box: most often they do, and nothing has to be cut up to know. */
function areTooSmall(box: Box, others: readonly Box[]): boolean {
  let left = 1 - ROUNDING;
  for (const other of others) {
    left -= shareOf(box, other);
    if (left <= 0) return false;
  }
  return true;
}

const ROUNDING = 1e-6;

/** How much of the box is in the other, from 0 to 1, at the most: of interfaces it could be all. */
function shareOf(box: Box, other: Box): number {
  return (
    (ones(box.protocols & other.protocols) / ones(box.protocols)) *
    (ones(box.dstTypes & other.dstTypes) / ones(box.dstTypes)) *
    (width(overlap(box.dport, other.dport)) / width(box.dport)) *
    (width(overlap(box.sport, other.sport)) / width(box.sport)) *
    2 ** -(bigOnes(other.src.mask & ~box.src.mask) + bigOnes(other.dst.mask & ~box.dst.mask))
  );
}

const width = (range: Range | null): number => (range ? range[1] - range[0] + 1 : 0);

function ones(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
}

const bigOnes = (bits: bigint): number => (bits === 0n ? 0 : bits.toString(2).replace(/0/g, '').length);

export const spans = (outer: Range, inner: Range): boolean => outer[0] <= inner[0] && inner[1] <= outer[1];

export const meet = (a: Range, b: Range): boolean => a[0] <= b[1] && b[0] <= a[1];

/** The ports in both, or null where there are none. */
export function overlap(a: Range, b: Range): Range | null {
  if (spans(b, a)) return a;
  const low = Math.max(a[0], b[0]);
  const high = Math.min(a[1], b[1]);
  return low <= high ? [low, high] : null;
}

/** Whether there are addresses in both; almost all pairs are distinguished without a big number. */
export const agree = (a: Addresses, b: Addresses): boolean =>
  a === ALL_ADDRESSES || b === ALL_ADDRESSES || ((a.value ^ b.value) & a.mask & b.mask) === 0n;

/** Whether every address of `inner` is in `outer`. */
export const holds = (outer: Addresses, inner: Addresses): boolean =>
  outer === ALL_ADDRESSES ||
  (inner === ALL_ADDRESSES ? outer.mask === 0n : (outer.mask & ~inner.mask) === 0n && agree(outer, inner));

/** The addresses in both, or null where there are none. */
export function commonAddresses(a: Addresses, b: Addresses): Addresses | null {
  if (b.mask === 0n) return a;
  if (a.mask === 0n) return b;
  if (!agree(a, b)) return null;
  return { value: a.value | b.value, mask: a.mask | b.mask };
}

/** Whether every interface that fits `name` (itself perhaps a pattern) fits the pattern. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** The interfaces in both, or null where there are none. */
export function common(a: Interfaces, b: Interfaces): Interfaces | null {
  if (b === ALL_INTERFACES) return a;
  if (a === ALL_INTERFACES) return b;
  const narrow = matches(a.pattern, b.pattern) ? b.pattern : matches(b.pattern, a.pattern) ? a.pattern : null;
  if (narrow === null) return null;
  if (a.except.length === 0 && b.except.length === 0) return { pattern: narrow, except: [] };
  const except = [...a.except, ...b.except];
  return except.some((hole) => matches(hole, narrow)) ? null : { pattern: narrow, except };
}

/** Whether every interface of `inner` is among those of `outer`. */
export const fits = (outer: Interfaces, inner: Interfaces): boolean =>
  outer === ALL_INTERFACES ||
  (matches(outer.pattern, inner.pattern) &&
    !outer.except.some((hole) => common(inner, { pattern: hole, except: [] }) !== null));

function highestBit(bits: bigint): bigint {
  return 1n << BigInt(bits.toString(2).length - 1);
}
