/**
 * The chain. A file of the ledger is a line that says its version and which entry was last, then one entry a line. The hash of
 * an entry is the SHA-256 of its line without the hash itself, so of every byte of it; the hash of the entry before is in that
 * line. Anybody can compute it: `sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | sha256sum`.
 */
import type { Hash } from 'node:crypto';
import * as z from 'zod/mini';
import { isSentence, type Sentence, say } from '../errors';
import { type Content, type Entry, entry, type Head, head, LEDGER_VERSION } from './entry';

export const NO_HASH = '0'.repeat(64);

/** How long the first line is, in bytes, so that it can be written over in place. */
export const FIRST_LINE_BYTES = 128;

/** No entry is longer, in bytes: where the last one begins is within so many of the end. */
export const MOST_LINE_BYTES = 64 * 1024;

const SEAL = /^(.*),"hash":"([0-9a-f]{64})"\}$/s;

/** The SHA-256 of a text (UTF-8), in hexadecimal. */
export function sha256(text: string): string {
  // Only here: a reading by the agent does not wait for it to be loaded.
  const { createHash } = require('node:crypto') as { createHash(name: string): Hash };
  return createHash('sha256').update(text).digest('hex');
}

/** The entry at the end of a chain, as it is to be. */
export function sealed(before: Head, content: Content): Entry {
  const open = { seq: before.seq + 1, ...content, previous: before.hash };
  return { ...open, hash: sha256(JSON.stringify(open)) };
}

/** Its line. */
export const lineOf = (one: Entry): string => `${JSON.stringify(one)}\n`;

const firstLine = z.object({ version: z.int().check(z.minimum(1)), last: head });

/** The first line of a file whose last entry is, or is about to be, this. */
export function firstLineFor(last: Head): string {
  const text = JSON.stringify({ version: LEDGER_VERSION, last });
  return `${text.padEnd(FIRST_LINE_BYTES - 1)}\n`;
}

/** What the first line of a file says, or what is wrong with it. */
export function readFirstLine(text: string): Head | Sentence {
  const said = parsed(firstLine, text);
  if (said === null) return say`its first line is none of a ledger`;
  if (said.version > LEDGER_VERSION) {
    return say`a later version of this package wrote it: it is of version ${said.version}, and this one knows ${LEDGER_VERSION}`;
  }
  return said.last;
}

/** The entry of a line, or what is wrong with it. */
export function readLine(line: string): Entry | Sentence {
  const [, open, hash] = SEAL.exec(line) ?? [];
  if (open === undefined || hash === undefined) return say`it is no entry`;
  if (sha256(`${open}}`) !== hash) return say`it is not what it was when it was entered`;
  return parsed(entry, line) ?? say`it is no entry`;
}

function parsed<Schema extends z.ZodMiniType>(schema: Schema, line: string): z.output<Schema> | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // What is wrong with it as JSON helps nobody.
    return null;
  }
  return schema.safeParse(value).data ?? null;
}

/** One file of a ledger, by its text. */
export interface Segment {
  path: string;
  text: string;
}

/** Where a chain is not whole. */
export interface Fault {
  path: string;
  /** From 1. */
  line: number;
  /** Which entry is altered, or is missing or misplaced there, by its number. */
  seq: number;
  what: Sentence;
}

export interface Verified {
  /** All that can be read, the oldest first; also those behind a fault. */
  entries: readonly Entry[];
  /** The first fault; null where the chain is whole. */
  fault: Fault | null;
  /** The last entry. */
  head: Head | null;
}

/**
 * Follows a chain. What is behind its last whole line was being written when the power was cut, and nobody misses it.
 * @param segments its files, the oldest first
 * @param isBeingCut the older half is dropped, and the newer not yet in its place
 */
export function verify(segments: readonly Segment[], isBeingCut = false): Verified {
  const entries: Entry[] = [];
  let fault: Fault | null = null;
  let last: Head | null = null;
  for (const [at, { path, text }] of segments.entries()) {
    const lines = text.split('\n');
    const isTorn = lines.pop() !== '' && at < segments.length - 1;
    const blame = (line: number, seq: number, what: Sentence): void => {
      fault ??= { path, line, seq, what };
    };
    const [first = ''] = lines;
    const said = readFirstLine(first);
    const next = (): number => (last?.seq ?? 0) + 1;
    if (isSentence(said)) blame(1, next(), said);
    for (const [index, line] of lines.entries()) {
      if (index === 0) continue;
      const one = readLine(line);
      if (isSentence(one)) {
        blame(index + 1, next(), one);
        continue;
      }
      const why = misplaced(last, one, at === 0 && index === 1, segments.length > 1 || isBeingCut);
      if (why) blame(index + 1, last ? why.seq : firstOf(why.seq, lines), why.what);
      entries.push(one);
      last = one;
    }
    if (isTorn) blame(lines.length + 1, next(), say`it is not complete`);
    if (isSentence(said)) continue;
    const end = entries[entries.length - 1];
    if (said.seq > (end?.seq ?? 0)) blame(lines.length + 1, next(), say`the entries up to ${said.seq} are missing`);
    if (end?.seq === said.seq && end.hash !== said.hash) {
      blame(lines.length, end.seq, say`it is not the one that the first line of the file names`);
    }
  }
  return { entries, fault, head: last && headOf(last) };
}

/** Which is the first that is not in its place, where a chain begins with one that cannot begin it: perhaps it comes later. */
function firstOf(missing: number, lines: readonly string[]): number {
  const seqs = lines.slice(1).flatMap((line) => {
    const one = readLine(line);
    return isSentence(one) ? [] : [one.seq];
  });
  return seqs.reduce((first, seq) => Math.min(first, seq), missing);
}

/** Why an entry cannot be where it is; null where it can. @param isFirst it is the first there is */
function misplaced(
  last: Head | null,
  one: Entry,
  isFirst: boolean,
  hasOlder: boolean,
): { seq: number; what: Sentence } | null {
  if (last !== null) {
    const seq = last.seq + 1;
    if (one.seq < seq) return { seq, what: say`it is repeated or out of order: it has the number ${one.seq}` };
    if (one.seq > seq) return { seq, what: say`it is missing: the next one has the number ${one.seq}` };
    return one.previous === last.hash
      ? null
      : { seq, what: say`the one before it is not the one that it was entered after` };
  }
  const missing = { seq: Math.max(1, one.seq - 1), what: say`it is missing, and all before it` };
  if (!isFirst) return missing;
  if (one.type === 'begin' && one.seq === 1) return null;
  if (one.type !== 'cut' || !one.cut) return missing;
  // Behind the cut is the newer half of what there was.
  return hasOlder || one.cut.first === one.seq ? null : { seq: one.cut.first, what: say`it is missing, up to the cut` };
}

export const headOf = ({ seq, hash }: Head): Head => ({ seq, hash });
