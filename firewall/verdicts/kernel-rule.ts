/**
 * A rule of the kernel's as sets of packets, as far as that can be said. It is asked about packets that open something: of
 * TCP a bare SYN, whole, without extension headers, new to connection tracking. What a rule looks at besides (a rate, a
 * list, an owner, a mark) cannot be told from the ruleset, and such a rule is not sure.
 */

import { type Option, optionsOf } from '../rules/options';
import { ALL_PORTS } from '../rules/ports';
import type { Family } from '../rules/rule';
import { canonical, ICMP_TYPES, ICMPV6_TYPES } from '../rules/tables';
import {
  ADDRESS_TYPES,
  type Addresses,
  ALL_ADDRESSES,
  ALL_PROTOCOLS,
  ALL_TYPES,
  addressSet,
  type Box,
  commonAddresses,
  EVERYTHING,
  holds,
  type Interfaces,
  OTHER_PROTOCOLS,
  overlap,
  protocolBit,
  type Range,
} from './boxes';

export interface KernelRule {
  /** Which packets it is about, in boxes that share none; empty where it is about none of those asked about. */
  parts: readonly Part[];
  states: States | null;
  target: Target;
  /** Whether it counts what one address sends, as ufw's `limit` does. */
  counts: boolean;
  /** Interfaces and addresses as the rule names them, one address without its `/32`; negated with `! ` in front, or empty. */
  names: Readonly<Record<Named, string>>;
  /** The same text for rules that do the same. */
  readonly key: string;
}

export type Named = 'interfaceIn' | 'interfaceOut' | 'src' | 'dst';

export interface Part {
  box: Box;
  /** Packets of the box that the rule is not about. */
  except: readonly Box[];
  /** Whether the rule is about every other packet of the box; else it may be about some. */
  sure: boolean;
  /** The box but for its addresses, as a text that is the same for the same. */
  kind: string;
  /** Bits: what the packets between a device and other hosts have nothing to do with. */
  aside: number;
}

/** The states of connection tracking a rule wants; `negated`: any others. */
export interface States {
  names: readonly string[];
  negated: boolean;
}

export type Target =
  | { kind: 'accept' | 'drop' | 'return' | 'pass' | 'untrack' | 'unknown' }
  /** `port` and `address` are null where they stay; `own` is an address of the device. */
  | { kind: 'rewrite'; port: number | null; address: Addresses | 'own' | null }
  /** A chain, or an extension nobody here knows. */
  | { kind: 'named'; name: string; goto: boolean };

export const ASIDE = { loopback: 1, groups: 2 } as const;
export const LOOPBACK: Readonly<Record<Family, Addresses>> = {
  ipv4: addressSet('127.0.0.0/8', 'ipv4'),
  ipv6: addressSet('::1/128', 'ipv6'),
};
/** Addresses of many: multicast, and IPv4's broadcast. */
export const GROUPS: Readonly<Record<Family, readonly Addresses[]>> = {
  ipv4: [addressSet('224.0.0.0/4', 'ipv4'), addressSet('255.255.255.255', 'ipv4')],
  ipv6: [addressSet('ff00::/8', 'ipv6')],
};

/** A rule in more boxes than these is taken as one that is not sure. */
const MOST_BOXES = 300;

const TARGETS = new Map<string, Target>([
  ['ACCEPT', { kind: 'accept' }],
  ['DROP', { kind: 'drop' }],
  ['REJECT', { kind: 'drop' }],
  ['RETURN', { kind: 'return' }],
  ['NOTRACK', { kind: 'untrack' }],
  ['NETMAP', { kind: 'unknown' }],
  ...[
    ...['LOG', 'NFLOG', 'ULOG', 'MARK', 'CONNMARK', 'CLASSIFY', 'TOS', 'DSCP', 'TTL', 'HL', 'ECN', 'TCPMSS', 'SET'],
    ...['TCPOPTSTRIP', 'SECMARK', 'CONNSECMARK', 'CHECKSUM', 'TRACE', 'AUDIT', 'IDLETIMER', 'LED', 'RATEEST'],
    ...['HMARK', 'TEE', 'CT', 'SNAT', 'MASQUERADE', ''],
  ].map((name): [string, Target] => [name, { kind: 'pass' }]),
]);

/** Matches whose options say all there is to them. */
const READABLE = new Set([
  ...['tcp', 'udp', 'udplite', 'sctp', 'dccp', 'multiport', 'comment', 'conntrack', 'state', 'addrtype', 'iprange'],
  ...['icmp', 'icmp6', 'icmpv6', 'ipv6header'],
]);
/** Matches that want an extension header, which plain packets do not have. */
const EXTENSIONS = new Set(['rt', 'hbh', 'dst', 'frag']);
const HEADERS = /^(?:(?:hop|hop-by-hop|dst|ipv6-opts|route|ipv6-route|frag|ipv6-frag|auth|ah|esp)(?:,|$))+$/;
/** A match's option; anything else that is not known may be a way to write the target. */
const HARMLESS = /^--(?![jg])[\w-]+$/;
/** Ordinary packets have TCP options below it, and none above. */
const FIRST_ODD_TCP_OPTION = 64;

/** Lines as they were read before: most of a ruleset is the same from one reading to the next. */
const byLine = new Map<string, KernelRule>();
const MOST_RULES = 20_000;

/** The rule of a text without `-A CHAIN`; the same object for the same text, as far as they are remembered. */
export function kernelRule(spec: string, family: Family): KernelRule {
  const line = `${family} ${spec}`;
  const known = byLine.get(line);
  if (known) return known;
  const rule = readRule(spec, family);
  if (byLine.size >= MOST_RULES) byLine.clear();
  byLine.set(line, rule);
  return rule;
}

/** What is known of a rule's packets while its options are read: in each field one of several sets. */
interface Draft {
  protocols: number;
  /** Protocols of which some may be meant and some not. */
  vagueProtocols: number;
  dports: readonly Range[];
  sports: readonly Range[];
  /** Ports of which one must be among these. */
  either: readonly Range[] | null;
  srcs: readonly Addresses[];
  dsts: readonly Addresses[];
  except: Box[];
  interfaceIn: Interfaces;
  interfaceOut: Interfaces;
  dstTypes: number;
  states: States | null;
  /** It looks at something that is not known. */
  vague: boolean;
  /** It wants something that plain packets do not have. */
  odd: boolean;
  /** It is about none of the packets asked about. */
  never: boolean;
  counts: boolean;
  target: Target | null;
  names: Record<Named, string>;
}

function readRule(spec: string, family: Family): KernelRule {
  const options = optionsOf(spec);
  const draft: Draft = {
    ...{ protocols: ALL_PROTOCOLS, vagueProtocols: 0, dports: [ALL_PORTS], sports: [ALL_PORTS], either: null },
    ...{ srcs: [ALL_ADDRESSES], dsts: [ALL_ADDRESSES], except: [], dstTypes: ALL_TYPES, states: null },
    ...{ interfaceIn: EVERYTHING.interfaceIn, interfaceOut: EVERYTHING.interfaceOut },
    ...{ vague: false, odd: false, never: false, counts: false, target: null },
    names: { interfaceIn: '', interfaceOut: '', src: '', dst: '' },
  };
  for (const option of options) {
    const read = READERS[option.name];
    if (!read) draft.vague = true;
    else if (!read(draft, option, family)) draft.vague = true;
  }
  // A text that cannot be read may hide its verdict; two of them, and one is a value that looks like it.
  const jumps = options.filter(({ name }) => name === '-j' || name === '-g').length;
  const target: Target =
    jumps > 1 || (jumps === 0 && draft.vague && options.some(({ name }) => !READERS[name] && !HARMLESS.test(name)))
      ? { kind: 'unknown' }
      : targetOf(draft.target, options, family);
  const { states, counts, names } = draft;
  const isLost = draft.never || (draft.odd && target.kind === 'drop');
  const parts = isLost ? [] : partsOf(draft, family);
  let key: string | null = null;
  return {
    ...{ parts, states, target, counts, names },
    // Made for few of thousands of rules.
    get key() {
      const isSure = parts.every(({ sure }) => sure);
      const text = isSure ? parts.map(partText).join(' | ') : wordsOf(spec, options);
      key ??= `${family} ${text} ${statesText(states)} ${targetText(target)}`;
      return key;
    },
  };
}

/** What a rule that is not sure looks at; a match counts also where it has no options. */
const wordsOf = (spec: string, options: readonly Option[]): string =>
  `${canonical(spec)} ${options.filter(({ name, values: [value = ''] }) => name === '-m' && !READABLE.has(value)).map(textOf)}`;

const partText = ({ kind, box, except }: Part): string => `${kind} ${[box, ...except].map(addressText)}`;
const addressText = ({ src, dst }: Box): string => `${src.value}/${src.mask} ${dst.value}/${dst.mask}`;
const statesText = (states: States | null): string =>
  states ? `${states.negated ? '!' : ''}${[...states.names].sort()}` : '';

/** The same for targets that do the same. */
function targetText(target: Target): string {
  if (target.kind === 'named') return `${target.goto ? 'goto' : 'jump'} ${target.name}`;
  if (target.kind !== 'rewrite') return target.kind;
  const { port, address } = target;
  return `rewrite ${port} ${address === null || address === 'own' ? address : `${address.value}/${address.mask}`}`;
}

function targetOf(named: Target | null, options: readonly Option[], family: Family): Target {
  if (named?.kind !== 'named' || named.goto) return named ?? { kind: 'pass' };
  const value = (name: string): readonly string[] => options.filter((option) => option.name === name).map(textOf);
  if (named.name === 'REDIRECT') return rewriteTo(`:${value('--to-ports')[0] ?? ''}`, 'own', family);
  if (named.name === 'DNAT') {
    const [to, ...more] = value('--to-destination');
    return to === undefined || more.length > 0 ? { kind: 'unknown' } : rewriteTo(to, null, family);
  }
  if (named.name === 'CT' && options.some(({ name }) => name === '--notrack')) return { kind: 'untrack' };
  return TARGETS.get(named.name) ?? named;
}

const textOf = ({ values }: Option): string => values.join(' ');

const DESTINATION = /^(?:\[(.+)\]|([^:[\]]*)|([^[\]]+))(?::(\d*))?$/;

/** `ADDRESS:PORT`, either of which may be missing; a range of them is the kernel's choice, and so not known. */
function rewriteTo(text: string, own: 'own' | null, family: Family): Target {
  const [, bracketed, plain, other, port] = DESTINATION.exec(text) ?? [];
  const host = bracketed ?? plain ?? other ?? text;
  const address = host === '' ? own : addressesOf(host, family);
  return address === undefined ? { kind: 'unknown' } : { kind: 'rewrite', port: port ? Number(port) : null, address };
}

/** Undefined where the text is no address. */
function addressesOf(text: string, family: Family): Addresses | undefined {
  try {
    return addressSet(text, family);
  } catch {
    return undefined;
  }
}

/** What an option says of the packets; false where it says what is not known here. */
type Reader = (draft: Draft, option: Option, family: Family) => boolean;

const nothing: Reader = () => true;
const vague: Reader = () => false;

const address =
  (field: 'src' | 'dst'): Reader =>
  (draft, { values: [text = ''], negated }, family) => {
    const sets = text.split(',').map((one) => addressesOf(one, family));
    const name = text.replace(family === 'ipv4' ? /\/32$/ : /\/128$/, '');
    draft.names[field] = negated ? `! ${name}` : name;
    if (sets.some((set) => set === undefined) || (negated && sets.length > 1)) return false;
    narrow(draft, field, sets as Addresses[], negated);
    return true;
  };

const addressRange =
  (field: 'src' | 'dst'): Reader =>
  (draft, { values: [text = ''], negated }, family) => {
    draft.names[field] = negated ? `! ${text}` : text;
    const [low, high, ...more] = text.split('-').map((one) => addressesOf(one, family));
    const full = family === 'ipv4' ? 2n ** 32n - 1n : 2n ** 128n - 1n;
    if (!low || !high || more.length > 0 || low.mask !== full || high.mask !== full) return false;
    narrow(draft, field, subnets(low.value, high.value, full), negated);
    return true;
  };

/** Keeps the packets from, or to, one of the addresses, or all others. */
function narrow(draft: Draft, field: 'src' | 'dst', sets: readonly Addresses[], negated: boolean): void {
  if (negated) draft.except.push(...sets.map((set) => ({ ...EVERYTHING, [field]: set })));
  else draft[`${field}s`] = both(draft[`${field}s`], sets);
}

const interfaces =
  (field: 'interfaceIn' | 'interfaceOut'): Reader =>
  (draft, { values: [name = ''], negated }) => {
    draft.names[field] = negated ? `! ${name}` : name;
    if (name === '') return false;
    if (negated && name === '+') draft.never = true;
    draft[field] = negated ? { pattern: '+', except: [name] } : { pattern: name, except: [] };
    return true;
  };

const ports =
  (...fields: ('dports' | 'sports')[]): Reader =>
  (draft, { values: [text = ''], negated }) => {
    const ranges = rangesOf(text);
    if (!ranges) return false;
    const wanted = negated ? complement(ranges) : ranges;
    for (const field of fields) draft[field] = common(draft[field], wanted);
    return true;
  };

/** Either port is one of these; with `!` neither is. */
const eitherPort: Reader = (draft, option, family) => {
  if (option.negated) return ports('dports', 'sports')(draft, option, family);
  const ranges = rangesOf(option.values[0] ?? '');
  if (!ranges || draft.either) return false;
  draft.either = ranges;
  return true;
};

const states: Reader = (draft, { values: [text = ''], negated }) => {
  if (draft.states) return false;
  draft.states = { names: text.split(','), negated };
  return true;
};

const destinationType: Reader = (draft, { values: [text = ''], negated }) => {
  const places = text.split(',').map((name) => ADDRESS_TYPES.indexOf(name));
  if (places.includes(-1)) return false;
  const bits = places.reduce((sum, place) => sum | (1 << place), 0);
  draft.dstTypes &= negated ? ALL_TYPES & ~bits : bits;
  return true;
};

/** Whether a SYN and no other flag is what it wants. */
const tcpFlags: Reader = (draft, { values: [mask = '', wanted = ''], negated }) => {
  const has = (list: string): boolean => list === 'ALL' || list.split(',').includes('SYN');
  const isMet = has(mask) ? wanted === 'SYN' : wanted === 'NONE';
  if (isMet === negated) draft.never = true;
  return true;
};

const tcpOption: Reader = (draft, { values: [number = ''], negated }) => {
  if (negated || !(Number(number) >= FIRST_ODD_TCP_OPTION)) return false;
  draft.odd = true;
  return true;
};

const fragment: Reader = (draft, { negated }) => {
  if (!negated) draft.odd = true;
  return true;
};

const header: Reader = (draft, { values: [names = ''], negated }) => {
  if (negated || !HEADERS.test(names)) return false;
  draft.odd = true;
  return true;
};

const icmpType =
  (types: Readonly<Record<string, string>>): Reader =>
  (draft, { values: [text = ''], negated }) => {
    const [type = '', code] = (types[text] ?? text).split('/');
    if (text === 'any') {
      if (negated) draft.never = true;
      return true;
    }
    if (!/^\d+$/.test(type) || !/^\d*$/.test(code ?? '')) return false;
    const first = Number(type) * 256;
    const range: Range = code === undefined ? [first, first + 255] : [first + Number(code), first + Number(code)];
    draft.dports = common(draft.dports, negated ? complement([range]) : [range]);
    return true;
  };

const protocol: Reader = (draft, { values: [name = ''], negated }) => {
  if (name === 'all' || name === '0') {
    if (negated) draft.never = true;
    return true;
  }
  const bit = protocolBit(name);
  // It shares its bit with others: of those some are meant.
  if (bit === 0) draft.vagueProtocols = OTHER_PROTOCOLS;
  const wanted = bit === 0 ? OTHER_PROTOCOLS : bit;
  draft.protocols = negated ? ALL_PROTOCOLS & ~(bit === 0 ? 0 : bit) : wanted;
  return true;
};

const match: Reader = (draft, { values: [name = ''] }) => {
  if (EXTENSIONS.has(name)) draft.odd = true;
  return READABLE.has(name) || EXTENSIONS.has(name);
};

const recent: Reader = (draft) => {
  draft.counts = true;
  return false;
};

const jump =
  (goto: boolean): Reader =>
  (draft, { values: [name = ''] }) => {
    draft.target = { kind: 'named', name, goto };
    return true;
  };

const READERS: Readonly<Record<string, Reader | undefined>> = Object.assign(Object.create(null), {
  '-p': protocol,
  '-s': address('src'),
  '-d': address('dst'),
  '-i': interfaces('interfaceIn'),
  '-o': interfaces('interfaceOut'),
  '-f': fragment,
  '-m': match,
  '-j': jump(false),
  '-g': jump(true),
  '--sport': ports('sports'),
  '--dport': ports('dports'),
  '--sports': ports('sports'),
  '--dports': ports('dports'),
  '--ports': eitherPort,
  '--src-range': addressRange('src'),
  '--dst-range': addressRange('dst'),
  '--dst-type': destinationType,
  '--ctstate': states,
  '--syn': ((draft, { negated }) => {
    if (negated) draft.never = true;
    return true;
  }) as Reader,
  '--tcp-flags': tcpFlags,
  '--tcp-option': tcpOption,
  '--header': header,
  '--icmp-type': icmpType(ICMP_TYPES),
  '--icmpv6-type': icmpType(ICMPV6_TYPES),
  '--rt-type': nothing,
  '--update': recent,
  '--rcheck': recent,
  ...Object.fromEntries(['--set', '--remove', '--name', '--mask', '--rsource', '--rdest'].map((name) => [name, vague])),
  ...Object.fromEntries(['--seconds', '--hitcount', '--rttl', '--reap'].map((name) => [name, vague])),
  // What a target does besides, and what is written for people.
  ...Object.fromEntries(
    ['--comment', '--reject-with', '--to-destination', '--to-ports', '--random', '--random-fully', '--persistent']
      .concat('--notrack', '--log-prefix', '--log-level', '--nflog-prefix', '--ulog-prefix')
      .map((name) => [name, nothing]),
  ),
});

/** `80`, `80,443`, `1000:2000`, `1024:` as ranges that share no port; null where it is none of that. */
function rangesOf(text: string): Range[] | null {
  const ranges = text.split(',').map((part): Range => {
    const [, first, colon, last] = /^(\d*)(:?)(\d*)$/.exec(part) ?? [];
    if (first === undefined || (first === '' && !colon)) return [1, 0];
    return [Number(first), colon ? (last === '' ? 65535 : Number(last)) : Number(first)];
  });
  if (ranges.some(([first, last]) => first > last || last > 65535)) return null;
  const apart: Range[] = [];
  for (const [first, last] of ranges.sort((a, b) => a[0] - b[0])) {
    const before = apart[apart.length - 1];
    if (before && first <= before[1]) apart[apart.length - 1] = [before[0], Math.max(before[1], last)];
    else apart.push([first, last]);
  }
  return apart;
}

/** The ports in none of the ranges, which are in order and share none. */
function complement(ranges: readonly Range[]): Range[] {
  const gaps: Range[] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  return next <= 65535 ? [...gaps, [next, 65535]] : gaps;
}

/** The ports in one of each. */
const common = (some: readonly Range[], others: readonly Range[]): Range[] =>
  some.flatMap((one) =>
    others.flatMap((other) => {
      const range = overlap(one, other);
      return range ? [range] : [];
    }),
  );

const both = (some: readonly Addresses[], others: readonly Addresses[]): Addresses[] =>
  some.flatMap((one) => others.flatMap((other) => commonAddresses(one, other) ?? []));

/** The addresses from one number to another as subnets. */
function subnets(from: bigint, to: bigint, full: bigint): Addresses[] {
  const found: Addresses[] = [];
  for (let low = from; low <= to; ) {
    let size = 1n;
    while (low % (size * 2n) === 0n && low + size * 2n - 1n <= to) size *= 2n;
    found.push(size > full ? ALL_ADDRESSES : { value: low, mask: full ^ (size - 1n) });
    low += size;
  }
  return found;
}

function partsOf(draft: Draft, family: Family): Part[] {
  const { protocols, vagueProtocols, interfaceIn, interfaceOut, dstTypes, vague, odd, either } = draft;
  const { dports, sports, srcs, dsts, except } = draft;
  if (dstTypes === 0) return [];
  const pairs = portPairs(dports, sports, either);
  const isTooMany = pairs.length * srcs.length * dsts.length > MOST_BOXES;
  const base: Box = { ...EVERYTHING, protocols, interfaceIn, interfaceOut, dstTypes };
  const boxes = isTooMany
    ? [base]
    : pairs.flatMap(([dport, sport]) =>
        srcs.flatMap((src) => dsts.map((dst): Box => ({ ...base, dport, sport, src, dst }))),
      );
  const isSure = !vague && !odd && !isTooMany;
  return boxes.flatMap((box) => {
    const clear = box.protocols & ~vagueProtocols;
    const rest = box.protocols & vagueProtocols;
    return [
      ...(clear ? [part({ ...box, protocols: clear }, except, isSure, family)] : []),
      ...(rest ? [part({ ...box, protocols: rest }, except, false, family)] : []),
    ];
  });
}

function portPairs(
  dports: readonly Range[],
  sports: readonly Range[],
  either: readonly Range[] | null,
): [Range, Range][] {
  const pairs = (some: readonly Range[], others: readonly Range[]): [Range, Range][] =>
    some.flatMap((dport) => others.map((sport): [Range, Range] => [dport, sport]));
  if (!either) return pairs(dports, sports);
  return [
    ...pairs(common(dports, either), sports),
    ...pairs(common(dports, complement(either)), common(sports, either)),
  ];
}

function part(box: Box, except: readonly Box[], sure: boolean, family: Family): Part {
  const { protocols, dport, sport, interfaceIn, interfaceOut, dstTypes, src, dst } = box;
  const names = [interfaceIn, interfaceOut].map(({ pattern, except }) => `${pattern}!${except}`).join(' ');
  const isLoopback = holds(LOOPBACK[family], src) || holds(LOOPBACK[family], dst);
  const isForMany = GROUPS[family].some((group) => holds(group, dst));
  return {
    ...{ box, except, sure },
    kind: `${protocols} ${dport} ${sport} ${dstTypes} ${names}`,
    aside: (isLoopback ? ASIDE.loopback : 0) | (isForMany ? ASIDE.groups : 0),
  };
}
