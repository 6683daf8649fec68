/** What a change was to close and could not, because somebody else lets it through. */
import type { Committed } from '../commit/transaction';
import { formsIn } from '../host/in-sync';
import { plannedIn } from '../plan/planned-in';
import type { StillOpen } from '../results';
import { rulesetIn } from '../state/kernel';
import { rulesetAfter } from '../state/ruleset-after';
import { asRead } from '../verdicts/owner';
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
