/** Rules of others that let packets in before, or past, what ufw decides. */
import type { Table } from '../rules/tables';
import { chainOf, type Entry, layerName, type Place } from './chains';
import { ownerOf } from './owner';
import type { FamilyRuleset } from './ruleset';

const HOOKS = [
  ['filter', 'INPUT'],
  ['filter', 'FORWARD'],
  ['nat', 'PREROUTING'],
] as const;
const UFWS: readonly string[] = ['ufw', 'ufw base rules', 'policy'];

/**
 * One text per rule of a built-in chain that accepts, redirects, or leads to a chain that does: Docker, netfilter-persistent, or
 * a rule made by hand; and one per chain of nftables that may.
 */
export function otherOwners({ family, layers, foreign }: FamilyRuleset): string[] {
  const byIptables = layers.flatMap((one, at) =>
    HOOKS.flatMap(([table, hook]) => {
      const chains = one.tables.get(table);
      const layer = layerName(one, at);
      const place = { family, layer, table };
      const entries = chains ? chainOf(chains.chains.get(hook) ?? [], hook, place).entries : [];
      return entries
        .filter((entry) => chains && lets(entry, chains, place, new Set()))
        .map(({ allowed: { by } }) => `${family} ${layer ? `${layer} ` : ''}${table} ${hook}: ${by.rule}`);
    }),
  );
  const byNft = foreign
    .filter(({ rewrites, directions }) => rewrites && directions.includes('in'))
    .flatMap(({ effects }) => effects.filter(({ may }) => may === 'anything').map(({ by }) => by))
    .map(({ chain, rule }) => `${family} nft ${chain}${rule === null ? '' : `: ${rule}`}`);
  return [...new Set([...byIptables, ...byNft])];
}

/** Whether a rule lets packets of the network in by itself, or by a chain it leads to that is not ufw's. */
function lets({ box, rule }: Entry, chains: Table, place: Place, seen: Set<string>): boolean {
  const { target } = rule;
  if (box.interfaceIn.pattern === 'lo') return false;
  if (target.kind === 'accept') return place.table === 'filter';
  if (target.kind === 'rewrite') return place.table === 'nat';
  if (target.kind === 'unknown') return true;
  if (target.kind !== 'named' || seen.has(target.name)) return false;
  const lines = chains.chains.get(target.name);
  // What is no chain is an extension nobody here knows.
  if (!lines) return true;
  if (isUfws(target.name)) return false;
  seen.add(target.name);
  return chainOf(lines, target.name, place).entries.some((entry) => lets(entry, chains, place, seen));
}

/** By its name a chain may be anybody's: only those that ufw itself has are ufw's. */
const isUfws = (chain: string): boolean => UFWS.includes(ownerOf(chain, ''));
