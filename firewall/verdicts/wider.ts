/** Whether one ruleset lets through anything that another does not: compared as sets of packets, never as texts. */
import { present } from '../lists';
import type { Family } from '../rules/rule';
import type { Table } from '../rules/tables';
import { type Box, EVERYTHING, LEVEL, type Work } from './boxes';
import {
  type Chain,
  chainOf,
  type Direction,
  type Entry,
  inDirection,
  layerName,
  type Pipeline,
  type Place,
  pipelineOf,
  rewritesOf,
  type Stage,
} from './chains';
import { changes } from './changes';
import { NO_GROUPS } from './groups';
import type { DecidedBy } from './owner';
import type { FamilyRuleset, Ruleset } from './ruleset';
import { isThere } from './verdict';
import { type Path, type Region, walk } from './walk';

/** Something that is let through after, and was not before. */
export interface Wider {
  family: Family;
  direction: Direction;
  /** By what it is let through. */
  decidedBy: DecidedBy;
}

/** So much is done for one comparison, in boxes compared; what is not looked at then counts as let through. */
const MOST_WORK = 5_000_000;

const DIRECTIONS: readonly Direction[] = ['in', 'out', 'forward'];

/**
 * The first thing found that may get through after and did not for certain before; null where nothing does. Where a rule
 * that is not sure leaves it open in both, and with the same words, it is no more open than it was.
 */
export function wider(before: Ruleset, after: Ruleset): Wider | null {
  const work: Work = { left: MOST_WORK };
  for (const next of after) {
    const old = before.find(({ family }) => family === next.family);
    if (!old) continue;
    const suspects = suspectsOf(old, next);
    for (const direction of DIRECTIONS) {
      const decidedBy = widerIn(old, next, direction, suspects, work);
      if (decidedBy) return { family: next.family, direction, decidedBy };
    }
  }
  return null;
}

/** Packets that something other is done to than before. */
interface Suspect {
  box: Box;
  /** Where the rule stands, as only packets that get there matter; null for anywhere. */
  place: string | null;
  /** Which ruleset is asked first what it does with them. */
  first: 'old' | 'next';
  /** What there decides about those that matter, where that can be told beforehand. */
  by: DecidedBy | null;
}

function widerIn(
  old: FamilyRuleset,
  next: FamilyRuleset,
  direction: Direction,
  suspects: readonly Suspect[],
  work: Work,
): DecidedBy | null {
  const [from, to] = [pipelineOf(old, direction), pipelineOf(next, direction)];
  const places = new Set([...placesOf(from), ...placesOf(to)]);
  for (const { box, place, first, by } of suspects) {
    const here = place === null || places.has(place) ? inDirection(box, direction) : null;
    if (!here) continue;
    const found = compare({ box: here, holes: null }, from, to, first, by, work);
    if (found) return found;
  }
  return null;
}

/** By what packets of a region are let through that were not. */
function compare(
  region: Region,
  old: Pipeline,
  next: Pipeline,
  first: Suspect['first'],
  by: DecidedBy | null,
  work: Work,
): DecidedBy | null {
  let found: DecidedBy | null = null;
  const isOldFirst = first === 'old';
  const [one, other] = isOldFirst ? [old, next] : [next, old];
  walk(one, { region, aside: 0, isThorough: true }, work, {
    wants: (least, most) => {
      if (found || (isOldFirst ? least.level === LEVEL.allow : most.level === LEVEL.deny)) return false;
      // What is certain, and decided by what there was, is so in both.
      return by === null || least.by !== most.by || least.by === by;
    },
    onOutcome: (outcome) => {
      walk(other, { region: outcome.region, aside: 0, isThorough: true }, work, {
        wants: (least, most) =>
          !found && (isOldFirst ? most.level > outcome.least.level : outcome.most.level > least.level),
        onOutcome: (second) => {
          const [was, is] = isOldFirst ? [outcome, second] : [second, outcome];
          if ((was.path && isSame(was.path, is.path)) || !isThere(second.region, work)) return;
          found = is.most.by;
        },
      });
      if (work.left < 0) found ??= outcome.most.by;
    },
  });
  return work.left < 0 ? (found ?? next.local.chain.policy) : found;
}

function isSame(one: Path | null, other: Path | null): boolean {
  let [a, b] = [one, other];
  while (a && b && a !== b && a.text === b.text) [a, b] = [a.before, b.before];
  return a === b;
}

/** Every place where the two rulesets differ in a way that may let more through. */
function suspectsOf(old: FamilyRuleset, next: FamilyRuleset): Suspect[] {
  const suspects: Suspect[] = [];
  for (let at = 0; at < Math.max(old.layers.length, next.layers.length); at++) {
    const [from, to] = [old.layers[at]?.tables, next.layers[at]?.tables];
    const layer = layerName(present(next.layers[at] ?? old.layers[at]), at);
    for (const table of new Set([...(from?.keys() ?? []), ...(to?.keys() ?? [])])) {
      const place: Place = { family: next.family, layer, table };
      suspects.push(...differences(from?.get(table), to?.get(table), place, at === 0 && table === 'filter'));
    }
  }
  const everywhere = (box: Box): Suspect => ({ box, place: null, first: 'next', by: null });
  if (textOf(old) !== textOf(next)) suspects.push(everywhere(EVERYTHING));
  // What is rewritten meets the rules as another packet than it was.
  if (suspects.length > 0) {
    suspects.push(...[...rewritesOf(old), ...rewritesOf(next)].map(({ box }) => everywhere(box)));
  }
  return suspects;
}

/** What nftables' own chains may do, as a text that is the same for the same. */
const textOf = ({ foreign }: FamilyRuleset): string =>
  foreign.flatMap(({ effects }) => effects.map(({ by, may }) => `${may} ${by.chain} ${by.rule}`)).join('\n');

const EMPTY: Table = { chains: new Map(), policies: new Map() };
const NO_CHAIN: Chain = { entries: [], groups: NO_GROUPS, policy: { chain: '', rule: null, owner: 'policy' } };

/** @param isSpokenOf whether it is this table by whose rules packets are said to get through */
function differences(old: Table = EMPTY, next: Table = EMPTY, place: Place, isSpokenOf: boolean): Suspect[] {
  const suspects: Suspect[] = [];
  for (const name of new Set([...old.chains.keys(), ...next.chains.keys()])) {
    const [oldLines, nextLines] = [old.chains.get(name), next.chains.get(name)];
    const from = oldLines ? chainOf(oldLines, name, place) : NO_CHAIN;
    const to = nextLines ? chainOf(nextLines, name, place) : NO_CHAIN;
    const where = placeText(place, name);
    const isLaxer = old.policies.get(name) === 'DROP' && next.policies.get(name) !== 'DROP';
    if (isLaxer) suspects.push({ box: EVERYTHING, place: where, first: 'next', by: isSpokenOf ? to.policy : null });
    if (oldLines === nextLines) continue;
    const { gone, fresh } = changes(from.entries, to.entries, ruleKey);
    for (const { box, denied, rule } of gone) {
      const { kind } = rule.target;
      if (place.table !== 'nat' && kind === 'accept') continue;
      suspects.push({ box, place: where, first: 'old', by: kind === 'drop' ? denied.by : null });
    }
    for (const { box, allowed, rule } of fresh) {
      const { kind } = rule.target;
      if (place.table !== 'nat' && kind === 'drop') continue;
      suspects.push({ box, place: where, first: 'next', by: kind === 'accept' && isSpokenOf ? allowed.by : null });
    }
  }
  return suspects;
}

/** Boxes of one rule follow each other, and of rules that do the same the one is as good as the other. */
const ruleKey = ({ rule }: Entry): string => rule.key;

const placeText = ({ layer, table }: Omit<Place, 'family'>, chain: string): string => `${layer} ${table} ${chain}`;

const places = new WeakMap<Pipeline, ReadonlySet<string>>();

/** The chains that packets of a direction can get to. */
function placesOf(pipeline: Pipeline): ReadonlySet<string> {
  const known = places.get(pipeline);
  if (known) return known;
  const found = new Set<string>();
  const gather = (stage: Stage, name: string, chain: Chain): void => {
    const place = placeText(stage, name);
    if (found.has(place)) return;
    found.add(place);
    for (const { rule } of chain.entries) {
      const lines = rule.target.kind === 'named' ? stage.chains.chains.get(rule.target.name) : undefined;
      if (rule.target.kind !== 'named' || !lines) continue;
      gather(stage, rule.target.name, chainOf(lines, rule.target.name, { ...stage, family: pipeline.family }));
    }
  };
  const follow = (from: Stage | 'route' | null): void => {
    for (let stage = from; stage; stage = stage.next) {
      if (stage === 'route') {
        follow(pipeline.local);
        follow(pipeline.forward);
        return;
      }
      gather(stage, stage.name, stage.chain);
    }
  };
  follow(pipeline.first);
  places.set(pipeline, found);
  return found;
}
