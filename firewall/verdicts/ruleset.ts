/** All that decides about packets in the kernel, parsed from what programs print of it. */
import type { Family } from '../rules/rule';
import { savedTables, type Table } from '../rules/tables';
import { type ForeignChain, foreignChains, UNPRINTABLE } from './foreign';

/** The tables that one kind of iptables has put into the kernel, by name: raw, mangle, nat, filter, security. */
export interface Layer {
  /** Which kind, where there are two; else empty. */
  name: '' | 'nft' | 'legacy';
  tables: ReadonlyMap<string, Table>;
}

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
  /** What that of the other kind prints, legacy or nft; empty where there is none, or it has no tables. */
  beside: string;
}

/**
 * @param nft what `nft -j list ruleset` prints; null where nobody knows what tables there are besides iptables', and
 *   verdicts are as if there were none
 */
export function rulesetOf(families: readonly FamilyTexts[], nft: string | null): Ruleset {
  return families.map(({ family, save, beside }) => {
    const own = savedTables(save);
    const other = savedTables(beside);
    const layers: Layer[] = [{ name: '', tables: own.tables }];
    if (other.tables.size > 0) layers.push({ name: other.through ?? '', tables: other.tables });
    const printed = [own, other].filter(({ through }) => through === 'nft').flatMap(({ tables }) => [...tables.keys()]);
    const isUnprintable = own.unprintable.length + other.unprintable.length > 0;
    return {
      ...{ family, layers },
      foreign: nft === null ? (isUnprintable ? [UNPRINTABLE] : []) : foreignChains(nft, family, printed),
    };
  });
}

/** The same with another filter table in place of iptables' own: what will be after a change. */
export function withFilter(rules: FamilyRuleset, filter: Table): FamilyRuleset {
  const [own, ...others] = rules.layers as readonly [Layer, ...Layer[]];
  return { ...rules, layers: [{ ...own, tables: new Map([...own.tables, ['filter', filter]]) }, ...others] };
}

/** The filter table of the iptables that ufw uses, to make another of it. */
export const filterOf = ({ layers }: FamilyRuleset): Table =>
  layers[0]?.tables.get('filter') ?? { chains: new Map(), policies: new Map() };
