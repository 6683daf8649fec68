/** The front door of the engine. However many of them there are, one request is made at a time, see queue.ts. */

import { ask, isDirect } from './ask';
import { readable } from './bounded';
import { csafQuestion } from './csaf';
import { type FirewallError, isSentence, rendered, stopped } from './errors';
import type { FleetDone, Limits } from './fleet/fleet';
import { time } from './host/clock';
import type { Source } from './ledger/source';
import {
  type Call,
  changeWebPortsRequest,
  check,
  confirmRequest,
  historyRequest,
  learnRequest,
  MAX_PART,
  type Method,
  outlookRequest,
  overrideRequest,
  restoreRequest,
  type Settings,
  scheduleRequest,
  serviceQuestion,
  setProfileRequest,
  settings as settingsSchema,
  toggleServiceRequest,
  unscheduleRequest,
  watchOptions,
} from './messages';
import { precisely } from './monotonic';
import { type Asking, isRequestedChange, QUEUE } from './queue';
import { withSource } from './requests/by';
import { isRepetition, made } from './requests/order';
import { REHEARSAL } from './requests/rehearse';
import type {
  Answers,
  BackupReport,
  ChangeResult,
  Confirmation,
  Evidence,
  History,
  LearnResult,
  OutlookReport,
  ScheduleResult,
  State,
} from './results';
import { isOpenIn } from './services/open';
import { listedService, registryOf } from './services/registry';
import { keepReady, letGo } from './standby';
import { outdated } from './sudo';
import { Watch, type WatchObserver } from './watch/watch';

/** How long after a deadline the engine looks, in ms. */
const WAKE_MS = 200;
/** How long it waits after a deadline that it could not meet, in ms. */
const RETRY_MS = 10_000;

/** How often forged requests are entered in the ledger, in ms. */
const REFUSED_MS = 600_000;

/** How often it is looked whether the clock was set, where schedules go by it, and by how much it must differ then, in ms. */
const CLOCK_MS = 60_000;
const SET_MS = 2000;

/** What there is to wait for. */
type Awaited = Pick<State, 'leases' | 'pending' | 'schedules'>;

/** What is known after a request, or after something was done by itself. */
export interface Seen {
  state: State;
  /** The id of the change that was just confirmed. */
  confirmed: string | null;
  /** What was done because it had come due, in sentences. */
  said: readonly string[];
}

/** What each method's answer says of the firewall; null where it says nothing. */
const SEEN: { [M in Method]: (answer: Answers[M]) => Seen | null } = {
  read: (state) => ({ state, confirmed: null, said: [] }),
  setProfile: ({ state }) => ({ state, confirmed: null, said: [] }),
  toggleService: ({ state }) => ({ state, confirmed: null, said: [] }),
  changeWebPorts: ({ state }) => ({ state, confirmed: null, said: [] }),
  restore: ({ state }) => ({ state, confirmed: null, said: [] }),
  confirm: (answer) => ({ state: answer.state, confirmed: isRepetition(answer) ? null : answer.id, said: [] }),
  settle: ({ state, warnings }) => ({ state, confirmed: null, said: warnings }),
  news: ({ state, warnings }) => ({ state, confirmed: null, said: warnings }),
  schedule: ({ state, warnings }) => ({ state, confirmed: null, said: warnings }),
  unschedule: ({ state, warnings }) => ({ state, confirmed: null, said: warnings }),
  override: ({ state }) => ({ state, confirmed: null, said: [] }),
  backups: () => null,
  outlook: () => null,
  learn: () => null,
  history: () => null,
  evidence: ({ state }) => ({ state, confirmed: null, said: [] }),
  refused: () => null,
};

/** Each request can say who sends it, so that `leave` can cancel it, and since when it has been wanted. */
export class Firewall {
  readonly #settings: Settings;
  readonly #observers = new Set<(seen: Seen) => void>();
  /** Cancels the wake-up that is on its way. */
  #cancelWake: (() => void) | undefined;
  #wakesAt = 0;
  #isClosed = false;
  #watch: Watch | undefined;
  /** Whether the program that timers start, and those who are not root, was compared with this package's. */
  #isCompared = false;
  /** When a forged request was entered in the ledger last, by its code, and how many there were since; ms. */
  readonly #refused = new Map<string, { at: number | null; more: number }>();
  /** What has not been reported to observers yet, in sentences. */
  #unsaid: readonly string[] = [];

  /** @throws FirewallError INVALID_INPUT, naming the setting. */
  constructor(settings: unknown = {}) {
    this.#settings = check(settingsSchema, settings);
    registryOf(this.#settings, null);
  }

  /**
   * The current state; changes nothing.
   * @param csaf security advisories to look at besides those that are known here: a CSAF document, or a list of them
   * @throws FirewallError UFW_NOT_FOUND, UFW_FILES_UNREADABLE, NOT_PERMITTED; INVALID_INPUT for a document that is none
   */
  async read(asking?: Asking, csaf: unknown = []): Promise<State> {
    const documents = readable('csaf', () => [csaf].flat());
    const request = documents.length === 0 ? {} : { advisories: check(csafQuestion, { csaf: documents }).csaf };
    return this.#ask({ method: 'read', request }, asking);
  }

  /**
   * Whether anybody gets in to a service, or out where it only goes out, by its id.
   * @throws FirewallError UNKNOWN_SERVICE, also for ports by number; INVALID_INPUT, and as read() does
   */
  async isOpen(question: unknown = {}, asking?: Asking): Promise<{ id: string; open: boolean }> {
    const service = listedService(registryOf(this.#settings, null), check(serviceQuestion, question).service);
    return { id: service.id, open: isOpenIn(await this.read(asking), service) };
  }

  /** Applies a profile. @throws FirewallError, see the contract. */
  async setProfile(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    return made(await this.#ask({ method: 'setProfile', request: check(setProfileRequest, request) }, asking));
  }

  /** Opens or closes a service. @throws FirewallError, see the contract. */
  async toggleService(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    return made(await this.#ask({ method: 'toggleService', request: check(toggleServiceRequest, request) }, asking));
  }

  /** Moves the web ports, in nginx and in the rules together. @throws FirewallError, see the contract. */
  async changeWebPorts(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    return made(await this.#ask({ method: 'changeWebPorts', request: check(changeWebPortsRequest, request) }, asking));
  }

  /** Lets the change that waits for it stay. @throws FirewallError NOTHING_PENDING, see the contract. */
  async confirm(request: unknown = {}, asking?: Asking): Promise<Confirmation> {
    return made(await this.#ask({ method: 'confirm', request: check(confirmRequest, request) }, asking));
  }

  /** Takes the last change back, or restores a backup. @throws FirewallError UNKNOWN_BACKUP, see the contract. */
  async restore(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    return made(await this.#ask({ method: 'restore', request: check(restoreRequest, request) }, asking));
  }

  /**
   * Registers a standing schedule, in place of the one with its id, and makes it true.
   * @throws FirewallError INVALID_INPUT, UNKNOWN_SERVICE, UNKNOWN_PROFILE, INTERNAL_SERVICE, LOCKOUT, see the contract
   */
  async schedule(request: unknown, asking?: Asking): Promise<ScheduleResult> {
    return this.#ask({ method: 'schedule', request: check(scheduleRequest, request) }, asking);
  }

  /** Removes a standing schedule. @throws FirewallError, see the contract. */
  async unschedule(request: unknown, asking?: Asking): Promise<ScheduleResult> {
    return this.#ask({ method: 'unschedule', request: check(unscheduleRequest, request) }, asking);
  }

  /** Overrides a schedule for a while, ends that, or only tells. @throws FirewallError INVALID_INPUT, see the contract. */
  async override(request: unknown, asking?: Asking): Promise<ScheduleResult> {
    return this.#ask({ method: 'override', request: check(overrideRequest, request) }, asking);
  }

  /**
   * Begins or ends learning who talks, forgets it, or only tells. It changes nothing in the firewall.
   * @throws FirewallError INVALID_INPUT, NO_TRACKING, and as read() does
   */
  async learn(request: unknown = {}, asking?: Asking): Promise<LearnResult> {
    return this.#ask({ method: 'learn', request: check(learnRequest, request) }, asking);
  }

  /**
   * Does what an operator's request asks for, once, and in the order in which requests were issued. What cannot be done is
   * reported in the result, so it does not throw for it.
   * @param envelope as it came: an object, JSON or its bytes
   * @param limits what no request may do here
   */
  async fleet(envelope: unknown, limits?: Limits, asking?: Asking): Promise<FleetDone> {
    // Only here: a reading by the agent does not wait for these schemas.
    const { fleet } = require('./fleet/fleet') as typeof import('./fleet/fleet');
    const done = await fleet(envelope, (call) => this.#ask(call, asking), this.#settings, limits);
    if (done.error) await this.#enterRefused(done.error, done.result);
    return done;
  }

  /** A forged request comes to no engine that would enter it. Of a flood only few are said, and how many there were. */
  async #enterRefused({ code, said }: FirewallError, { id, action }: FleetDone['result']): Promise<void> {
    if (code !== 'NOT_SIGNED' && code !== 'NOT_PERMITTED') return;
    const at = time.monotonic();
    const refused = this.#refused.get(code) ?? { at: null, more: 0 };
    const isHeld = refused.at !== null && at - refused.at < REFUSED_MS;
    this.#refused.set(code, isHeld ? { ...refused, more: refused.more + 1 } : { at, more: 0 });
    if (isHeld) return;
    const request = {
      code,
      action: action ?? 'request of an operator',
      said: said.map(({ template, values }) => ({
        template,
        values: values.map((value) => (isSentence(value) ? rendered(value) : value).slice(0, MAX_PART)),
      })),
      repeated: refused.more,
    };
    const source: Source = { kind: 'operator', name: '', id: id ?? '' };
    // It is only to be known; what was refused is refused.
    await this.#ask({ method: 'refused', request }, { sender: this, since: precisely(), source }).catch(
      () => undefined,
    );
  }

  /**
   * What is in the ledger: which entries, whether the chain is whole, and its last entry.
   * @throws FirewallError INVALID_INPUT, UNKNOWN_SERVICE, NOT_PERMITTED
   */
  history(question: unknown = {}, asking?: Asking): Promise<History> {
    return this.#ask({ method: 'history', request: check(historyRequest, question) }, asking);
  }

  /** What an auditor takes, see report-page/. @throws FirewallError as `read` and `history` do */
  evidence(asking?: Asking): Promise<Evidence> {
    return this.#ask({ method: 'evidence', request: {} }, asking);
  }

  /** The backups there are, the newest first. @throws FirewallError NOT_PERMITTED */
  backups(asking?: Asking): Promise<BackupReport[]> {
    return this.#ask({ method: 'backups', request: {} }, asking);
  }

  /**
   * What the editor works out previews of changes from, and what was done last.
   * @throws FirewallError INVALID_INPUT, and as read() does
   */
  outlook(question: unknown = {}, asking?: Asking): Promise<OutlookReport> {
    return this.#ask({ method: 'outlook', request: check(outlookRequest, question) }, asking);
  }

  /**
   * Ends what has come due while nobody was running, and from now on ends it in time. To be called once, when flows
   * start.
   * @returns what was done, and what could not be, in sentences.
   * @throws FirewallError as read() does.
   */
  async resume(): Promise<readonly string[]> {
    return (await this.#ask({ method: 'settle', request: {} })).warnings;
  }

  /**
   * Has the first lockdown take no longer than later ones: what it needs is loaded and compiled, here or in a privileged program
   * that waits for a request until `close()`. To be called once, when flows have started and nothing else is to be done.
   */
  async getReady(): Promise<void> {
    if (this.#isClosed) return;
    if (!isDirect(this.#settings)) keepReady(this);
    // Whatever prevents it is told to whoever asks for something.
    else await this.#ask({ method: 'setProfile', request: REHEARSAL }).catch(() => undefined);
  }

  /** Reports to the observer from now on what is seen; gives back what ends that. */
  observe(observer: (seen: Seen) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /**
   * Reports to the observer from now on what happens to the firewall, whoever does it, until the function it gives back is
   * called, or close(). What holds already is reported first.
   * @throws FirewallError INVALID_INPUT
   */
  watch(options: unknown, observer: WatchObserver): () => void {
    const asked = check(watchOptions, options);
    this.#watch ??= new Watch(this.#settings, (known) =>
      this.#ask({ method: 'news', request: { known: known && [...known] } }),
    );
    return this.#watch.add(asked, observer);
  }

  /**
   * Cancels the requests of this sender that have not begun: they are rejected with STOPPED.
   * @returns how many they were.
   */
  leave(sender: object): number {
    return QUEUE.cancel(sender);
  }

  /**
   * Stops watching, and waiting for deadlines; they are kept on disk, and met by the next one to run. Requests that have not
   * begun, and later ones, are rejected with STOPPED; what has begun is finished.
   */
  close(): void {
    this.#cancelWake?.();
    this.#watch?.close();
    this.#isClosed = true;
    letGo(this);
    QUEUE.cancel(this);
  }

  /** One after the other: what a request sees is what the one before it left. */
  #ask<M extends Method>(call: Call<M>, asking?: Asking): Promise<Answers[M]> {
    if (this.#isClosed) return Promise.reject(stopped());
    const run = async (since: number): Promise<Answers[M]> => {
      if (!this.#isCompared) this.#unsaid = await outdated();
      this.#isCompared = true;
      const from = withSource(call, asking?.source);
      const answer = await ask(this.#settings, isRequestedChange(call) ? { ...from, since } : from);
      const seenIn: { [Each in M]: (answer: Answers[Each]) => Seen | null } = SEEN;
      this.#look(seenIn[call.method](answer));
      return answer;
    };
    // The compiler does not see that one of them is one of all.
    return QUEUE.add(call as Call, run, this, asking);
  }

  #look(seen: Seen | null): void {
    if (!seen) return;
    this.#awaitDeadline(seen.state);
    const said = [...this.#unsaid, ...seen.said];
    this.#unsaid = [];
    for (const observer of [...this.#observers]) observer({ ...seen, said });
  }

  /** Wakes up when the next deadline has come. systemd may have been quicker, and nothing is left to do. */
  #awaitDeadline(last: Awaited): void {
    const { leases, pending, schedules } = last;
    const edges = schedules.flatMap(({ until, next }) => [until ?? [], next ?? []].flat());
    const deadlines = [...leases.map(({ until }) => until), ...(pending ? [pending.confirmBy] : []), ...edges];
    if ((deadlines.length === 0 && schedules.length === 0) || this.#isClosed) return;
    const next = Math.min(...deadlines.map((text) => Date.parse(text)));
    const now = time.wall();
    // One that is overdue could not end just now: it is not tried again at once. And schedules go by a clock that may be set.
    const soon = next > now ? next + WAKE_MS : now + RETRY_MS;
    const at = schedules.length > 0 ? Math.min(soon, now + CLOCK_MS) : soon;
    // A wake-up that is on its way is not put off by whoever looks meanwhile.
    if (this.#cancelWake && this.#wakesAt <= at) return;
    this.#cancelWake?.();
    this.#wakesAt = at;
    // The clock may be set meanwhile; what is due is decided by the machine's uptime.
    const began = time.monotonic();
    this.#cancelWake = time.wake(at - now, () => {
      this.#cancelWake = undefined;
      const isSet = Math.abs(time.wall() - now - (time.monotonic() - began)) > SET_MS;
      if (isSet || time.wall() >= soon || schedules.some(({ by }) => by === 'clock')) this.#wake(last);
      else this.#awaitDeadline(last);
    });
  }

  #wake(last: Awaited): void {
    // What prevents a deadline from being met now may be gone later; it is also reported with the next result.
    this.resume().catch(() => time.wake(RETRY_MS, () => this.#awaitDeadline(last)));
  }
}
