/** One end of a channel where two machines have a stream between them: JSON, a line for each message. */
import { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** What JSON makes of a Buffer. */
interface Bytes {
  type: 'Buffer';
  data: number[];
}

const isBytes = (value: unknown): value is Bytes => (value as Bytes | null)?.type === 'Buffer';

/** Emits `message` for each that comes. */
export class Line extends EventEmitter {
  constructor(
    input: Readable,
    private readonly output: Writable,
  ) {
    super();
    const decoder = new StringDecoder('utf8');
    let begun = '';
    input.on('data', (data: Buffer) => {
      const lines = (begun + decoder.write(data)).split('\n');
      begun = lines.pop() ?? '';
      for (const line of lines) this.emit('message', JSON.parse(line, revive));
    });
  }

  /** As a child process' own. What is undefined in a list arrives as null. */
  send(message: unknown, sent: (error: Error | null | undefined) => void): void {
    this.output.write(`${JSON.stringify(message)}\n`, sent);
  }
}

const revive = (_: string, value: unknown): unknown => (isBytes(value) ? Buffer.from(value.data) : value);
