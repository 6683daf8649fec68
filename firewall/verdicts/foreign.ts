/**
 * Tables of nftables that no iptables made, from what `nft -j list ruleset` prints. What they accept changes nothing: every
 * chain at a hook has its say. What they may drop, or turn elsewhere, is told as boxes that hold it all and perhaps more;
 * none of it is sure.
 */
import { ALL_PORTS } from '../rules/ports';
import type { Family } from '../rules/rule';
import { addressSet, type Box, EVERYTHING, interfaceSet, intersect, protocolBit, type Range } from './boxes';
import type { DecidedBy } from './owner';
import { ownerOf } from './owner';

export interface ForeignChain {
  /** Where packets meet it. */
  directions: readonly ('in' | 'out' | 'forward')[];
  /** Whether it may change where a packet goes to, and so what iptables says of it. */
  rewrites: boolean;
  /** Whether it sees packets only after others may have changed where they go to. */
  seesRewritten: boolean;
  effects: readonly Effect[];
}

/** What may happen to packets of a box: dropped, or anything. */
export interface Effect {
  box: Box;
  may: 'drop' | 'anything';
  by: DecidedBy;
}

const DIRECTIONS: Readonly<Record<string, ForeignChain['directions']>> = {
  ingress: ['in', 'forward'],
  prerouting: ['in', 'forward'],
  input: ['in'],
  forward: ['forward'],
  output: ['out'],
  postrouting: ['out', 'forward'],
  egress: ['out', 'forward'],
};
const EVERYWHERE: ForeignChain['directions'] = ['in', 'out', 'forward'];

/** A chain of which nothing is known. */
const unknown = (chain: string): ForeignChain => ({
  directions: EVERYWHERE,
  rewrites: true,
  seesRewritten: true,
  effects: [{ box: EVERYTHING, may: 'anything', by: { chain, rule: null, owner: ownerOf(chain, '') } }],
});

/** Stands for a table of iptables' name that iptables cannot print. */
export const UNPRINTABLE = unknown('nft');

/** Which tables of nft's there are for packets of a family. */
const FAMILIES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['ip', 'inet', 'netdev', 'bridge', 'arp'],
  ipv6: ['ip6', 'inet', 'netdev', 'bridge'],
};
const OWN_FAMILY: Readonly<Record<Family, string>> = { ipv4: 'ip', ipv6: 'ip6' };

/** So many effects of one chain are told apart; with more, all packets are meant. */
const MOST_EFFECTS = 300;
const MOST_JUMPS = 16;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface NftChain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/** The objects of one table. */
interface NftTable {
  chains: NftChain[];
  rules: Map<string, Json[][]>;
  /** Verdict maps and all else that rules may name. */
  maps: Json[];
}

/** @param printed the tables of this family that iptables made and prints itself */
export function foreignChains(text: string, family: Family, printed: readonly string[]): ForeignChain[] {
  const tables = tablesOf(text);
  if (!tables) return [unknown('nft')];
  const found: ForeignChain[] = [];
  for (const { chains, rules, maps } of tables.values()) {
    for (const chain of chains) {
      if (chain.hook === undefined || !FAMILIES[family].includes(chain.family)) continue;
      if (chain.family === OWN_FAMILY[family] && printed.includes(chain.table)) continue;
      found.push(foreignChain(chain, family, rules, maps));
    }
  }
  return found.filter(({ effects }) => effects.length > 0);
}

function foreignChain(
  { family: nftFamily, table, name, hook = '', policy }: NftChain,
  family: Family,
  rules: ReadonlyMap<string, readonly Json[][]>,
  maps: readonly Json[],
): ForeignChain {
  const isOther = nftFamily === 'arp' || nftFamily === 'bridge';
  const directions = isOther ? EVERYWHERE : (DIRECTIONS[hook] ?? EVERYWHERE);
  const place = `nft ${nftFamily} ${table}`;
  const effects: Effect[] = [];
  const gather = (chain: string, box: Box, depth: number): void => {
    for (const expressions of rules.get(chain) ?? []) {
      const boxes = isOther ? [box] : narrowed(box, expressions, family);
      const keys = keysIn([expressions, ...(keysIn(expressions).has('vmap') ? maps : [])]);
      const rule = JSON.stringify(expressions);
      const by: DecidedBy = { chain: `${place} ${chain}`, rule, owner: ownerOf(`${place} ${chain}`, rule) };
      const may = mayOf(keys, expressions);
      for (const each of boxes) {
        if (effects.length > MOST_EFFECTS) return;
        if (may) effects.push({ box: each, may, by });
        for (const target of targetsIn([expressions, ...(keys.has('vmap') ? maps : [])])) {
          if (depth < MOST_JUMPS) gather(target, each, depth + 1);
          else effects.push({ box: each, may: 'anything', by });
        }
      }
    }
  };
  gather(name, EVERYTHING, 0);
  if (effects.length > MOST_EFFECTS) return { ...unknown(`${place} ${name}`), directions };
  if (policy === 'drop') {
    const by: DecidedBy = { chain: `${place} ${name}`, rule: null, owner: ownerOf(place, '') };
    effects.push({ box: EVERYTHING, may: 'drop', by });
  }
  const seesRewritten = hook !== 'prerouting' && hook !== 'ingress';
  return { directions, rewrites: effects.some(({ may }) => may === 'anything'), seesRewritten, effects };
}

const DROPS = ['drop', 'reject'];
/** Statements after which a packet may be another, or be somewhere else; `xt` is a part of iptables', told by no word. */
const ANYTHING = ['redirect', 'dnat', 'tproxy', 'queue', 'fwd', 'synproxy', 'notrack', 'xt'];

function mayOf(keys: ReadonlySet<string>, expressions: readonly Json[]): Effect['may'] | null {
  const changesPacket = expressions.some((one) => {
    const mangle = isObject(one) ? one.mangle : undefined;
    const key = isObject(mangle) ? mangle.key : undefined;
    return isObject(key) && !('meta' in key) && !('ct' in key);
  });
  if (changesPacket || ANYTHING.some((key) => keys.has(key))) return 'anything';
  return DROPS.some((key) => keys.has(key)) ? 'drop' : null;
}

/** The packets of a box that a rule may be about: what is not understood narrows nothing. */
function narrowed(box: Box, expressions: readonly Json[], family: Family): Box[] {
  let boxes = [box];
  for (const one of expressions) {
    const match = isObject(one) && isObject(one.match) ? one.match : null;
    if (!match || (match.op !== '==' && match.op !== 'in')) continue;
    const wanted = wantedBy(match.left ?? null, match.right ?? null, family);
    boxes = boxes.flatMap((each) =>
      wanted.flatMap((fields) => {
        const both = intersect(each, { ...EVERYTHING, ...fields });
        return both ? [both] : [];
      }),
    );
  }
  return boxes;
}

/** What a comparison wants, as fields of boxes: one of them is met. */
function wantedBy(left: Json, right: Json, family: Family): Partial<Box>[] {
  const all: Partial<Box>[] = [{}];
  if (!isObject(left)) return all;
  const { payload, meta, ct } = left;
  if (isObject(ct) && ct.key === 'state')
    return listOf(right).every((state) => isString(state) && state !== 'new') ? [] : all;
  if (isObject(meta)) {
    const { key } = meta;
    if (key === 'nfproto') return isString(right) && right !== family ? [] : all;
    if (key === 'l4proto') return protocolsOf(right);
    const field =
      key === 'iifname' || key === 'iif' ? 'interfaceIn' : key === 'oifname' || key === 'oif' ? 'interfaceOut' : null;
    if (!field || !listOf(right).every(isString)) return all;
    return listOf(right).map((name) => ({ [field]: interfaceSet(String(name).replace(/\*$/, '+')) }));
  }
  if (!isObject(payload)) return all;
  const { protocol, field } = payload;
  if (protocol === 'ip' || protocol === 'ip6') {
    if (protocol !== OWN_FAMILY[family]) return [];
    if (field === 'protocol' || field === 'nexthdr') return protocolsOf(right);
    const end = field === 'saddr' ? 'src' : field === 'daddr' ? 'dst' : null;
    const sets = end ? listOf(right).map((one) => subnetOf(one, family)) : [];
    return end && sets.every((set) => set !== null) ? sets.map((set) => ({ [end]: set })) : all;
  }
  if (!isString(protocol) || (field !== 'dport' && field !== 'sport')) return all;
  const bits = protocolBit(protocol);
  const protocols = bits === 0 ? {} : { protocols: bits };
  return portsOf(right).map((range) => ({ ...protocols, [field]: range }));
}

function protocolsOf(right: Json): Partial<Box>[] {
  const bits = listOf(right).map((name) => protocolBit(String(name)));
  return bits.includes(0) ? [{}] : bits.map((protocols) => ({ protocols }));
}

function portsOf(right: Json): Range[] {
  const ranges = listOf(right).map((one): Range | null => {
    if (typeof one === 'number') return [one, one];
    const range = isObject(one) && Array.isArray(one.range) ? one.range : [];
    return typeof range[0] === 'number' && typeof range[1] === 'number' ? [range[0], range[1]] : null;
  });
  return ranges.some((range) => range === null) ? [ALL_PORTS] : (ranges as Range[]);
}

function subnetOf(one: Json, family: Family): Box['src'] | null {
  const prefix = isObject(one) && isObject(one.prefix) ? one.prefix : null;
  const text = prefix ? `${prefix.addr}/${prefix.len}` : String(one);
  try {
    return addressSet(text, family);
  } catch {
    return null;
  }
}

/** The elements of a set; anything else is one element. */
function listOf(json: Json): readonly Json[] {
  if (Array.isArray(json)) return json;
  return isObject(json) && Array.isArray(json.set) ? json.set : [json];
}

/** The tables by family and name; null where the text is not what nft prints. */
function tablesOf(text: string): Map<string, NftTable> | null {
  const objects = parsed(text);
  if (!objects) return null;
  const tables = new Map<string, NftTable>();
  for (const object of objects) {
    const [kind = '', value] = isObject(object) ? (Object.entries(object)[0] ?? []) : [];
    if (!isObject(value) || !isString(value.family)) continue;
    const key = `${value.family} ${value.table}`;
    const table: NftTable = tables.get(key) ?? { chains: [], rules: new Map(), maps: [] };
    tables.set(key, table);
    if (kind === 'chain') table.chains.push(value as unknown as NftChain);
    else if (kind === 'rule' && Array.isArray(value.expr)) {
      const rules = table.rules.get(String(value.chain)) ?? [];
      table.rules.set(String(value.chain), rules);
      rules.push(value.expr as Json[]);
    } else if (kind === 'map') table.maps.push(value);
  }
  return tables;
}

function parsed(text: string): readonly Json[] | null {
  try {
    const whole = JSON.parse(text) as Json;
    return isObject(whole) && Array.isArray(whole.nftables) ? whole.nftables : null;
  } catch {
    return null;
  }
}

const isObject = (json: Json | undefined): json is { readonly [key: string]: Json } =>
  typeof json === 'object' && json !== null && !Array.isArray(json);
const isString = (json: Json | undefined): json is string => typeof json === 'string';

/** The names of all that is in a value, however deep. */
function keysIn(json: Json, keys = new Set<string>()): Set<string> {
  if (Array.isArray(json)) for (const one of json) keysIn(one, keys);
  else if (isObject(json)) {
    for (const [key, value] of Object.entries(json)) {
      keys.add(key);
      keysIn(value, keys);
    }
  }
  return keys;
}

/** The chains that are jumped to in a value. */
function targetsIn(json: Json, targets = new Set<string>()): Set<string> {
  if (Array.isArray(json)) for (const one of json) targetsIn(one, targets);
  else if (isObject(json)) {
    for (const [key, value] of Object.entries(json)) {
      if ((key === 'jump' || key === 'goto') && isObject(value) && isString(value.target)) targets.add(value.target);
      targetsIn(value, targets);
    }
  }
  return targets;
}
