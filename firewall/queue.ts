/**
 * The requests that wait, made one after the other. In a storm of messages most of them ask for the same: those share a
 * place, one run and its answer. A lockdown overrules what was requested before it: it goes first, and what was overtaken is
 * not made any more. Nor is what was requested by senders who are gone; what has begun is finished.
 */
import { FirewallError, overruled, say, stopped } from './errors';
import type { Source } from './ledger/source';
import { present } from './lists';
import type { Call } from './messages';
import { now, precisely } from './monotonic';

/** So many different requests may wait … */
const MOST_WAITING = 100;
/** … and the last of these places only lockdowns get: whoever floods a flow must not keep one out. */
const KEPT_FOR_LOCKDOWN = 10;
/** So many callers may share places, all together: each keeps a message in memory. */
const MOST_CALLERS = 10_000;

/** So many callers of one run make a storm. */
const STORM = 10;
const LONGEST_REST_MS = 1000;
/** How many callers are answered before yielding to the event loop. */
const AT_ONCE = 10;

/** Who sends a request, and since when it has been wanted. */
export interface Asking {
  /** Compared by identity, see `cancel`. */
  sender: object;
  /** When its message arrived; ms, see `precisely` in monotonic.ts. */
  since: number;
  /** Where it comes from, for the ledger. */
  source?: Source;
}

/** Who waits for an answer. */
interface Caller<Answer> extends Asking {
  through: object;
  /** Gives him his answer, or the promise of one. */
  answer(answer: Answer | Promise<Answer>): void;
}

/** @param since when the last of those who share the run has asked; ms, see `precisely` in monotonic.ts */
type Run<Answer> = (since: number) => Promise<Answer>;

/** A place: one run, for all who ask for the same. */
interface Place<Answer = unknown> {
  /** The request as text; null where each run counts. */
  key: string | null;
  call: Call;
  run: Run<Answer>;
  callers: Caller<Answer>[];
}

export class Queue {
  #places: Place[] = [];
  #callers = 0;
  #isRunning = false;
  /** When the last lockdown that was made had been requested: a change that is older and arrives only now is overruled. */
  #lockdownSince = 0;
  /** Resolves when all answers have been delivered. */
  #answered: Promise<void> = Promise.resolve();
  /** After the runs of which request it rests, and what ends that. */
  #resting: { key: string | null; end(): void } | null = null;

  /** How many places wait for their run. */
  get length(): number {
    return this.#places.length;
  }

  /**
   * Has the request made when those before it are done; a lockdown before them.
   * @param run makes it; of those who share a place, the first one's
   * @param through what has the settings that the request is made with: only requests through the same share a place
   * @returns an answer of the caller's own, never one from before the call.
   * @throws FirewallError BUSY where too many wait, STOPPED where it was cancelled, SUPERSEDED where a lockdown that was
   *   requested later was made first; what `run` throws.
   */
  add<Answer>(call: Call, run: Run<Answer>, through: object, asking = askingNow(through)): Promise<Answer> {
    if (isOverruled(call) && asking.since < this.#lockdownSince) return Promise.reject(overruled());
    const key = isShared(call) ? keyOf(call) : null;
    // The same request gets the same kind of answer.
    const same = key === null ? undefined : (this.#waitingFor(key, call, through) as Place<Answer> | undefined);
    if (this.#isFull(call, same)) return Promise.reject(tooMany(this.#callers));
    this.#callers += 1;
    const answer = new Promise<Answer>((resolve) => {
      const caller: Caller<Answer> = { ...asking, through, answer: resolve };
      if (same) same.callers.push(caller);
      else this.#open({ key, call, run, callers: [caller] });
    });
    return answer.finally(() => {
      this.#callers -= 1;
    });
  }

  /**
   * Cancels the requests of this sender, or through this one, that have not begun: they are rejected with STOPPED.
   * @returns how many they were.
   */
  cancel(gone: object): number {
    return this.#dismiss(({ sender, through }) => sender === gone || through === gone, stopped());
  }

  #dismiss(isMeant: (caller: Caller<unknown>, place: Place) => boolean, why: FirewallError): number {
    const dismissed: Caller<unknown>[] = [];
    for (const place of this.#places) {
      const left: Caller<unknown>[] = [];
      for (const caller of place.callers) (isMeant(caller, place) ? dismissed : left).push(caller);
      place.callers = left;
    }
    this.#places = this.#places.filter(({ callers }) => callers.length > 0);
    const count = dismissed.length;
    if (count > 0) this.#answered = this.#answered.then(() => answerAll(dismissed, () => Promise.reject(why)));
    return count;
  }

  /**
   * The place of the same request, where taking it comes to the same as waiting at the end: its run has not begun, and no
   * change stands between. A lockdown overrules what stands between.
   */
  #waitingFor(key: string, call: Call, through: object): Place | undefined {
    for (let at = this.#places.length - 1; at >= 0; at--) {
      const place = present(this.#places[at]);
      if (place.key === key && place.callers[0]?.through === through) return place;
      if (!isLockdown(call) && !READINGS.has(place.call.method)) return undefined;
    }
    return undefined;
  }

  #isFull(call: Call, same: object | undefined): boolean {
    if (OWN.has(call.method)) return false;
    if (same) return this.#callers >= MOST_CALLERS;
    return this.#places.length >= (isLockdown(call) ? MOST_WAITING : MOST_WAITING - KEPT_FOR_LOCKDOWN);
  }

  #open<Answer>(place: Place<Answer>): void {
    const overtaken = isLockdown(place.call) ? this.#places.findIndex(({ call }) => !isLockdown(call)) : -1;
    // Each caller is one of this place, so it gets what this place's run gives.
    this.#places.splice(overtaken === -1 ? this.#places.length : overtaken, 0, place as Place);
    if (!this.#isRunning) void this.#work();
    if (this.#resting && this.#resting.key !== place.key) this.#resting.end();
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
          isLastWord = isLockdown(call) && isChange(result);
          return answers(result, callers.length);
        },
        (error) => () => Promise.reject(error),
      );
      // Not all at once, and in their order: no answer is to overtake an older one.
      this.#answered = this.#answered.then(() => answerAll(callers, answer));
      if (isLastWord) this.#overrule(since);
      if (isStorm) await this.#rest(place.key, begun);
    }
    this.#isRunning = false;
  }

  /** Dismisses what was requested before a lockdown that was made, and has not begun. */
  #overrule(lockdown: number): void {
    this.#lockdownSince = Math.max(this.#lockdownSince, lockdown);
    this.#dismiss(({ since }, { call }) => since < lockdown && isOverruled(call), overruled());
  }

  /**
   * A storm of one request takes half of the device's time at most, delivering the answers included. Whoever asks for
   * something else ends the rest.
   */
  async #rest(key: string | null, begun: number): Promise<void> {
    if (this.#places.some((place) => place.key !== key)) return;
    const over = this.#answered.then(() => pause(Math.min(now() - begun, LONGEST_REST_MS)));
    const ended = new Promise<void>((resolve) => {
      this.#resting = { key, end: resolve };
    });
    await Promise.race([over, ended]);
    this.#resting = null;
  }
}

/** A request that is sent now. */
export const askingNow = (sender: object): Asking => ({ sender, since: precisely() });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Hundreds may share an answer, and what their flows do with it takes time that others need in between. */
async function answerAll<Answer>(callers: Caller<Answer>[], answer: () => Answer | Promise<Answer>): Promise<void> {
  while (callers.length > 0) {
    // Taken out, or the answers would be kept in memory through them.
    for (const caller of callers.splice(0, AT_ONCE)) caller.answer(answer());
    if (callers.length > 0) await new Promise((turn) => setImmediate(turn));
  }
}

/** Gives the answer, and then copies of it: what a flow does with its answer is not to change what others get. */
function answers<Answer>(answer: Answer, count: number): () => Answer {
  // The first one's flow may have modified it by the time the others are answered.
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
const READINGS: ReadonlySet<Call['method']> = new Set<Call['method']>([
  ...(['read', 'backups', 'outlook', 'news', 'learn', 'history', 'evidence', 'refused'] as const),
]);

/** What the engine and its nodes ask for by themselves; they wait for the answer before they ask again. */
const OWN: ReadonlySet<Call['method']> = new Set<Call['method']>([
  'settle',
  'news',
  'outlook',
  'schedule',
  'unschedule',
]);

/** Requests for the same share a place, whoever asks and why: the ledger has the first of them. */
const keyOf = ({ method, request }: Call): string => JSON.stringify({ method, request: { ...request, reason: '' } });

/** Whether making it once is as good as making it twice. */
function isShared(call: Call): boolean {
  if (call.method === 'toggleService') return call.request.action !== 'toggle';
  return ['read', 'backups', 'outlook', 'evidence', 'setProfile'].includes(call.method);
}

/** A dry run of one changes nothing, and is no more than any other request. */
const isLockdown = (call: Call): boolean =>
  call.method === 'setProfile' && call.request.profile === 'lockdown' && !call.request.dryRun;

/** Not so for an operator's request that was carried out long ago, and was only repeated. */
const isChange = (result: unknown): boolean => typeof result === 'object' && result !== null && 'changed' in result;

/** Whether a lockdown that was requested later overrules it. What is due by itself takes place all the same. */
const isOverruled = (call: Call): boolean =>
  isRequestedChange(call) && !isLockdown(call) && !('dryRun' in call.request && call.request.dryRun);

/** Whether it is a change that somebody has requested. */
export const isRequestedChange = ({ method }: Pick<Call, 'method'>): boolean =>
  !READINGS.has(method) && !OWN.has(method);

const tooMany = (callers: number): FirewallError =>
  new FirewallError('BUSY', {
    what: say`too many requests are already waiting for the firewall (${callers}).`,
    remedy: say`Send fewer messages at a time, and send this one again once the others have been answered.`,
  });

/** The queue of this process, for as long as it runs: it has one kernel, however many configurations and deploys there are. */
export const QUEUE = new Queue();
