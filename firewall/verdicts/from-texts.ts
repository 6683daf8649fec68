/** Rulesets from what programs print of the kernel's, and from what a change makes of them. */

import { isSameList } from '../lists';
import type { Family } from '../rules/rule';
import { savedTables, type Table } from '../rules/tables';
import { foreignChains, UNPRINTABLE } from './foreign';
import { carryOver } from './memory';
import type { FamilyRuleset, Layer, Ruleset } from './ruleset';

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
    const before = latest.get(texts.family);
    const rules = familyRules(texts, nft, same?.rules.layers ?? sharing(layersOf(texts), before?.layers ?? []));
    if (before) carryOver(before, rules);
    latest.set(texts.family, rules);
    lastRead.unshift({ texts, nft, rules });
    lastRead.length = Math.min(lastRead.length, MOST_REMEMBERED);
    return rules;
  });
}

/** What was computed of a ruleset holds as long as the texts are the same, and readings follow each other. */
const lastRead: { texts: FamilyTexts; nft: string | null; rules: FamilyRuleset }[] = [];
const MOST_REMEMBERED = 4;

/** What was read or planned last: what is read next is mostly the same, but for a few rules. */
const latest = new Map<Family, FamilyRuleset>();

const isSame = (one: FamilyTexts, other: FamilyTexts): boolean =>
  one.family === other.family && one.save === other.save && one.beside === other.beside;

function layersOf({ save, beside }: FamilyTexts): Layer[] {
  const [own, other] = [savedTables(save), savedTables(beside ?? '')];
  return other.tables.size > 0 || other.unprintable.length > 0 ? [own, other] : [own];
}

/** With the lists of chains that were there before and are the same: what was made of them holds. */
function sharing(layers: Layer[], before: readonly Layer[]): Layer[] {
  for (const [at, { tables }] of layers.entries()) {
    for (const [name, { chains }] of tables) {
      const known = before[at]?.tables.get(name)?.chains;
      for (const [chain, lines] of chains) {
        const list = known?.get(chain);
        if (list && isSameList(list, lines)) chains.set(chain, list);
      }
    }
  }
  return layers;
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
  const after = { ...rules, layers: [{ ...own, tables: new Map([...own.tables, ['filter', filter]]) }, ...others] };
  carryOver(rules, after);
  latest.set(rules.family, after);
  return after;
}
