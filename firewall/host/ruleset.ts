/**
 * What else decides about packets besides the tables of the iptables that ufw uses: those of the other kind of iptables,
 * and nftables' own. On most devices there is neither, and two files and one small program tell.
 */
import { existsSync, readFileSync } from 'node:fs';
import { codeOf } from '../errors';
import type { Family } from '../rules/rule';
import { interfaceOf } from '../rules/tables';
import { type FamilyTexts, rulesetOf, tablesOfNft } from '../verdicts/from-texts';
import { saveOfKind } from './iptables';
import { outcomeOf, run } from './run';
import { askTables, pathOf } from './starter';

/** The kernel's list of the tables that the older interface holds. */
const LEGACY_TABLES: Readonly<Record<Family, string>> = {
  ipv4: '/proc/net/ip_tables_names',
  ipv6: '/proc/net/ip6_tables_names',
};
const IPTABLES = ['raw', 'mangle', 'nat', 'filter', 'security'];
/** nft's name for a family that iptables' tables are in. */
const NFT_FAMILY: Readonly<Record<Family, string>> = { ipv4: 'ip', ipv6: 'ip6' };

/** What programs print of all that decides in the kernel, see `rulesetOf`. */
interface RulesetTexts {
  families: readonly FamilyTexts[];
  nft: string | null;
}

/**
 * What is printed besides what `iptables-save` prints of each family, which was read before.
 * @param listed the tables that nft sees
 * @throws FirewallError NOT_PERMITTED, INTERNAL
 */
export async function readRulesetTexts(
  saves: readonly { family: Family; text: string }[],
  listed: readonly string[] | null,
): Promise<RulesetTexts> {
  const families = await Promise.all(saves.map((saved) => withBeside(saved, listed ?? [])));
  if (listed === null) return { families, nft: null };
  const iptables = new Set(
    rulesetOf(families, '').flatMap(({ family, layers }) =>
      tablesOfNft(layers).map((name) => `${NFT_FAMILY[family]} ${name}`),
    ),
  );
  return { families, nft: listed.every((table) => iptables.has(table)) ? '' : await nftRuleset() };
}

async function withBeside(
  { family, text }: { family: Family; text: string },
  listed: readonly string[],
): Promise<FamilyTexts> {
  const kind = interfaceOf(text) === 'legacy' ? 'nft' : 'legacy';
  const isThere =
    kind === 'nft'
      ? IPTABLES.some((name) => listed.includes(`${NFT_FAMILY[family]} ${name}`))
      : hasLegacyTables(family);
  return { family, save: text, beside: isThere ? await besides(family, kind) : '' };
}

/** The list is a few names; where the kernel has no such interface, there is none. */
function hasLegacyTables(family: Family): boolean {
  try {
    return readFileSync(LEGACY_TABLES[family], 'latin1').trim() !== '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Null where there are tables, and no program to print them. */
async function besides(family: Family, kind: 'nft' | 'legacy'): Promise<string | null> {
  try {
    return await saveOfKind(family, kind);
  } catch (error) {
    if (codeOf(error) !== 'UFW_NOT_FOUND') throw error;
    // nft tells of its own, also as what nobody knows more of.
    return kind === 'nft' ? '' : null;
  }
}

/** nft's names of the kernel's numbers of families, `enum nfproto` of its netfilter.h. */
const NFT_FAMILIES: Readonly<Record<string, string>> = {
  ...{ 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' },
};

/** The tables of nftables that have chains, as `FAMILY NAME`; null where the kernel has no nftables, or does not say. */
export async function nftTables(): Promise<string[] | null> {
  // Asked for it, a kernel would load the module.
  if (!existsSync('/sys/module/nf_tables') && pathOf('nft') === null) return null;
  const told = await askKernel();
  if (told === null) return null;
  const tables = told.split('\0').filter((one) => one !== '');
  return tables.map((one) => one.replace(/^\d+/, (number) => NFT_FAMILIES[number] ?? number));
}

/** @throws FirewallError TIMEOUT, INTERNAL */
async function askKernel(): Promise<string | null> {
  const { code, stdout } = await outcomeOf('perl', askTables(), { bytes: true });
  return code === 0 ? stdout : null;
}

/** Where an nft cannot print it as JSON, what there is is not known, and not nothing. */
const nftRuleset = async (): Promise<string> => (await nft(['-j', 'list', 'ruleset'])) ?? 'unknown';

async function nft(args: readonly string[]): Promise<string | null> {
  try {
    const { code, stdout } = await run('nft', args, { bytes: true });
    return code === 0 ? stdout : null;
  } catch (error) {
    if (codeOf(error) === 'UFW_NOT_FOUND') return null;
    throw error;
  }
}
