/** The other rules of a busy device: a blocklist, three quarters of it IPv4, as left by banning addresses one by one. */

import { FAMILIES, type Family, makeRule, type Rule } from '../firewall/rules/rule';
import { formatRuleFile, parseRuleFile, rulesOf, withRules } from '../firewall/rules/rule-file';
import { type FamilyRules, rulesIn } from '../firewall/state/family-rules';
import type { Device } from '../test/device/device';

const FILE_OF: Readonly<Record<Family, string>> = { ipv4: '/etc/ufw/user.rules', ipv6: '/etc/ufw/user6.rules' };

/** Every fourth rule is about an IPv6 address. */
const IPV6_EVERY = 4;

/** This many rules, each for a different address, from the ranges for benchmarks and documentation. */
export function blocklist(count: number): FamilyRules[] {
  const rules: Record<Family, Rule[]> = { ipv4: [], ipv6: [] };
  for (let at = 0; at < count; at++) {
    const family: Family = at % IPV6_EVERY === IPV6_EVERY - 1 ? 'ipv6' : 'ipv4';
    const src = family === 'ipv4' ? `198.18.${at >> 8}.${at & 255}` : `2001:db8::${at.toString(16)}`;
    rules[family].push(makeRule(family, { src, ...kinds[at % kinds.length] }));
  }
  return FAMILIES.map((family) => ({ family, rules: rules[family] }));
}

/** One more kind than the interval between IPv6 rules: with equal numbers, that family would only get one kind. */
const kinds: readonly Partial<Rule>[] = [
  { action: 'deny' },
  { action: 'reject' },
  { action: 'deny', protocol: 'tcp', dport: '443' },
  { action: 'deny', protocol: 'tcp', dport: '22', comment: Buffer.from('banned').toString('hex') },
  { action: 'deny', protocol: 'udp', dport: '1628:1645' },
];

/** Appends the rules to ufw's files and has ufw load them: one reload instead of a call for each. */
export async function addRules(device: Device, lists: readonly FamilyRules[]): Promise<void> {
  for (const family of FAMILIES) {
    const path = FILE_OF[family];
    const file = parseRuleFile(await device.read(path), family, path);
    await device.write(path, formatRuleFile(withRules(file, [...rulesOf(file), ...rulesIn(lists, family)])));
  }
  await device.ufw('reload');
}
