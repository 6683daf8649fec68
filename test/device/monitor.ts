/** Fresh TCP connections at a steady pace, to count what got in and what was dropped while rules changed. */
import { createConnection } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { MonitorResult, MonitorTime } from './protocol';

/**
 * The kernel sends an unanswered SYN again after one second. What is answered only then was dropped the first time,
 * so a connection has less than that to be answered.
 */
const patienceMs = 950;

/** A forgotten monitor must not eat the machine. */
const mostConnections = 20_000;

/** How many may be started at once to catch up after the process was held up. */
const mostAtOnce = 10;

export class Monitor {
  private readonly times: MonitorTime[] = [];
  private readonly pending = new Set<Promise<void>>();
  private readonly begun = performance.now();
  private readonly timer: NodeJS.Timeout;
  private failure: Error | undefined;

  /** Starts at once; a connection every `everyMs` milliseconds, each from its own source port, until `stop`. */
  constructor(
    private readonly to: { host: string; port: number; localAddress: string },
    private readonly everyMs: number,
  ) {
    this.timer = setInterval(() => this.tick(), everyMs);
    this.tick();
  }

  /** Starts no more connections, waits for the verdict on each that was started, and tells them all. */
  async stop(): Promise<MonitorResult> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    if (this.failure) throw this.failure;
    const answered = this.times.filter((time) => time.answered).length;
    return { answered, silent: this.times.length - answered, times: this.times };
  }

  private tick(): void {
    const due = Math.floor((performance.now() - this.begun) / this.everyMs) + 1 - this.times.length;
    const room = mostConnections - this.times.length;
    for (let i = Math.min(due, mostAtOnce, room); i > 0; i -= 1) this.connect();
  }

  private connect(): void {
    const started = performance.now();
    const time: MonitorTime = { at: performance.timeOrigin + started, answered: false };
    this.times.push(time);
    const attempt = new Promise<void>((resolve) => {
      const socket = createConnection(this.to);
      const timer = setTimeout(() => done(false), patienceMs);
      const done = (answered: boolean) => {
        clearTimeout(timer);
        time.answered = answered && performance.now() - started < patienceMs;
        // A reset leaves no port in TIME_WAIT: there are only 28,000 of them.
        if (answered && socket.resetAndDestroy) socket.resetAndDestroy();
        else socket.destroy();
        resolve();
      };
      socket.once('connect', () => done(true));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        const reset = error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET';
        if (!reset && error.code !== 'ETIMEDOUT' && error.code !== 'EHOSTUNREACH') this.failure = error;
        done(reset);
      });
    });
    this.pending.add(attempt);
    void attempt.then(() => this.pending.delete(attempt));
  }
}
