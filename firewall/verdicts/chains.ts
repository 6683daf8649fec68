/** The chains of tables made ready for walks, and the order in which packets meet them. */
import { present } from '../lists';
import type { Family } from '../rules/rule';
import type { Table } from '../rules/tables';
import { yieldToEventLoop } from '../yield';
import { type Box, EVERYTHING, intersect, LEVEL, type Level, NO_INTERFACE } from './boxes';
import type { Effect } from './foreign';
import { type Groups, groupsOf } from './groups';
import { type KernelRule, kernelRule, type States, type Target } from './kernel-rule';
import { type DecidedBy, ownerOf } from './owner';
import type { FamilyRuleset, Layer, Ruleset } from './ruleset';

export type Direction = 'in' | 'out' | 'forward';

/** What may become of a packet at the least, or at the most, and who decides it then. */
export interface Bound {
  level: Level;
  by: DecidedBy;
}

/** One box of a rule in its chain. */
export interface Entry {
  box: Box;
  /** Packets of the box that it is not about. */
  except: readonly Box[];
  /** Whether it is about every other packet of the box. */
  sure: boolean;
  aside: number;
  /** The box but for its addresses, as a text that is the same for the same. */
  kind: string;
  rule: KernelRule;
  /** What it is said to do, if it drops, and if it accepts. */
  denied: Bound;
  allowed: Bound;
}

export interface Chain {
  entries: readonly Entry[];
  groups: Groups;
  /** What is said to have decided where no rule did. */
  policy: DecidedBy;
}

/** A chain at a hook, with the table whose chains its rules name. */
export interface Stage {
  name: string;
  /** `nat` and `filter` are special. */
  table: string;
  layer: string;
  chains: Table;
  chain: Chain;
  /** Whether packets that no rule decides go on. */
  accepts: boolean;
  /** `route` is where it shows whether a packet stays. */
  next: Stage | 'route' | null;
}

/** What the packets of a direction meet. */
export interface Pipeline {
  family: Family;
  direction: Direction;
  first: Stage | 'route';
  /** Behind the routing: for packets that stay, and for those that pass through. */
  local: Stage;
  forward: Stage;
}

/** Kept as long as the lines are: those of chains that no change touches stay the same list. */
const known = new WeakMap<readonly string[], Chain>();

/** A chain of a table, made ready. */
export function chainOf(lines: readonly string[], name: string, { family, layer, table }: Place): Chain {
  const before = known.get(lines);
  if (before) return before;
  const chain = `${layer === '' ? '' : `${layer} `}${table === 'filter' ? '' : `${table} `}${name}`;
  const entries: Entry[] = [];
  for (const spec of lines) {
    const rule = kernelRule(spec, family);
    if (rule.target.kind === 'pass' || rule.parts.length === 0) continue;
    const said = boundsOf({ chain, rule: spec, owner: ownerOf(chain, spec) });
    for (const { box, except, sure, aside, kind } of rule.parts) {
      entries.push({ box, except, sure, aside, kind, rule, ...said });
    }
  }
  const made = { entries, groups: groupsOf(entries), policy: { chain, rule: null, owner: 'policy' } };
  known.set(lines, made);
  return made;
}

/**
 * A chain without rules about nothing else than what is left aside (bits of ASIDE), without jumps to where nothing is
 * decided, and for packets that connection tracking sees without rules about others than new connections.
 */
export function decisive(chain: Chain, { aside, tracked }: Seen, chains: Table, place: Place): Chain {
  const ofTable = decisives.get(chains) ?? new Map<Chain, Chain[]>();
  decisives.set(chains, ofTable);
  const known = ofTable.get(chain) ?? [];
  ofTable.set(chain, known);
  const key = 2 * aside + Number(tracked);
  const before = known[key];
  if (before) return before;
  const entries = chain.entries.filter(
    ({ aside: mine, rule: { states, target } }) =>
      (mine & aside) === 0 &&
      !(tracked && states && !isNew(states, false) && !isNew(states, true)) &&
      !(target.kind === 'named' && !target.goto && !hasEffect(chains, target.name, place)),
  );
  const made: Chain = { ...chain, entries, groups: groupsOf(entries) };
  known[key] = made;
  return made;
}

interface Seen {
  aside: number;
  tracked: boolean;
}

const decisives = new WeakMap<Table, Map<Chain, Chain[]>>();

/** Whether states are wanted that a packet has which opens a connection, and whose destination was rewritten or not. */
export function isNew({ names, negated }: States, isRewritten: boolean): boolean {
  const isMeant = names.includes('NEW') || (isRewritten && names.includes('DNAT'));
  return isMeant !== negated;
}

const boundsOf = (by: DecidedBy): Pick<Entry, 'denied' | 'allowed'> => ({
  denied: { level: LEVEL.deny, by },
  allowed: { level: LEVEL.allow, by },
});

export interface Place {
  family: Family;
  layer: string;
  table: string;
}

/** Whether entries, or chains they lead to, decide anything: those that only write logs do not. */
export function haveEffect(entries: readonly Entry[], chains: Table, place: Place): boolean {
  return entries.some(({ rule: { target } }) =>
    target.kind === 'named' ? hasEffect(chains, target.name, place) : target.kind !== 'return',
  );
}

/** Whether a jump to a chain may decide anything. What is no chain of the table is something unknown, which may. */
export function hasEffect(chains: Table, name: string, place: Place): boolean {
  const lines = chains.chains.get(name);
  if (!lines) return true;
  const memory = effects.get(chains) ?? new Map<string, boolean>();
  effects.set(chains, memory);
  let found = memory.get(name);
  if (found !== undefined) return found;
  // Chains that lead in a circle, which the kernel refuses, are not followed round it.
  memory.set(name, true);
  found = haveEffect(chainOf(lines, name, place).entries, chains, place);
  memory.set(name, found);
  return found;
}

const effects = new WeakMap<Table, Map<string, boolean>>();

const PREROUTING = [
  ['raw', 'PREROUTING'],
  ['mangle', 'PREROUTING'],
  ['nat', 'PREROUTING'],
] as const;
const LOCAL = [
  ['mangle', 'INPUT'],
  ['filter', 'INPUT'],
  ['security', 'INPUT'],
] as const;
const FORWARD = [
  ['mangle', 'FORWARD'],
  ['filter', 'FORWARD'],
  ['security', 'FORWARD'],
  ['mangle', 'POSTROUTING'],
] as const;
const OUTPUT = [
  ['raw', 'OUTPUT'],
  ['mangle', 'OUTPUT'],
  ['nat', 'OUTPUT'],
  ['filter', 'OUTPUT'],
  ['security', 'OUTPUT'],
  ['mangle', 'POSTROUTING'],
] as const;

const pipelines = new WeakMap<FamilyRuleset, Map<Direction, Pipeline>>();

/** What the packets of a direction meet, in the kernel's order; chains that decide nothing are left out. */
export function pipelineOf(rules: FamilyRuleset, direction: Direction): Pipeline {
  const memory = pipelines.get(rules) ?? new Map<Direction, Pipeline>();
  pipelines.set(rules, memory);
  const before = memory.get(direction);
  if (before) return before;
  const { family } = rules;
  const local = present(chained(stagesOf(rules, LOCAL), null));
  const forward = present(chained(stagesOf(rules, FORWARD), null));
  const foreign = foreignStages(rules, direction);
  const first =
    direction === 'out'
      ? chained([...foreign, ...stagesOf(rules, OUTPUT)], null)
      : chained([...foreign, ...stagesOf(rules, PREROUTING)], 'route');
  const made: Pipeline = { family, direction, first: present(first), local, forward };
  memory.set(direction, made);
  return made;
}

/** Rules whose chains are ready for a direction's packets. With thousands of rules that takes a while for each family. */
export async function madeReady(rules: Ruleset, direction: Direction): Promise<Ruleset> {
  for (const family of rules) {
    pipelineOf(family, direction);
    await yieldToEventLoop();
  }
  return rules;
}

/** Each stage with the one behind it. */
const chained = <End extends 'route' | null>(stages: readonly Stage[], last: End): Stage | End =>
  stages.reduceRight<Stage | End>((next, stage) => ({ ...stage, next }), last);

function stagesOf({ family, layers }: FamilyRuleset, hooks: readonly (readonly [string, string])[]): Stage[] {
  return hooks.flatMap(([table, name]) =>
    layers.flatMap((layer, at) => {
      const place = { family, layer: layerName(layer, at), table };
      const chains: Table = layer.tables.get(table) ?? { chains: new Map(), policies: new Map() };
      const chain = chainOf(chains.chains.get(name) ?? [], name, place);
      const accepts = chains.policies.get(name) !== 'DROP';
      // One is always there, so that something can be said to have decided.
      const isNeeded = table === 'filter' && at === 0;
      if (!isNeeded && accepts && !haveEffect(chain.entries, chains, place)) return [];
      return [{ name, table, layer: place.layer, chains, chain, accepts, next: null }];
    }),
  );
}

/** What chains of a layer are called by; those of the first need no name. */
export const layerName = ({ through }: Layer, at: number): string => (at === 0 ? '' : (through ?? 'other'));

/** The rules of the nat tables that change where packets go to, or may. */
export const rewritesOf = ({ family, layers }: FamilyRuleset): Entry[] =>
  layers.flatMap((layer, at) => {
    const place = { family, layer: layerName(layer, at), table: 'nat' };
    const chains = layer.tables.get('nat')?.chains ?? new Map<string, string[]>();
    return [...chains].flatMap(([name, lines]) =>
      chainOf(lines, name, place).entries.filter(({ rule: { target } }) =>
        target.kind === 'named' ? !chains.has(target.name) : target.kind === 'rewrite' || target.kind === 'unknown',
      ),
    );
  });

const UNKNOWN: Target = { kind: 'unknown' };
const DROP: Target = { kind: 'drop' };

/** Foreign chains as ones that packets meet first. Those that see packets after a rewrite see any port and address. */
function foreignStages(rules: FamilyRuleset, direction: Direction): Stage[] {
  const mine = rules.foreign.filter(({ directions }) => directions.includes(direction));
  if (mine.length === 0) return [];
  const blurred = rules.foreign.some(({ rewrites }) => rewrites) || rewritesOf(rules).length > 0;
  const entries = mine
    .flatMap(({ effects: all, seesRewritten }) =>
      all.map(blurred && seesRewritten ? withAnyTarget : (effect) => effect),
    )
    .map(foreignEntry);
  const chain: Chain = {
    entries,
    groups: groupsOf(entries),
    policy: { chain: 'nft', rule: null, owner: 'other' },
  };
  const chains: Table = { chains: new Map(), policies: new Map() };
  return [{ name: 'nft', table: 'nft', layer: '', chains, chain, accepts: true, next: null }];
}

function withAnyTarget(effect: Effect): Effect {
  const { dport, dst } = EVERYTHING;
  return { ...effect, box: { ...effect.box, dport, dst } };
}

function foreignEntry({ box, may, by }: Effect, at: number): Entry {
  const target = may === 'drop' ? DROP : UNKNOWN;
  const rule: KernelRule = {
    ...{ parts: [], states: null, target, counts: false },
    names: { interfaceIn: '', interfaceOut: '', src: '', dst: '' },
    key: `${by.chain} ${by.rule}`,
  };
  return { box, except: [], sure: false, aside: 0, kind: String(at), rule, ...boundsOf(by) };
}

/** A region that packets of a direction can be in: those for the device itself leave by no interface, and so on. */
export function inDirection(box: Box, direction: Direction): Box | null {
  if (direction === 'in') return intersect(box, { ...EVERYTHING, interfaceOut: NO_INTERFACE });
  return direction === 'out' ? intersect(box, { ...EVERYTHING, interfaceIn: NO_INTERFACE }) : box;
}
