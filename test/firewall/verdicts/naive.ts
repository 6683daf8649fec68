/**
 * What becomes of one packet, rule by rule as the kernel goes: written apart from the code under test and as plainly as can
 * be, to be held against it. Where nobody can know whether a rule is about the packet, both are tried.
 */
import ipaddr from 'ipaddr.js';
import { isUnknown, type Match, type Model, type ModelRule, type ModelTable, ruleText } from './model';

export interface Packet {
  protocol: string;
  src: string;
  dst: string;
  sport: number;
  dport: number;
  /** Empty where the device makes it, or keeps it. */
  interfaceIn: string;
  interfaceOut: string;
  dstType: string;
}

export type End = 'deny' | 'allow';
/** Whether a rule whose text is this is about a packet, where nobody can know; null for both ways. */
export type Guess = (text: string) => boolean | null;

const bothWays: Guess = () => null;

const HOOKS = {
  before: [
    ['raw', 'PREROUTING'],
    ['mangle', 'PREROUTING'],
    ['nat', 'PREROUTING'],
  ],
  in: [
    ['mangle', 'INPUT'],
    ['filter', 'INPUT'],
    ['security', 'INPUT'],
  ],
  forward: [
    ['mangle', 'FORWARD'],
    ['filter', 'FORWARD'],
    ['security', 'FORWARD'],
    ['mangle', 'POSTROUTING'],
  ],
  out: [
    ['raw', 'OUTPUT'],
    ['mangle', 'OUTPUT'],
    ['filter', 'OUTPUT'],
    ['security', 'OUTPUT'],
    ['mangle', 'POSTROUTING'],
  ],
} as const;

/** A packet on its way. */
interface Traveller {
  packet: Packet;
  /** Whether connection tracking sees it. */
  tracked: boolean;
  redirected: boolean;
}

/** All that may come of it. */
type Way = (to: Traveller) => readonly End[];

/** Every end that a packet may come to. */
export function endsOf(
  model: Model,
  direction: 'in' | 'out' | 'forward',
  packet: Packet,
  guess: Guess = bothWays,
): ReadonlySet<End> {
  /** What comes of a traveller from a hook on, known already: ways part at every rule that nobody can tell of, and meet here. */
  const known = new Map<string, readonly End[]>();
  const through = (hooks: readonly (readonly [string, string])[], from: Traveller, then: Way): readonly End[] => {
    const [hook, ...rest] = hooks;
    if (!hook) return then(from);
    const key = `${hook.join(' ')} ${from.tracked} ${from.redirected} ${from.packet.dport} ${from.packet.interfaceOut}`;
    const ends = known.get(key);
    if (ends) return ends;
    const table = model.tables.find(({ name }) => name === hook[0]);
    const goOn: Way = (to) => through(rest, to, then);
    const found = table?.chains[hook[1]] ? throughChain(table, hook[1], from, guess, goOn) : goOn(from);
    const distinct = [...new Set(found)];
    known.set(key, distinct);
    return distinct;
  };
  const arrive: Way = () => ['allow'];
  const start: Traveller = { packet, tracked: true, redirected: false };
  if (direction === 'out') return new Set(through(HOOKS.out, start, arrive));
  return new Set(
    through(HOOKS.before, start, (to) => {
      // What is redirected stays.
      if (direction === 'forward' && !to.redirected) return through(HOOKS.forward, to, arrive);
      return through(HOOKS.in, { ...to, packet: { ...to.packet, interfaceOut: '' } }, arrive);
    }),
  );
}

/** Through a built-in chain; `accepted` is how it goes on where that lets the packet through. */
function throughChain(table: ModelTable, name: string, from: Traveller, guess: Guess, accepted: Way): readonly End[] {
  /** `back` is how it goes on where the rules do not decide. */
  const run = (rules: readonly ModelRule[], traveller: Traveller, back: Way): readonly End[] => {
    const [rule, ...rest] = rules;
    if (!rule) return back(traveller);
    const goOn: Way = (to) => run(rest, to, back);
    const about = isAbout(rule, traveller, guess);
    return [...(about === true ? [] : goOn(traveller)), ...(about === false ? [] : obey(rule, traveller, goOn, back))];
  };
  const obey = ({ target }: ModelRule, to: Traveller, goOn: Way, back: Way): readonly End[] => {
    switch (target.kind) {
      case 'none':
        return goOn(to);
      case 'jump':
        return run(table.chains[target.chain] ?? [], to, goOn);
      case 'goto':
        return run(table.chains[target.chain] ?? [], to, back);
      case 'untrack':
        return goOn({ ...to, tracked: false });
      case 'redirect': {
        const packet = { ...to.packet, dport: target.port, dstType: 'LOCAL' };
        return accepted({ ...to, packet, redirected: true });
      }
      case 'verdict':
        if (target.name === 'RETURN') return back(to);
        return target.name === 'ACCEPT' ? accepted(to) : ['deny'];
    }
  };
  const isDropping = table.policies[name] === 'DROP';
  return run(table.chains[name] ?? [], from, (to) => (isDropping ? ['deny'] : accepted(to)));
}

/** Null where nobody can know. */
function isAbout(rule: ModelRule, { packet, tracked, redirected }: Traveller, guess: Guess): boolean | null {
  if (!rule.matches.filter((match) => match.kind !== 'state').every((match) => isUnknown(match) || fits(match, packet)))
    return false;
  const states = rule.matches.flatMap((match) => (match.kind === 'state' ? [match] : []));
  if (!tracked && (states.length > 0 || rule.target.kind === 'redirect')) return guess(ruleText(rule));
  const isMet = states.every(
    ({ names, negated }) => (names.includes('NEW') || (redirected && names.includes('DNAT'))) !== negated,
  );
  if (!isMet) return false;
  return rule.matches.some(isUnknown) ? guess(ruleText(rule)) : true;
}

/** Whether a match is about a packet; of what nobody can know, and of states, it is. */
export function fits(match: Match, packet: Packet): boolean {
  if (match.kind === 'unknown' || match.kind === 'state') return true;
  return meets(match, packet) !== match.negated;
}

function meets(match: Exclude<Match, { kind: 'unknown' | 'state' }>, packet: Packet): boolean {
  const port = (from: number, to: number, value: number): boolean => from <= value && value <= to;
  switch (match.kind) {
    case 'protocol':
      return match.name === packet.protocol;
    case 'src':
    case 'dst':
      return isIn(match.subnet, packet[match.kind]);
    case 'src-range':
      return isBetween(match.from, match.to, packet.src);
    case 'dst-range':
      return isBetween(match.from, match.to, packet.dst);
    case 'in':
      return isNamed(match.name, packet.interfaceIn);
    case 'out':
      return isNamed(match.name, packet.interfaceOut);
    case 'sport':
    case 'dport':
      return port(match.from, match.to, packet[match.kind]);
    case 'ports': {
      const has = (value: number): boolean => match.list.some(([from, to]) => port(from, to, value));
      const { option } = match;
      return (option !== 'dports' && has(packet.sport)) || (option !== 'sports' && has(packet.dport));
    }
    case 'dst-type':
      return match.names.includes(packet.dstType);
    case 'flags': {
      const seen = match.mask.split(',').filter((flag) => flag === 'SYN');
      return (seen.join(',') || 'NONE') === match.wanted;
    }
  }
}

const isNamed = (name: string, value: string): boolean =>
  name.endsWith('+') ? value.startsWith(name.slice(0, -1)) : name === value;

/** Addresses as bits; the same few are asked about again and again. */
const bits = new Map<string, string>();
function bitsOf(address: string): string {
  const known = bits.get(address);
  if (known !== undefined) return known;
  const bytes = ipaddr.parse(address).toByteArray();
  const text = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  bits.set(address, text);
  return text;
}

function isIn(subnet: string, address: string): boolean {
  const [start = '', length] = subnet.split('/');
  return bitsOf(start).slice(0, Number(length)) === bitsOf(address).slice(0, Number(length));
}

/** Bits of one length are in the order of their texts. */
const isBetween = (from: string, to: string, address: string): boolean =>
  bitsOf(from) <= bitsOf(address) && bitsOf(address) <= bitsOf(to);
