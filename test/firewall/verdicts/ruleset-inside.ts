/** Reads the kernel's whole ruleset as the engine does, inside a device, and prints what it is and what that took. */
import { save } from '../../../firewall/host/iptables';
import { nftTables, readRulesetTexts } from '../../../firewall/host/ruleset';
import { FAMILIES } from '../../../firewall/rules/rule';
import { rulesetOf } from '../../../firewall/verdicts/from-texts';
import type { Ruleset } from '../../../firewall/verdicts/ruleset';

/** What a ruleset is made of, as JSON has no maps and no big numbers. */
export function packed(ruleset: Ruleset): string {
  return JSON.stringify(ruleset, (_, value) => {
    if (value instanceof Map) return { $map: [...value] };
    return typeof value === 'bigint' ? { $bigint: String(value) } : value;
  });
}

export function unpacked(text: string): Ruleset {
  return JSON.parse(text, (_, value) => {
    if (value?.$map) return new Map(value.$map);
    return value?.$bigint === undefined ? value : BigInt(value.$bigint);
  });
}

async function main(): Promise<void> {
  const saves = await Promise.all(FAMILIES.map(async (family) => ({ family, text: await save(family) })));
  const { families, nft } = await readRulesetTexts(saves, await nftTables());
  process.stdout.write(packed(rulesetOf(families, nft)));
}

if (require.main === module) void main();
