/**
 * Counts blocked packets. The first one of a source and port is reported at once, those that follow once in so many seconds.
 * Sources can be forged, by the thousand in a second: so many are kept apart, and all others are counted together.
 */

import { time } from '../host/clock';
import type { Blocked } from '../results';
import type { Packet } from './blocked-packet';

/** Sources and ports that are kept apart. */
export const MOST = 1000;

interface Entry {
  about: Omit<Blocked, 'count'>;
  /** Since the last message. */
  count: number;
  /** When the next message may come, in ms of `time.monotonic`. */
  due: number;
}

/** What the packets are together that are not kept apart. */
const OTHERS: Omit<Blocked, 'count'> = {
  ...{ source: null, destination: null, port: null, protocol: null, direction: null, interface: null },
};

export class Tally {
  readonly #everyMs: number;
  readonly #report: (blocked: Blocked) => void;
  /** In the order in which they are due: each is moved to the end when it is reported. */
  readonly #entries = new Map<string, Entry>();
  /** Cancels the next look at what is due. */
  #cancel: (() => void) | undefined;

  constructor(everySeconds: number, report: (blocked: Blocked) => void) {
    this.#everyMs = everySeconds * 1000;
    this.#report = report;
  }

  add(packet: Packet): void {
    const { source, port, protocol, direction } = packet;
    const own = `${direction} ${source} ${port ?? ''}/${protocol}`;
    const key = this.#entries.has(own) || this.#entries.size < MOST ? own : '';
    const about = key === '' ? OTHERS : packet;
    const known = this.#entries.get(key);
    if (known) this.#entries.set(key, { ...known, about, count: known.count + 1 });
    else {
      this.#say(key, { about, count: 1, due: 0 });
      this.#wait();
    }
  }

  /** How many entries it holds. */
  get size(): number {
    return this.#entries.size;
  }

  close(): void {
    this.#cancel?.();
    this.#entries.clear();
  }

  #say(key: string, { about, count }: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, { about, count: 0, due: time.monotonic() + this.#everyMs });
    this.#report({ ...about, count });
  }

  /** Tells of those that are due, and forgets those that nothing has come from since. */
  #come(): void {
    this.#cancel = undefined;
    const now = time.monotonic();
    for (const [key, entry] of this.#entries) {
      if (entry.due > now) break;
      if (entry.count > 0) this.#say(key, entry);
      else this.#entries.delete(key);
    }
    this.#wait();
  }

  /** Looks when the first of them is due. */
  #wait(): void {
    const [first] = this.#entries.values();
    if (first) this.#cancel ??= time.wake(first.due - time.monotonic(), () => this.#come());
  }
}
