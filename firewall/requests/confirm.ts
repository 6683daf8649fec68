import { reschedule } from '../commit/transaction';
import { FirewallError, overruled, say } from '../errors';
import { readClock } from '../host/clock';
import type { Call, Settings } from '../messages';
import type { Confirmation, Repetition } from '../results';
import { overrules } from '../state/last-lockdown';
import { remembered } from '../state/last-request';
import type { Pending, Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { byOf } from './by';
import { isCarriedOut } from './order';
import { currentState, repetition } from './read';
import { settleStandings } from './standing';

/** Lets the change that waits for it stay. @throws FirewallError NOTHING_PENDING */
export async function confirm(settings: Settings, call: Call<'confirm'>): Promise<Confirmation | Repetition> {
  const { request, order, since } = call;
  const { id: meant } = request;
  const { wall, boot } = await readClock();
  const confirmed: Pending[] = [];
  const next = ({ schedule }: Snapshot): Schedule | null => {
    const { pending, lastRequest, lockdown } = schedule;
    if (overrules(lockdown, since, boot)) throw overruled();
    if (order && isCarriedOut(order, lastRequest, wall)) return null;
    if (!pending || (meant !== undefined && meant !== pending.id && meant !== pending.request)) {
      throw new FirewallError('NOTHING_PENDING', {
        what: pending
          ? say`the pending change is ${pending.id}, not the one named.`
          : say`no change is waiting for confirmation.`,
        remedy: pending ? undefined : say`It may have been reverted already because it was not confirmed in time.`,
      });
    }
    confirmed.push(pending);
    return { ...schedule, pending: null, lastRequest: order ? remembered(order, pending.id) : lastRequest };
  };
  const warnings = await reschedule(settings, next, () => {
    const [{ id, action } = { id: '', action: '' }] = confirmed;
    return { type: 'confirmation', ...byOf(call), id, action: `confirm ${action}` };
  });
  const [pending] = confirmed;
  if (!pending) return repetition(settings, []);
  // What it held back comes now; what fails is tried again.
  await settleStandings(settings);
  return {
    id: pending.id,
    action: pending.action,
    confirmed: true,
    warnings: [...warnings],
    state: await currentState(settings),
  };
}
