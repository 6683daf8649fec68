/**
 * Watches one firewall for all who want to know: the files that make it up are watched, and when one changes the firewall
 * is read once, for everybody; the kernel's log is followed once, too. What changed is worked out from what lies on disk,
 * whoever changed it.
 */
import { join } from 'node:path';
import { FirewallError, messageOf, say } from '../errors';
import { type PathWatch, watchPaths } from '../host/inotify';
import type { Settings, WatchOptions } from '../messages';
import { now } from '../monotonic';
import type { News, State, WatchEvent } from '../results';
import type { Packet } from './blocked-packet';
import { eventsOf } from './events';
import { KernelLog } from './kernel-log';
import { Tally } from './tally';

/** A watcher. Whatever it throws is reported to it as trouble. */
export interface WatchObserver {
  /** An event of a topic that it asked for. */
  event(event: WatchEvent): void;
  /** What prevents events from being reported; null when nothing does any more. */
  trouble(error: FirewallError | null): void;
  /** Each reading, whether anything differs or not. */
  state?(state: State): void;
}

type Places = Pick<Settings, 'etcUfw' | 'defaultUfw' | 'webSite' | 'stateDir'>;
type Ask = (known: readonly string[] | null) => Promise<News>;

/** A change of a ufw command or of nginx's is several writes: the reading waits until none has come for so long, in ms … */
const QUIET_MS = 200;
/** … but no longer than this. */
const LATEST_MS = 2000;
/** After a reading that failed; then twice as long each time. */
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 300_000;

const IN_UFW = [
  'ufw.conf',
  'user.rules',
  'user6.rules',
  'before.rules',
  'before6.rules',
  'after.rules',
  'after6.rules',
];

export class Watch {
  readonly #places: Places;
  readonly #ask: Ask;
  readonly #watchers = new Set<Watcher>();
  #files: PathWatch | null = null;
  /** What the kernel logs, while somebody asks for blocked packets, and why nothing of it is heard. */
  #log: KernelLog | null = null;
  #deaf: FirewallError | null = null;
  /** The last reading; null before the first. */
  #last: News | null = null;
  /** What was found to have happened before the first watcher that asked for it. */
  #untold: News['changes'] = [];
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;
  /** Something changed while it was read. */
  #isStale = false;
  /** When the first of the changes was that the next reading is for, in ms; null where nothing changed. */
  #changedAt: number | null = null;
  #failures = 0;

  constructor(places: Places, ask: Ask) {
    this.#places = places;
    this.#ask = ask;
  }

  /** @returns what ends it. */
  add(options: WatchOptions, listener: WatchObserver): () => void {
    const watcher = new Watcher(options, listener);
    this.#watchers.add(watcher);
    this.#listen();
    if (watcher.hears) watcher.trouble('log', this.#deaf);
    if (!this.#files) this.#open();
    else if (this.#last) this.#tellLate(watcher, this.#last);
    return () => {
      watcher.close();
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.close();
      else this.#listen();
    };
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.clear();
    this.#listen();
    this.#files?.close();
    this.#files = null;
    [this.#last, this.#untold] = [null, []];
    clearTimeout(this.#timer);
    [this.#timer, this.#changedAt, this.#isStale, this.#failures] = [undefined, null, false, 0];
  }

  #open(): void {
    const { etcUfw, defaultUfw, webSite, stateDir } = this.#places;
    // Not everybody may look into the folder of the state: what happens in it shows in the times of the folder itself.
    const paths = [...IN_UFW.map((name) => join(etcUfw, name)), defaultUfw, webSite, stateDir];
    this.#files = watchPaths(paths, {
      changed: () => this.#changed(),
      failed: (error) => this.#trouble('files', error),
    });
    this.#wait(0);
  }

  /** Follows the kernel's log as long as somebody wants it. */
  #listen(): void {
    const isWanted = [...this.#watchers].some(({ hears }) => hears);
    if (isWanted === (this.#log !== null)) return;
    void this.#log?.close();
    [this.#log, this.#deaf] = [null, null];
    if (!isWanted) return;
    const log: KernelLog = new KernelLog({
      packet: (packet) => {
        for (const watcher of this.#watchers) watcher.hear(packet);
      },
      trouble: (error) => {
        // One that is being closed says nothing any more.
        if (log !== this.#log) return;
        this.#deaf = error;
        for (const watcher of [...this.#watchers]) if (watcher.hears) watcher.trouble('log', error);
      },
    });
    this.#log = log;
  }

  #changed(): void {
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    this.#changedAt ??= now();
    this.#wait(Math.max(0, Math.min(QUIET_MS, this.#changedAt + LATEST_MS - now())));
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), ms);
  }

  async #read(): Promise<void> {
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    const files = this.#files;
    [this.#isReading, this.#isStale, this.#changedAt] = [true, false, null];
    const result = await this.#ask(this.#last?.known ?? null).then(
      (news) => ({ news }),
      (error: Error) => ({ error }),
    );
    this.#isReading = false;
    if (this.#files === null) return;
    // Those who watched are gone, and others have come.
    if (this.#files !== files) return this.#wait(0);
    if ('news' in result) this.#tell(result.news);
    else this.#fail(result.error);
    if (this.#isStale) this.#changed();
  }

  #tell(news: News): void {
    this.#failures = 0;
    this.#trouble('reading', null);
    const events = eventsOf(this.#last, news);
    if (this.#last === null && ![...this.#watchers].some(({ isCurious }) => isCurious)) this.#untold = news.changes;
    this.#last = news;
    for (const watcher of [...this.#watchers]) watcher.tell(events, news.state);
  }

  /** As flows start, one may watch for readings only, and another that asks for events may follow shortly. */
  #tellLate(watcher: Watcher, last: News): void {
    watcher.tell(eventsOf(null, { ...last, changes: watcher.isCurious ? this.#untold : [] }), last.state);
    if (watcher.isCurious) this.#untold = [];
  }

  /** A file that is being written is incomplete: only a second failure is reported. */
  #fail(error: Error): void {
    this.#failures += 1;
    if (this.#failures > 1) this.#trouble('reading', withCode(error));
    this.#wait(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1)));
  }

  #trouble(about: string, error: FirewallError | null): void {
    for (const watcher of [...this.#watchers]) watcher.trouble(about, error);
  }
}

/** One who watches, with what it asked for. */
class Watcher {
  readonly #options: WatchOptions;
  readonly #listener: WatchObserver;
  readonly #tally: Tally | null = null;
  readonly #troubles = new Map<string, FirewallError>();
  #told: string | null = null;
  #isClosed = false;

  constructor(options: WatchOptions, listener: WatchObserver) {
    this.#options = options;
    this.#listener = listener;
    if (!options.topics.includes('blocked')) return;
    this.#tally = new Tally(options.blockedEvery, (payload) => this.#give({ topic: 'blocked', payload }));
  }

  /** Whether it asked for what happened to the firewall, and not only for readings or for blocked packets. */
  get isCurious(): boolean {
    return this.#options.topics.some((topic) => topic !== 'blocked');
  }

  /** Whether it asked for blocked packets. */
  get hears(): boolean {
    return this.#tally !== null;
  }

  hear(packet: Packet): void {
    this.#tally?.add(packet);
  }

  tell(events: readonly WatchEvent[], state: State): void {
    this.#safely(() => this.#listener.state?.(state));
    if (this.hears) this.trouble('logging', state.logging === 'off' ? loggingOff() : null);
    for (const event of events) this.#give(event);
  }

  trouble(about: string, error: FirewallError | null): void {
    if (error) this.#troubles.set(about, error);
    else this.#troubles.delete(about);
    const [first = null] = this.#troubles.values();
    if (this.#isClosed || (first?.message ?? null) === this.#told) return;
    this.#told = first?.message ?? null;
    this.#listener.trouble(first);
  }

  close(): void {
    this.#isClosed = true;
    this.#tally?.close();
  }

  #give(event: WatchEvent): void {
    if (this.#options.topics.includes(event.topic)) this.#safely(() => this.#listener.event(event));
  }

  #safely(tell: () => void): void {
    if (this.#isClosed) return;
    try {
      tell();
    } catch (error) {
      this.trouble('listener', withCode(error));
    }
  }
}

const withCode = (error: unknown): FirewallError =>
  error instanceof FirewallError
    ? error
    : new FirewallError('INTERNAL', { what: say`${messageOf(error)}.`, state: null }, error);

const loggingOff = (): FirewallError =>
  new FirewallError('NO_LOG', {
    what: say`blocked packets cannot be reported: ufw's logging is off.`,
    state: say`Everything else is being watched.`,
    remedy: say`Enable it: sudo ufw logging low`,
  });
