/** A program that runs inside the device, seen from the host. */
import { EventEmitter } from 'node:events';
import { StringDecoder } from 'node:string_decoder';
import type { MachineMethods } from './protocol';
import type { Channel } from './rpc';

/** How many characters of output `until` can look back on. */
const remembered = 65_536;

export interface Exit {
  code: number | null;
  signal: string | null;
}

/** Emits `stdout` and `stderr` with text as it comes (not cut at lines). */
export class InsideProcess extends EventEmitter {
  /** The pid as the device knows it. */
  pid = 0;
  /** Resolves when the program has ended and closed its output. Never rejects. */
  readonly exited: Promise<Exit>;
  private readonly decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  private recent = '';
  private end: Exit | undefined;
  private tellEnd: (exit: Exit) => void = () => undefined;

  constructor(
    private readonly init: Channel<MachineMethods>,
    private readonly id: number,
  ) {
    super();
    this.exited = new Promise((resolve) => {
      this.tellEnd = resolve;
    });
  }

  /** Writes to the program's stdin. */
  write(text: string): void {
    this.init.notify('input', this.id, text);
  }

  /** Closes the program's stdin. */
  endInput(): void {
    this.init.notify('input', this.id, null);
  }

  /** Sends a signal (default SIGTERM) and waits for the end. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.init.notify('kill', this.id, signal);
    return this.exited;
  }

  /** Resolves with the first match in what the program says on stdout or stderr. Rejects when it ends or time is up. */
  until(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        this.off('stdout', look).off('stderr', look).off('end', look);
      };
      const fail = () => {
        stop();
        reject(new Error(`The program did not say ${pattern}. It said: ${this.recent}`));
      };
      const look = () => {
        const match = this.recent.match(pattern);
        if (match) {
          stop();
          resolve(match);
        } else if (this.end) fail();
      };
      const timer = setTimeout(fail, timeoutMs);
      this.on('stdout', look).on('stderr', look).on('end', look);
      look();
    });
  }

  /** The host's end of the channel hands over what the program wrote. */
  receive(stream: 'stdout' | 'stderr', data: Uint8Array): void {
    const text = this.decoders[stream].write(Buffer.from(data));
    this.recent = (this.recent + text).slice(-remembered);
    this.emit(stream, text);
  }

  /** The host's end of the channel tells that the program has ended, or that the device has. */
  finish(exit: Exit): void {
    this.end = exit;
    this.tellEnd(exit);
    this.emit('end');
  }
}
