/** Reads the ledger: its end, for whom it goes on from there, or all of it. */
import { readFileSync, readSync } from 'node:fs';
import { isSentence, rendered, type Sentence, say } from '../errors';
import { FIRST_LINE_BYTES, MOST_LINE_BYTES, readFirstLine, readLine, type Segment } from '../ledger/chain';
import type { Entry, Head } from '../ledger/entry';
import type { Settings } from '../messages';
import { time } from './clock';
import { ledgerOf, olderLedgerOf, withOwn } from './own-files';

type Place = Pick<Settings, 'stateDir'>;

/** A file of the ledger is cut before it is larger, in bytes; there are two of them at most. */
export const MOST_SEGMENT_BYTES = 1024 * 1024;
/** Larger than that none was made. */
const TOO_LARGE = 2 * MOST_SEGMENT_BYTES;

/** Where a ledger ends. */
export interface Tail {
  /** The last entry. */
  last: Entry;
  /** Where its line ends, in bytes; what is behind that was not finished. */
  end: number;
}

/**
 * The end of the ledger; or what is wrong with it; or null where there is none.
 * @throws FirewallError NOT_PERMITTED
 */
export const readTail = (place: Place): Promise<Tail | Sentence | null> =>
  withOwn(ledgerOf(place), TOO_LARGE, (file, { size }) => {
    const { said, bytes, from } = readEnds(file, size);
    if (isSentence(said)) return said;
    const end = bytes.lastIndexOf('\n') + 1;
    const begin = bytes.lastIndexOf('\n', end - 2) + 1;
    const last = readLine(bytes.toString('utf8', begin, Math.max(begin, end - 1)));
    if (isSentence(last)) return say`of its last entry: ${last}`;
    if (said.seq > last.seq) return say`the entries from ${last.seq + 1} to ${said.seq} are missing`;
    return { last, end: from + end };
  });

/**
 * The last entry's number and hash, as the first line says them; what is wrong with it; null where there is none.
 * Nothing is computed for it, as it is read with each reading.
 */
export const readHead = (place: Place): Promise<Head | Sentence | null> =>
  withOwn(ledgerOf(place), TOO_LARGE, (file, { size }) => {
    const { said, bytes } = readEnds(file, size);
    if (isSentence(said) || bytes.includes(`"hash":"${said.hash}"}\n`)) return said;
    return say`the entry ${said.seq} is missing at its end`;
  });

/** What the first line says, and as much of the end of the file as its last two entries may take. */
function readEnds(file: number, size: number): { said: Head | Sentence; bytes: Buffer; from: number } {
  const first = Buffer.alloc(FIRST_LINE_BYTES);
  readSync(file, first, 0, FIRST_LINE_BYTES, 0);
  // One line more than may be left unfinished.
  const from = Math.max(FIRST_LINE_BYTES, size - 2 * MOST_LINE_BYTES);
  const bytes = Buffer.alloc(Math.max(0, size - from));
  readSync(file, bytes, 0, bytes.length, from);
  return { said: readFirstLine(first.toString()), bytes, from };
}

/**
 * The newest entries, the newest first, as many as stand within the last two of the longest; what is none is passed over.
 * @throws FirewallError NOT_PERMITTED
 */
export async function readNewest(place: Place, most: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  // While a ledger is cut both are the same file.
  const isNext = ({ seq }: Entry): boolean => entries.every((later) => later.seq > seq);
  for (const path of [ledgerOf(place), olderLedgerOf(place)]) {
    const ends = await withOwn(path, TOO_LARGE, (file, { size }) => readEnds(file, size));
    if (ends === null || isSentence(ends)) continue;
    for (const line of ends.bytes.toString('utf8').split('\n').reverse()) {
      if (entries.length >= most) return entries;
      const one = readLine(line);
      if (!isSentence(one) && isNext(one)) entries.push(one);
    }
  }
  return entries;
}

/** The first entry of the newer file. @throws Error where there is none */
export async function readFirstEntry(place: Place): Promise<Entry> {
  const found = await withOwn(ledgerOf(place), TOO_LARGE, (file) => {
    const bytes = Buffer.alloc(MOST_LINE_BYTES);
    const bytesRead = readSync(file, bytes, 0, MOST_LINE_BYTES, FIRST_LINE_BYTES);
    return readLine(bytes.toString('utf8', 0, Math.max(0, bytes.subarray(0, bytesRead).indexOf('\n'))));
  });
  if (found === null || isSentence(found))
    throw new Error(`of its first entry: ${found ? rendered(found) : 'it is missing'}`);
  return found;
}

/** The ledger as it lies there. */
export interface Files {
  /** The oldest first. */
  segments: readonly Segment[];
  /** Why the newer one, or else the older, may not be read; null where nothing is wrong with them. */
  flaw: Sentence | null;
  /** A cut was interrupted: the older half is dropped, and the newer not yet in its place. */
  isBeingCut: boolean;
}

/** All of it. @throws FirewallError NOT_PERMITTED */
export async function readLedger(place: Place): Promise<Files> {
  const [older, newer] = await Promise.all([olderLedgerOf(place), ledgerOf(place)].map(readSegment));
  const isBeingCut = !!older && !!newer && older.ino !== null && older.ino === newer.ino;
  const found = [isBeingCut ? null : older, newer].filter((one): one is ReadSegment => !!one);
  // The newer half is never missing alone.
  const missing = older && !newer ? [{ path: ledgerOf(place), text: '' }] : [];
  const flawed = [...found].reverse().find((one) => one.flaw !== null);
  return {
    segments: [...found.map(({ path, text }) => ({ path, text })), ...missing],
    flaw: flawed?.flaw ? say`${flawed.path}: ${flawed.flaw}` : null,
    isBeingCut,
  };
}

interface ReadSegment extends Segment {
  ino: number | null;
  flaw: Sentence | null;
}

async function readSegment(path: string): Promise<ReadSegment | null> {
  const found = await withOwn(path, TOO_LARGE, (file, { ino }) => ({
    ...{ ino, text: readFileSync(file, 'utf8') },
  }));
  if (isSentence(found)) return { path, text: '', ino: null, flaw: found };
  return found && { path, ...found, flaw: null };
}

/** The moment, as an entry says it. */
export async function readMoment(): Promise<Pick<Entry, 'at' | 'uptime'>> {
  const [boot, uptime] = await Promise.all([time.boot(), time.uptime()]);
  return { at: new Date(time.wall()).toISOString(), uptime: { boot, ms: Math.round(uptime * 1000) } };
}
