/** Rules outside ufw's chains that let packets in before, or past, what ufw decides. */
import type { Family } from './rule';

const BUILT_IN = new Set(['INPUT', 'FORWARD', 'OUTPUT', 'PREROUTING', 'POSTROUTING']);
const OURS = /^ufw6?-/;

/**
 * One text per built-in chain's rule that accepts, redirects, or leads to a chain that does, from the output of
 * `iptables-save`: Docker, netfilter-persistent, or a rule made by hand.
 */
export function otherOwners(saved: string, family: Family): string[] {
  const found: string[] = [];
  // ufw's own rules are most of the lines.
  const lines = saved.split('\n').filter((line) => !line.startsWith('-A ufw'));
  const lenient = new Set<string>();
  // Chains that accept something, and those that lead to them, whatever order they are printed in.
  for (let grown = true; grown; ) {
    grown = false;
    for (const line of lines) {
      const [, chain, target] = /^-A (\S+) .*-[jg] (\S+)/.exec(line) ?? [];
      if (!chain || !target || OURS.test(chain) || BUILT_IN.has(chain) || lenient.has(chain)) continue;
      if (target === 'ACCEPT' || lenient.has(target)) {
        lenient.add(chain);
        grown = true;
      }
    }
  }
  let table = '';
  for (const line of lines) {
    if (line.startsWith('*')) table = line.slice(1);
    const [, chain, spec, target] = /^-A (\S+) (.*-[jg] (\S+).*)$/.exec(line) ?? [];
    if (!chain || !spec || !target || !BUILT_IN.has(chain) || OURS.test(target) || /-[io] lo /.test(`${spec} `))
      continue;
    const lets =
      table === 'filter'
        ? chain !== 'OUTPUT' && (target === 'ACCEPT' || lenient.has(target))
        : chain === 'PREROUTING' && (target === 'DNAT' || target === 'REDIRECT' || hasRedirects(lines, target));
    if (lets) found.push(`${family} ${table} ${chain}: ${spec}`);
  }
  return found;
}

const hasRedirects = (lines: readonly string[], chain: string): boolean =>
  lines.some((line) => line.startsWith(`-A ${chain} `) && /-j (DNAT|REDIRECT)/.test(line));
