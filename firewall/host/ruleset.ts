/**
 * What else decides about packets besides the tables of the iptables that ufw uses: those of the other kind of iptables,
 * and nftables' own. On most devices there is neither, and two files and one small program tell.
 */
import { readFile } from 'node:fs/promises';
import { codeOf } from '../errors';
import type { Family } from '../rules/rule';
import { interfaceOf } from '../rules/tables';
import { type FamilyTexts, rulesetOf, tablesOfNft } from '../verdicts/ruleset';
import { saveOfKind } from './iptables';
import { run } from './run';

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
      : (await readFile(LEGACY_TABLES[family], 'latin1').catch(withoutTables)).trim() !== '';
  return { family, save: text, beside: isThere ? await besides(family, kind) : '' };
}

/** Where the kernel has no such interface, there is no such file. */
function withoutTables(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
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

/**
 * The tables that nft sees and that have chains, as `FAMILY NAME`; null where there is no nft, or the kernel does not speak to
 * it. Asked for their chains, nft reads no rules: `list tables` takes fourteen times as long where there are 3,000.
 */
export async function nftTables(): Promise<string[] | null> {
  const listed = await nft(['list', 'chains']);
  return listed === null ? null : [...listed.matchAll(/^table (\S+ \S+) \{/gm)].flatMap(([, table]) => table ?? []);
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
