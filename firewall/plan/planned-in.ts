import { ruleLines } from '../rules/lines';
import { canonical } from '../rules/tables';
import type { Snapshot } from '../state/snapshot';
import type { DecidedBy } from '../verdicts/owner';

/** Whether what decides is one of ufw's rules, or a policy, and not a line that somebody has put into ufw's chains. */
export function plannedIn({ families }: Snapshot): (by: DecidedBy) => boolean {
  let own: ReadonlySet<string> | null = null;
  return ({ chain, rule, owner }) => {
    if (owner !== 'ufw' || rule === null) return owner === 'policy';
    // The chains that limited services end in hold nothing else.
    if (!/^ufw6?-user-(?:input|output|forward)$/.test(chain)) return true;
    own ??= new Set(families.flatMap(({ rules }) => rules.flatMap(ruleLines)).map(canonicalLine));
    return own.has(canonicalLine(`-A ${chain} ${rule}`));
  };
}

const canonicalLine = (line: string): string =>
  line.replace(/^-A (\S+) (.*)$/s, (_, chain, spec) => `${chain} ${canonical(spec)}`);
