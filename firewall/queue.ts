/**
 * The requests that wait, made one after the other. In a storm of messages most of them ask for the same: those share a
 * place, one run and its answer. A lockdown is the last word: it goes first, and what was asked for before it is not made
 * any more. What those asked for who are gone is not made either; what has begun ends.
 */
import { FirewallError, say, stopped } from './errors';
import type { AgentRequest } from './messages';
import { now, precisely } from './monotonic';
import type { Result } from './results';

type Call = AgentRequest['call'];
/** @param since when the last of those who share the run has asked; ms, see `precisely` in monotonic.ts */
type Run = (since: number) => Promise<Result>;

/** So many different requests may wait … */
const MOST_WAITING = 100;
/** … and the last of these places only lockdowns get: whoever floods a flow must not keep one out. */
const KEPT_FOR_LOCKDOWN = 10;
/** So many callers may share places, all together: each keeps a message in memory. */
const MOST_CALLERS = 10_000;

/** So many callers of one run make a storm. */
const STORM = 10;
const LONGEST_REST_MS = 1000;
/** So many callers are answered before others get their turn. */
const AT_ONCE = 10;

/** Who asks, and since when. */
export interface Asking {
  /** Compared by identity, see `drop`. */
  by: object;
  /** When the message came; ms, see `precisely` in monotonic.ts. */
  since: number;
}

/** Who waits. */
interface Caller extends Asking {
  through: object;
  /** Gives him his answer, or the promise of one. */
  answer(answer: Result | Promise<Result>): void;
}

/** A place: one run, for all who ask for the same. */
interface Place {
  /** The request as text; null where each run counts. */
  key: string | null;
  call: Call;
  run: Run;
  callers: Caller[];
}

export class Queue {
  #places: Place[] = [];
  #callers = 0;
  #isRunning = false;
  /** When the last lockdown that was made had been asked for: what is older and comes only now has waited elsewhere. */
  #lastWord = 0;
  /** When the answers there are have been told. */
  #told: Promise<void> = Promise.resolve();
  /** After the runs of which request it rests, and what ends that. */
  #resting: { key: string | null; end(): void } | null = null;

  /** How many places wait for their run. */
  get length(): number {
    return this.#places.length;
  }

  /**
   * Has the request made when those before it are done; a lockdown before them, and if it is made, what it overtook is not.
   * @param run makes it; of those who share a place, the first one's
   * @param through what knows the settings that the request is made with: only who has the same shares a place
   * @returns an answer of the caller's own, never one from before the call.
   * @throws FirewallError BUSY where too many wait, STOPPED where one of the two was dropped, SUPERSEDED where a lockdown
   *   was asked for since; what `run` throws.
   */
  add(call: Call, run: Run, through: object, asking = askedNow(through)): Promise<Result> {
    if (isOverruled(call) && asking.since < this.#lastWord) return Promise.reject(superseded());
    const key = isShared(call) ? JSON.stringify(call) : null;
    const same = key === null ? undefined : this.#waitingFor(key, through, isLockdown(call));
    if (this.#isFull(call, same)) return Promise.reject(tooMany(this.#callers));
    this.#callers += 1;
    const answer = new Promise<Result>((resolve) => {
      const caller: Caller = { ...asking, through, answer: resolve };
      if (same) same.callers.push(caller);
      else this.#open({ key, call, run, callers: [caller] });
    });
    return answer.finally(() => {
      this.#callers -= 1;
    });
  }

  /**
   * Forgets what was asked for through this one, or by it, and has not begun. Those who asked are told.
   * @returns how many requests that were.
   */
  drop(gone: object): number {
    return this.#dismiss(({ through, by }) => through === gone || by === gone, stopped());
  }

  #dismiss(isMeant: (caller: Caller, place: Place) => boolean, why: FirewallError): number {
    const dismissed: Caller[] = [];
    for (const place of this.#places) {
      const left: Caller[] = [];
      for (const caller of place.callers) (isMeant(caller, place) ? dismissed : left).push(caller);
      place.callers = left;
    }
    this.#places = this.#places.filter(({ callers }) => callers.length > 0);
    const count = dismissed.length;
    if (count > 0) this.#told = this.#told.then(() => tell(dismissed, () => Promise.reject(why)));
    return count;
  }

  /**
   * The place of the same request, where taking it comes to the same as waiting at the end: its run has not begun, and no
   * change stands between. One that stands before a lockdown is not made once the lockdown is.
   */
  #waitingFor(key: string, through: object, isFirst: boolean): Place | undefined {
    for (let at = this.#places.length - 1; at >= 0; at--) {
      const place = this.#places[at] as Place;
      if (place.key === key && place.callers[0]?.through === through) return place;
      if (!isFirst && !READINGS.has(place.call.method)) return undefined;
    }
    return undefined;
  }

  #isFull(call: Call, same: Place | undefined): boolean {
    if (OWN.has(call.method)) return false;
    if (same) return this.#callers >= MOST_CALLERS;
    return this.#places.length >= (isLockdown(call) ? MOST_WAITING : MOST_WAITING - KEPT_FOR_LOCKDOWN);
  }

  #open(place: Place): void {
    const overtaken = isLockdown(place.call) ? this.#places.findIndex(({ call }) => !isLockdown(call)) : -1;
    this.#places.splice(overtaken === -1 ? this.#places.length : overtaken, 0, place);
    if (!this.#isRunning) void this.#work();
    if (this.#resting && this.#resting.key !== place.key) this.#resting.end();
  }

  #overrule(lockdown: number): void {
    this.#lastWord = Math.max(this.#lastWord, lockdown);
    this.#dismiss(({ since }, { call }) => since < lockdown && isOverruled(call), superseded());
  }

  async #work(): Promise<void> {
    this.#isRunning = true;
    // Those who ask in the same moment are there before the first run begins.
    await undefined;
    for (let place = this.#places.shift(); place; place = this.#places.shift()) {
      const { call, run, callers } = place;
      const begun = now();
      const isStorm = callers.length >= STORM;
      const since = callers.reduce((latest, caller) => Math.max(latest, caller.since), 0);
      let isLastWord = false;
      const answer = await run(since).then(
        (result) => {
          isLastWord = isLockdown(call) && 'changed' in result;
          return answers(result, callers.length);
        },
        (error) => () => Promise.reject(error),
      );
      // Not all at once, and in their order: no answer is to overtake an older one.
      this.#told = this.#told.then(() => tell(callers, answer));
      // One that was refused, or an operator's that was made before, overrules nobody.
      if (isLastWord) this.#overrule(since);
      if (isStorm) await this.#rest(place.key, begun);
    }
    this.#isRunning = false;
  }

  /**
   * A storm of one request takes half of the device's time at most, telling the answers included. Whoever asks for
   * something else ends the rest.
   */
  async #rest(key: string | null, begun: number): Promise<void> {
    if (this.#places.some((place) => place.key !== key)) return;
    const over = this.#told.then(() => pause(Math.min(now() - begun, LONGEST_REST_MS)));
    const ended = new Promise<void>((resolve) => {
      this.#resting = { key, end: resolve };
    });
    await Promise.race([over, ended]);
    this.#resting = null;
  }
}

/** For who asks of itself. */
export const askedNow = (by: object): Asking => ({ by, since: precisely() });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Hundreds may share an answer, and what their flows do with it takes time that others need in between. */
async function tell(callers: Caller[], answer: () => Result | Promise<Result>): Promise<void> {
  while (callers.length > 0) {
    // Taken out, or the answers would be kept in memory through them.
    for (const caller of callers.splice(0, AT_ONCE)) caller.answer(answer());
    if (callers.length > 0) await new Promise((turn) => setImmediate(turn));
  }
}

/** Gives the answer, and then copies of it: what a flow does with its answer is not to change what others get. */
function answers(answer: Result, count: number): () => Result {
  // The first one's flow may have changed it when the others are told.
  const original = count > 1 ? copyOf(answer) : answer;
  let isGiven = false;
  return () => {
    if (isGiven) return copyOf(original);
    isGiven = true;
    return answer;
  };
}

/** A copy of what JSON can say: in half the time that its text would take to be read. */
function copyOf<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf) as unknown as Value;
  const copy = { ...value };
  for (const key in copy) copy[key] = copyOf(copy[key]);
  return copy;
}

/** What leaves the firewall as it is. */
const READINGS: ReadonlySet<Call['method']> = new Set<Call['method']>(['read', 'backups', 'news']);

/** What the engine asks for by itself; it waits for the answer before it asks again. */
const OWN: ReadonlySet<Call['method']> = new Set<Call['method']>(['settle', 'news']);

/** Whether making it once is as good as making it twice. */
function isShared(call: Call): boolean {
  if (call.method === 'toggleService') return call.request.action !== 'toggle';
  return call.method === 'read' || call.method === 'backups' || call.method === 'setProfile';
}

/** A lockdown that is meant: one that is only tried changes nothing. */
const isLockdown = (call: Call): boolean =>
  call.method === 'setProfile' && call.request.profile === 'lockdown' && !call.request.dryRun;

/** Whether it is not to be made after a lockdown that was asked for later. What comes due by itself comes due all the same. */
const isOverruled = (call: Call): boolean =>
  !READINGS.has(call.method) &&
  !OWN.has(call.method) &&
  !isLockdown(call) &&
  !('dryRun' in call.request && call.request.dryRun);

const tooMany = (callers: number): FirewallError =>
  new FirewallError('BUSY', {
    what: say`too many requests wait for the firewall already (${callers}).`,
    remedy: say`Send fewer messages at a time, and this one again when those are answered.`,
  });

/** The error of a change that a lockdown has overruled. */
export const superseded = (): FirewallError =>
  new FirewallError('SUPERSEDED', {
    what: say`a lockdown was asked for after this request, and was carried out first.`,
    state: say`The request was not carried out, and the lockdown holds.`,
    remedy: say`Send it again if it is still wanted.`,
  });

/** The queue of this process. It has one kernel before it, whatever its configurations are, and however often flows start. */
export const QUEUE = new Queue();
