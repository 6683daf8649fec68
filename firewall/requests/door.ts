/**
 * The one door that every change goes through, whatever asked for it: what packets meet now is held against what they will
 * meet then, and after all that follows from it by itself. It is asked before anything is done.
 */
import type { Draft, Intent } from '../commit/transaction';
import { type Sentence, say } from '../errors';
import { formsIn } from '../host/in-sync';
import type { Settings } from '../messages';
import { refuseTooMuch } from '../plan/bounds';
import { type Future, futuresOf, postponed } from '../plan/futures';
import { type Limits, type Moment, refusalOf } from '../plan/guard';
import { rulesetIn } from '../state/kernel';
import { checkpointOf } from '../state/new-checkpoint';
import { rulesetAfter } from '../state/ruleset-after';
import type { Snapshot } from '../state/snapshot';
import { registryFor } from './read';

/**
 * @param bounded the property that the rules come from, where there are bounds to how many may be made
 * @throws by the function it gives: FirewallError INVALID_INPUT, WOULD_OPEN, LOCKOUT
 */
export const door =
  (settings: Settings, limits: Limits, bounded?: 'service' | 'profile') =>
  async (draft: Draft, intent: Pick<Intent, 'action' | 'reason'>, id: string): Promise<void> => {
    const { before, kernel, after, files, plan } = draft;
    if (bounded) refuseTooMuch(before, after, bounded);
    if (limits.force && !limits.onlyTighten) return;
    const now: Moment = { rules: rulesetIn(kernel), registry: registryFor(settings, before) };
    const { action, reason } = intent;
    const formsOf = await formsIn(before, kernel);
    const checkpoint = checkpointOf({ id, action, reason, before, files, plan, kernel: null });
    const momentOf = (snapshot: Snapshot): Moment => ({
      rules: rulesetAfter(kernel, before, snapshot, formsOf),
      registry: registryFor(settings, snapshot),
    });
    for (const future of await futuresOf(after, checkpoint)) {
      // What would have come anyway, and now comes later, is no more than there was.
      const anyway = limits.onlyTighten ? await postponed(before, future, id) : null;
      const refusal = refusalOf(anyway ? momentOf(anyway) : now, momentOf(future.snapshot), limits, laterBy(future));
      if (refusal) throw refusal;
    }
  };

/** By what a future comes; null for what the change itself leads to. */
function laterBy({ ended, isReverted }: Future): Sentence | null {
  if (isReverted) return say`when the change is not confirmed and is reverted,`;
  const last = ended[ended.length - 1]?.service;
  return last === undefined ? null : say`when the temporary change of ${last} ends,`;
}
