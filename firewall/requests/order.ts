/**
 * The order of an operator's requests. Messages come twice, late and in another order; what keeps a device right is that it
 * knows the last one it has done, which is kept in the transaction that does it.
 */
import { FirewallError, say } from '../errors';
import type { Order } from '../messages';
import type { LastRequest } from '../state/schedule';

/** A request issued further ahead of this clock is refused: an operator's wrong clock must not block every later request. */
const AHEAD_MS = 2 * 24 * 3600 * 1000;

/**
 * Whether a request is still to be done, or is the last one that was.
 * @param wall ms since 1970
 * @throws FirewallError EXPIRED, SUPERSEDED, INVALID_INPUT where it comes from too far ahead
 */
export function standing({ id, issued, expires }: Order, last: LastRequest | null, wall: number): 'new' | 'done' {
  // What was done is done, however late it is requested again.
  if (last?.id === id) return 'done';
  const here = new Date(wall).toISOString();
  if (wall > Date.parse(expires)) {
    throw new FirewallError('EXPIRED', {
      what: say`this request expired at ${expires}, and by this device's clock it is now ${here}.`,
      remedy: say`Send a new request if it is still needed; if the clock is wrong, set it.`,
    });
  }
  if (Date.parse(issued) > wall + AHEAD_MS) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`issued: ${issued} is more than two days ahead of this device's clock, which shows ${here}.`,
      remedy: say`Correct the clock that is wrong, and send a new request.`,
    });
  }
  if (last && Date.parse(issued) <= Date.parse(last.issued)) {
    throw new FirewallError('SUPERSEDED', {
      what: say`this request was issued at ${issued}, but one issued at ${last.issued} (${last.id}) has already been carried out.`,
      remedy: say`Send a new request if it is still needed.`,
    });
  }
  return 'new';
}

/** What is remembered of a request that the change with this id does. */
export const remembered = ({ id, issued }: Order, change: string): LastRequest => ({ id, issued, change });

/** What is recorded once the change with this id was undone: it was done, and is no longer in effect. */
export const withoutDoing = (last: LastRequest | null, change: string): LastRequest | null =>
  last?.change === change ? { ...last, undone: true } : last;
