/**
 * The clock of an engine in a test. It goes on as the machine's does, and the test moves it; but what is to be woken is woken
 * by the test alone, so that nothing happens by itself in the midst of one, however slow the machine is.
 */
import { time } from '../../firewall/host/clock';

interface Wake {
  /** Ms, by `time.monotonic`. */
  at: number;
  call(): void;
}

export class EngineClock {
  /** So many seconds it has been moved. */
  private moved = 0;
  /** So many seconds its wall clock is set before (negative) or after that. */
  private skew = 0;
  private readonly wakes = new Set<Wake>();
  private readonly machine = { ...time };
  private readonly Date = globalThis.Date;

  /** Puts this clock in the place of the machine's, for the whole process. */
  static install(): EngineClock {
    const clock = new EngineClock();
    const { machine } = clock;
    Object.assign(time, {
      uptime: async () => (await machine.uptime()) + clock.moved,
      wall: () => clock.wall(),
      monotonic: () => machine.monotonic() + clock.moved * 1000,
      wake: (ms, call) => clock.wake(ms, call),
    } satisfies Partial<typeof time>);
    globalThis.Date = new Proxy(clock.Date, {
      construct: (target, values) => Reflect.construct(target, values.length === 0 ? [clock.wall()] : values),
      get: (target, key) => (key === 'now' ? () => clock.wall() : Reflect.get(target, key)),
    });
    return clock;
  }

  /** Puts the machine's back. */
  remove(): void {
    Object.assign(time, this.machine);
    globalThis.Date = this.Date;
  }

  /**
   * Moves it on by so many seconds, and wakes whom they were waited for by; or back, where negative: what was set before is
   * then ahead of it by more, and what is set from now on has come sooner for everybody else.
   */
  advance(seconds: number): void {
    this.moved += seconds;
    const due = [...this.wakes].filter(({ at }) => at <= time.monotonic()).sort((a, b) => a.at - b.at);
    for (const wake of due) if (this.wakes.delete(wake)) wake.call();
  }

  /** Sets the wall clock so many seconds before (negative) or after the real time, as somebody does who sets a clock. */
  setWall(seconds: number): void {
    this.skew = seconds - this.moved;
  }

  private wall(): number {
    return this.Date.now() + (this.moved + this.skew) * 1000;
  }

  private wake(ms: number, call: () => void): () => void {
    const wake = { at: time.monotonic() + ms, call };
    this.wakes.add(wake);
    return () => this.wakes.delete(wake);
  }
}
