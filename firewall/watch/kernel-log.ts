/**
 * What the kernel logs about blocked packets, from wherever this device has it: from a file where a syslog daemon writes
 * one, else from the journal.
 */
import { stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { FirewallError, say } from '../errors';
import { isReadable } from '../host/files';
import { watchPaths } from '../host/inotify';
import { Tail } from '../host/tail';
import { type Packet, packetOf, packetOfLine } from './blocked-packet';
import { Journal, mayNotRead } from './kernel-journal';

/** The best first: the rsyslog of Ubuntu has a file for ufw alone. */
const FILES = ['/var/log/ufw.log', '/var/log/kern.log'] as const;
/** The name that logrotate gives a file first; until the writer is notified, it continues to write to it. */
const ROTATED = FILES.map((path) => `${path}.1`);

type Source = (typeof FILES)[number] | 'journal';

interface LogObserver {
  packet(packet: Packet): void;
  /** Why nothing is heard; null when it is again. */
  trouble(error: FirewallError | null): void;
}

export class KernelLog {
  readonly #observer: LogObserver;
  readonly #watch: { close(): void };
  readonly #tails = new Map<Source, Tail>();
  #source: Source | null = null;
  #journal: Journal | null = null;
  /** Packets that a file reported in this round. */
  #heard = 0;
  #isClosed = false;
  /** What is at work: one round at a time, and after it one more for all that happened meanwhile. */
  #last: Promise<void>;
  #isAsked = false;

  constructor(observer: LogObserver) {
    this.#observer = observer;
    for (const path of FILES) this.#tails.set(path, new Tail(path, (lines) => this.#hear(lines)));
    this.#watch = watchPaths([...FILES, ...ROTATED], {
      changed: () => this.#ask(),
      failed: (error) => observer.trouble(error),
    });
    this.#last = this.#skipAll().catch((error: Error) => this.#fail(error));
    this.#ask();
  }

  /** Resolves when nothing is open and nothing runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch.close();
    await this.#last;
    const opened = [...this.#tails.values(), ...(this.#journal ? [this.#journal] : [])];
    await Promise.all(opened.map((one) => one.close().catch((error: Error) => this.#fail(error))));
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#last = this.#last
      .then(() => {
        this.#isAsked = false;
        return this.#isClosed ? undefined : this.#round();
      })
      .catch((error: Error) => this.#fail(error));
  }

  async #skipAll(): Promise<void> {
    for (const tail of this.#tails.values()) await tail.skip();
  }

  async #round(): Promise<void> {
    const [before, now] = [this.#source, await sourceAfter(this.#source)];
    this.#heard = 0;
    if (before !== null) await this.#tails.get(before)?.catchUp();
    // What the previous source has reported must not be reported again by the better one that replaces it.
    const isTold = this.#heard > 0 || (before === 'journal' && this.#journal?.isHeard);
    for (const [path, tail] of this.#tails) {
      if (path !== now || (path !== before && isTold)) await tail.skip();
      else if (path !== before) await tail.catchUp();
    }
    if (now !== before) await this.#changeTo(now);
  }

  async #changeTo(source: Source): Promise<void> {
    this.#source = source;
    await this.#journal?.close();
    this.#journal = null;
    this.#observer.trouble(null);
    if (source !== 'journal' || this.#isClosed) return;
    const refused = FILES.find((path) => this.#tails.get(path)?.isRefused);
    this.#journal = new Journal({
      message: (text) => this.#take(packetOf(text)),
      trouble: (error) => this.#observer.trouble(error && refused ? mayNotRead(say`${refused}`, 'adm') : error),
    });
  }

  #hear(lines: readonly string[]): void {
    for (const line of lines) this.#take(packetOfLine(line));
  }

  #take(packet: Packet | null): void {
    if (!packet || this.#isClosed) return;
    this.#heard += 1;
    this.#observer.packet(packet);
  }

  #fail(error: Error): void {
    const what = say`the kernel's log cannot be read (${error.message}).`;
    this.#observer.trouble(
      new FirewallError('INTERNAL', { what, state: say`Everything else is being watched.` }, error),
    );
  }
}

/** The best source there is. A file that is rotated may be gone for a moment: none but a better one takes its place. */
async function sourceAfter(before: Source | null): Promise<Source> {
  // A file that was not written to since the machine has booted may be left over from a syslog daemon that is gone.
  const booted = Date.now() - uptime() * 1000;
  for (const path of FILES) {
    if (path === before) return path;
    const written = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return Number.NEGATIVE_INFINITY;
        throw error;
      },
    );
    if (written >= booted && (await isReadable(path))) return path;
  }
  return 'journal';
}
