/** Calls between two processes over Node's IPC channel, or a line, each end offering methods to the other. */
import type { ChildProcess } from 'node:child_process';
import type { Line } from './line';

/** The methods one end offers. Arguments and results are what structured clone carries. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` lets an interface with typed arguments be used as a bound
export type Methods<T> = { [K in keyof T]: (...args: any[]) => unknown };

interface Call {
  call: number;
  method: string;
  args: unknown[];
}
interface Answer {
  answer: number;
  value?: unknown;
  error?: { message: string; stack: string | undefined; code: string | undefined };
}
interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** What calls need: a process started with an `ipc` stdio slot, such a process' own `process`, or a line between two machines. */
export type End = ChildProcess | NodeJS.Process | Line;

/**
 * One end of a channel. `Remote` are the other end's methods.
 * A method that throws makes the caller's promise reject with the same message and `code`.
 */
export class Channel<Remote extends Methods<Remote>> {
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  private lost: Error | undefined;

  constructor(
    private readonly end: End,
    private readonly local: object,
  ) {
    (end as NodeJS.EventEmitter).on('message', (message: Call | Answer) => this.receive(message));
  }

  /** Calls a method of the other end. Rejects with what it threw, or when the channel is lost. */
  call<K extends keyof Remote & string>(
    method: K,
    ...args: Parameters<Remote[K]>
  ): Promise<Awaited<ReturnType<Remote[K]>>> {
    if (this.lost) return Promise.reject(this.lost);
    this.last += 1;
    const id = this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.send({ call: id, method, args });
    });
  }

  /** Calls a method of the other end and expects no answer. Does nothing when the channel is lost. */
  notify<K extends keyof Remote & string>(method: K, ...args: Parameters<Remote[K]>): void {
    if (!this.lost) this.send({ call: 0, method, args });
  }

  /** Says that the other end is gone: everything waited for, now or later, rejects with `reason`. */
  lose(reason: Error): void {
    this.lost = reason;
    for (const { reject } of this.waiting.values()) reject(reason);
    this.waiting.clear();
  }

  private send(message: Call | Answer): void {
    // The callback keeps a send to an end that has just died from being thrown; `lose` reports that death.
    (this.end as ChildProcess).send(message, (error) => {
      if (error) this.lose(error);
    });
  }

  private receive(message: Call | Answer): void {
    if ('answer' in message) {
      const waiting = this.waiting.get(message.answer);
      this.waiting.delete(message.answer);
      if (!message.error) waiting?.resolve(message.value);
      else waiting?.reject(Object.assign(new Error(message.error.message), message.error));
      return;
    }
    const method = (this.local as Record<string, (...args: unknown[]) => unknown>)[message.method];
    if (!method) throw new Error(`No method ${message.method} at this end of the channel.`);
    if (message.call === 0) method(...message.args);
    else void this.answer(message.call, method, message.args);
  }

  private async answer(id: number, method: (...args: unknown[]) => unknown, args: unknown[]): Promise<void> {
    try {
      this.send({ answer: id, value: await method(...args) });
    } catch (error) {
      const { message, stack, code } = error as NodeJS.ErrnoException;
      this.send({ answer: id, error: { message, stack, code } });
    }
  }
}
