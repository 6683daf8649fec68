/**
 * What every change is asked before anything is done for it, whatever asked for it: what packets meet now is held against
 * what they will meet then, and after all that follows from it by itself.
 */
import { type FirewallError, type Sentence, say } from '../errors';
import type { Settings } from '../messages';
import type { Family } from '../rules/rule';
import type { Checkpoint } from '../state/checkpoint';
import type { FileText } from '../state/file-text';
import { type Kernel, rulesetIn } from '../state/kernel';
import { checkpointOf } from '../state/new-checkpoint';
import type { Plan } from '../state/plan';
import { registryFor } from '../state/registry-for';
import { type Forms, rulesetAfter } from '../state/ruleset-after';
import type { Snapshot } from '../state/snapshot';
import { madeReady } from '../verdicts/chains';
import { refuseTooMuch } from './bounds';
import { type Future, futuresOf, postponed } from './futures';
import { type Limits, type Moment, refusalOf, wouldCutOff } from './guard';

/** A change that asks to be let in. */
export interface Applicant extends Pick<Checkpoint, 'id' | 'action' | 'reason'> {
  before: Snapshot;
  kernel: Kernel;
  plan: Pick<Plan, 'unit' | 'base'>;
  after: Snapshot;
  files: readonly FileText[];
}

/** What iptables makes of each family's lines. */
export type FormsOf = (family: Family) => Forms;

export interface Terms {
  settings: Settings;
  limits: Limits;
  /** The property that the rules come from, where there are bounds to how many may be made. */
  bounded?: 'service' | 'profile' | undefined;
}

/**
 * @param askForms only asked where the rules are looked at
 * @throws FirewallError INVALID_INPUT, WOULD_OPEN, LOCKOUT, WOULD_CUT_OFF
 */
export async function admit(
  { id, action, reason, before, kernel, plan, after, files }: Applicant,
  { settings, limits, bounded }: Terms,
  askForms: () => Promise<FormsOf>,
): Promise<void> {
  if (bounded) refuseTooMuch(before, after, bounded);
  const kept = limits.kept?.() ?? null;
  if (limits.force && !limits.onlyTighten && !kept) return;
  const now: Moment = { rules: rulesetIn(kernel), registry: registryFor(settings, before) };
  const formsOf = await askForms();
  const checkpoint = checkpointOf({ id, action, reason, before, files, plan, kernel: null });
  const isOn = before.settings.enabled || after.settings.enabled;
  for (const future of await futuresOf(after, checkpoint)) {
    // What would have come anyway, and now comes later, is no more than there was.
    const anyway = limits.onlyTighten ? await postponed(before, future, id) : null;
    const refused = async (stops: boolean, asked: Limits): Promise<FirewallError | null> => {
      const momentOf = async (snapshot: Snapshot): Promise<Moment> => ({
        rules: await madeReady(await rulesetAfter(kernel, before, snapshot, formsOf, stops), 'in'),
        registry: registryFor(settings, snapshot),
      });
      const [from, to] = [anyway ? await momentOf(anyway) : now, await momentOf(future.snapshot)];
      return refusalOf(from, to, asked, laterBy(future));
    };
    // Off in the files and not in the kernel: as soon as the device starts again, all is let through.
    const atBoot = isOn || future.snapshot.settings.enabled ? null : await refused(true, { ...limits, force: true });
    const refusal = (await refused(isOn, limits)) ?? atBoot;
    if (refusal) throw refusal;
    if (!kept) continue;
    const then = await rulesetAfter(kernel, before, future.snapshot, formsOf, isOn);
    const cut = await wouldCutOff(now, then, kept, Date.now(), laterBy(future));
    if (cut) throw cut;
  }
}

/** By what a future comes; null for what the change itself leads to. */
function laterBy({ ended, isReverted }: Future): Sentence | null {
  if (isReverted) return say`when the change is not confirmed and is reverted,`;
  const last = ended[ended.length - 1]?.service;
  return last === undefined ? null : say`when the temporary change of ${last} ends,`;
}
