/**
 * Counts blocked packets. The first one of a source and port is reported at once, those that follow once in so many seconds.
 * Sources can be forged, by the thousand in a second: so many are kept apart, and all others are counted together.
 */

import { now } from '../monotonic';
import type { Blocked } from '../results';
import type { Packet } from './blocked-packet';

/** Sources and ports that are kept apart. */
export const MOST = 1000;

interface Entry {
  about: Omit<Blocked, 'count'>;
  /** Since the last message. */
  count: number;
  /** When the next message may come, in ms of `now`. */
  due: number;
}

/** What the packets are together that are not kept apart. */
const OTHERS: Omit<Blocked, 'count'> = {
  ...{ source: null, destination: null, port: null, protocol: null, direction: null, interface: null },
};

export class Tally {
  readonly #everyMs: number;
  readonly #tell: (blocked: Blocked) => void;
  /** In the order in which they are due: each is moved to the end when it is reported. */
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;

  constructor(everySeconds: number, tell: (blocked: Blocked) => void) {
    this.#everyMs = everySeconds * 1000;
    this.#tell = tell;
  }

  add(packet: Packet): void {
    const { source, port, protocol, direction } = packet;
    const own = `${direction} ${source} ${port ?? ''}/${protocol}`;
    const key = this.#entries.has(own) || this.#entries.size < MOST ? own : '';
    const about = key === '' ? OTHERS : packet;
    const known = this.#entries.get(key);
    if (known) this.#entries.set(key, { ...known, about, count: known.count + 1 });
    else this.#say(key, { about, count: 1, due: 0 });
  }

  /** How many entries it holds. */
  get size(): number {
    return this.#entries.size;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#entries.clear();
  }

  #say(key: string, { about, count }: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, { about, count: 0, due: now() + this.#everyMs });
    this.#timer ??= setTimeout(() => this.#come(), this.#everyMs);
    this.#tell({ ...about, count });
  }

  /** Tells of those that are due, and forgets those that nothing has come from since. */
  #come(): void {
    this.#timer = undefined;
    for (const [key, entry] of this.#entries) {
      if (entry.due > now()) {
        this.#timer ??= setTimeout(() => this.#come(), entry.due - now());
        return;
      }
      if (entry.count > 0) this.#say(key, entry);
      else this.#entries.delete(key);
    }
  }
}
