/**
 * The order of an operator's requests. Messages come twice, late and in another order; what keeps a device right is that it
 * knows the last one it has carried out, which is kept in the transaction that does it.
 */
import { FirewallError, say } from '../errors';
import type { Order } from '../messages';
import type { Repetition } from '../results';
import type { LastRequest } from '../state/last-request';

/** A request issued further ahead of this clock is refused: an operator's wrong clock must not block every later request. */
const AHEAD_MS = 2 * 24 * 3600 * 1000;

/**
 * Whether a request is the last one that was carried out, and not still to be.
 * @param wall ms since 1970
 * @throws FirewallError EXPIRED, SUPERSEDED, INVALID_INPUT where it comes from too far ahead
 */
export function isCarriedOut({ id, issued, expires }: Order, last: LastRequest | null, wall: number): boolean {
  // What was carried out stays so, however late it is asked for again.
  if (last?.id === id) return true;
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
  return false;
}

/** Whether an answer says only that the operator's request was carried out already. */
export const isRepetition = (answer: object): answer is Repetition => 'repeated' in answer;

/** The answer to a request that belongs to no operator, so that it cannot have been carried out before. */
export function made<Answer extends object>(answer: Answer | Repetition): Answer {
  if (!isRepetition(answer)) return answer;
  throw new FirewallError('INTERNAL', { what: say`a request that is nobody's was answered as a repetition.` });
}
