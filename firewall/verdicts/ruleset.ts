/** All that decides about packets in the kernel, parsed from what programs print of it. */
import type { Family } from '../rules/rule';
import { type SavedTables, savedTables, type Table } from '../rules/tables';
import { type ForeignChain, foreignChains, UNPRINTABLE } from './foreign';

/** The tables that one kind of iptables has put into the kernel: raw, mangle, nat, filter, security. */
export type Layer = SavedTables;

/** What decides about the packets of one family. */
export interface FamilyRuleset {
  family: Family;
  /** A packet must get through all of them; the first is of the iptables that ufw uses. */
  layers: readonly Layer[];
  /** Chains that no iptables made. */
  foreign: readonly ForeignChain[];
}

/** One per family that the kernel has. */
export type Ruleset = readonly FamilyRuleset[];

/** What was read of one family. */
export interface FamilyTexts {
  family: Family;
  /** What `iptables-save` (`ip6tables-save`) prints. */
  save: string;
  /** What that of the other kind prints, legacy or nft; empty where it has no tables, null where nobody can print them. */
  beside: string | null;
}

/**
 * @param nft what `nft -j list ruleset` prints, empty where there is nothing but iptables' tables; null where nobody knows
 *   what there is besides, and verdicts are as if there were nothing
 */
export function rulesetOf(families: readonly FamilyTexts[], nft: string | null): Ruleset {
  return families.map((texts) => {
    const same = lastRead.find((one) => isSame(one.texts, texts));
    if (same?.nft === nft) return same.rules;
    const rules = familyRules(texts, nft, same?.rules.layers ?? layersOf(texts));
    lastRead.unshift({ texts, nft, rules });
    lastRead.length = Math.min(lastRead.length, MOST_REMEMBERED);
    return rules;
  });
}

/** What was computed of a ruleset holds as long as the texts are the same, and readings follow each other. */
const lastRead: { texts: FamilyTexts; nft: string | null; rules: FamilyRuleset }[] = [];
const MOST_REMEMBERED = 4;

const isSame = (one: FamilyTexts, other: FamilyTexts): boolean =>
  one.family === other.family && one.save === other.save && one.beside === other.beside;

function layersOf({ save, beside }: FamilyTexts): Layer[] {
  const [own, other] = [savedTables(save), savedTables(beside ?? '')];
  return other.tables.size > 0 || other.unprintable.length > 0 ? [own, other] : [own];
}

function familyRules({ family, beside }: FamilyTexts, nft: string | null, layers: readonly Layer[]): FamilyRuleset {
  const isUnprintable = beside === null || (nft === null && layers.some(({ unprintable }) => unprintable.length > 0));
  const foreign = nft ? foreignChains(nft, family, tablesOfNft(layers)) : [];
  return { family, layers, foreign: isUnprintable ? [...foreign, UNPRINTABLE] : foreign };
}

/** The tables that iptables has made through nftables, which lists them too. */
export const tablesOfNft = (layers: readonly Layer[]): string[] =>
  layers.filter(({ through }) => through === 'nft').flatMap(({ tables }) => [...tables.keys()]);

/** The same with another filter table in place of iptables' own: what will be after a change. */
export function withFilter(rules: FamilyRuleset, filter: Table): FamilyRuleset {
  const [own, ...others] = rules.layers as readonly [Layer, ...Layer[]];
  return { ...rules, layers: [{ ...own, tables: new Map([...own.tables, ['filter', filter]]) }, ...others] };
}

/** The filter table of the iptables that ufw uses, to make another of it. */
export const filterOf = ({ layers }: FamilyRuleset): Table =>
  layers[0]?.tables.get('filter') ?? { chains: new Map(), policies: new Map() };
