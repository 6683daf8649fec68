/** The logging lines at the end of a rule file (ufw 0.36: `_get_logging_rules` as `_write_rules` writes it). */
import { chainPrefix } from './lines';
import { CHAINS, POLICY_OF } from './policies';
import type { Family } from './rule';
import type { LogLevel, UfwSettings } from './ufw-settings';

const LEVELS: Readonly<Record<LogLevel, number>> = { off: 0, low: 1, medium: 2, high: 3, full: 4 };
const LIMIT = ' -m limit --limit 3/min --limit-burst 10';

export function loggingLines(
  family: Family,
  { logging, policies }: Pick<UfwSettings, 'logging' | 'policies'>,
): string[] {
  const prefix = chainPrefix(family);
  const level = LEVELS[logging];
  // ufw silences the log rules of the user chains, and keeps them, with a RETURN in front.
  if (level === LEVELS.off) return CHAINS.map((chain) => `-I ${prefix}-user-logging-${chain} -j RETURN`);
  const limited = level < LEVELS.high ? LIMIT : '';
  const lines: string[] = [];
  for (const chain of CHAINS) {
    const verdict = policies[POLICY_OF[chain]] === 'allow' ? 'ALLOW' : 'BLOCK';
    if (verdict === 'BLOCK' || level >= LEVELS.medium) {
      lines.push(`-A ${prefix}-after-logging-${chain} -j LOG --log-prefix "[UFW ${verdict}] "${limited}`);
    }
  }
  const deny = `${prefix}-logging-deny`;
  lines.push(
    level < LEVELS.medium
      ? `-I ${deny} -m conntrack --ctstate INVALID -j RETURN${limited}`
      : `-A ${deny} -m conntrack --ctstate INVALID -j LOG --log-prefix "[UFW AUDIT INVALID] "${limited}`,
    `-A ${deny} -j LOG --log-prefix "[UFW BLOCK] "${limited}`,
    `-A ${prefix}-logging-allow -j LOG --log-prefix "[UFW ALLOW] "${limited}`,
  );
  if (level >= LEVELS.medium) {
    // Medium audits new packets, high all packets, both with a limit; full audits all without.
    const limit = level < LEVELS.full ? LIMIT : '';
    const audited = level < LEVELS.high ? ` -m conntrack --ctstate NEW${limit}` : limit;
    for (const chain of CHAINS) {
      lines.push(`-I ${prefix}-before-logging-${chain} -j LOG --log-prefix "[UFW AUDIT] "${audited}`);
    }
  }
  return lines;
}
