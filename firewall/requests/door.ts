/** The one door that every change goes through, whatever asked for it. It is asked before anything is done. */
import type { Draft, Intent } from '../commit/transaction';
import { formsIn } from '../host/in-sync';
import type { Settings } from '../messages';
import { admit } from '../plan/admission';
import type { Limits } from '../plan/guard';

/**
 * @param bounded the property that the rules come from, where there are bounds to how many may be made
 * @throws by the function it gives: FirewallError INVALID_INPUT, WOULD_OPEN, LOCKOUT
 */
export const door =
  (settings: Settings, limits: Limits, bounded?: 'service' | 'profile') =>
  ({ before, kernel, plan, after, files }: Draft, { action, reason }: Intent, id: string): Promise<void> =>
    admit({ id, action, reason, before, kernel, plan, after, files }, { settings, limits, bounded }, () =>
      formsIn(before, kernel),
    );
