/**
 * What is appended to a log file, across its rotation: by rename, where the writer goes on in the old file until it is
 * notified of the new one, and by copying and truncating.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Lines } from './lines';

const CHUNK = 64 * 1024;

interface Opened {
  handle: FileHandle;
  ino: number;
  /** Bytes read. */
  offset: number;
  lines: Lines;
}

/** Its functions are to be called one after the other. */
export class Tail {
  readonly #path: string;
  readonly #report: (lines: string[]) => void;
  readonly #buffer = Buffer.allocUnsafe(CHUNK);
  #current: Opened | null = null;
  /** Rotated away; it may still be written to. */
  #previous: Opened | null = null;
  #isRefused = false;

  constructor(path: string, report: (lines: string[]) => void) {
    this.#path = path;
    this.#report = report;
  }

  /** Whether there is a file that this user may not read. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Passes over what was written so far. */
  async skip(): Promise<void> {
    await this.#follow();
    await this.#closePrevious();
    if (!this.#current) return;
    this.#current.offset = (await this.#current.handle.stat()).size;
    this.#current.lines.reset();
  }

  /** Reports what was written since; of a file that has appeared since, everything. */
  async catchUp(): Promise<void> {
    await this.#follow();
    if (this.#previous) await this.#drain(this.#previous);
    if (this.#current) await this.#drain(this.#current);
    // Whoever writes to the new file has left the old one.
    if (!this.#previous || !this.#current || this.#current.offset === 0) return;
    await this.#drain(this.#previous);
    await this.#closePrevious();
  }

  async close(): Promise<void> {
    await this.#closePrevious();
    await this.#current?.handle.close();
    this.#current = null;
  }

  /** Opens the file that the path leads to now. */
  async #follow(): Promise<void> {
    const ino = await stat(this.#path).then((found) => found.ino, missing);
    if (ino === null || ino === this.#current?.ino) return;
    const opened = await this.#open();
    if (!opened) return;
    await this.#closePrevious();
    this.#previous = this.#current;
    this.#current = opened;
  }

  async #open(): Promise<Opened | null> {
    const wasRefused = this.#isRefused;
    const handle = await open(this.#path, 'r').catch((error: NodeJS.ErrnoException) => {
      this.#isRefused = error.code === 'EACCES';
      return this.#isRefused ? null : missing(error);
    });
    if (!handle) return null;
    this.#isRefused = false;
    const { ino, size } = await handle.stat();
    // What was there before it could be read is as old as what is there when it is opened first.
    return { handle, ino, offset: wasRefused ? size : 0, lines: new Lines() };
  }

  async #closePrevious(): Promise<void> {
    await this.#previous?.handle.close();
    this.#previous = null;
  }

  async #drain(file: Opened): Promise<void> {
    if ((await file.handle.stat()).size < file.offset) {
      file.offset = 0;
      file.lines.reset();
    }
    for (;;) {
      const { bytesRead } = await file.handle.read(this.#buffer, 0, CHUNK, file.offset);
      if (bytesRead === 0) return;
      file.offset += bytesRead;
      const lines = file.lines.push(this.#buffer.subarray(0, bytesRead));
      if (lines.length > 0) this.#report(lines);
    }
  }
}

function missing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
