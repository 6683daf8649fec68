/** What a change was to close and could not, because somebody else lets it through. */
import type { Committed } from '../commit/transaction';
import { formsIn } from '../host/in-sync';
import type { StillOpen } from '../results';
import { ruleLines } from '../rules/lines';
import { canonical } from '../rules/tables';
import { rulesetIn } from '../state/kernel';
import { asRead } from '../state/report';
import { rulesetAfter } from '../state/ruleset-after';
import type { Snapshot } from '../state/snapshot';
import type { DecidedBy } from '../verdicts/owner';
import { type Closing, stillOpen } from '../verdicts/still-open';

/** Of a dry run what would be left open. */
export async function leftOpen(
  { before, after, kernel }: Committed,
  dryRun: boolean,
  closings: readonly Closing[],
): Promise<StillOpen[]> {
  if (closings.length === 0) return [];
  const then = dryRun ? rulesetAfter(kernel, before, after, await formsIn(before, kernel)) : rulesetIn(kernel);
  const open = await stillOpen(then, closings, plannedIn(after));
  return open.map((one) => ({ ...one, decidedBy: one.decidedBy.map(asRead) }));
}

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
