/**
 * Writes the ledger. Who does holds ufw's lock, so one entry follows the other. It is in nobody's way: what keeps an entry
 * from being written is a warning. Why it is done in this order is in docs/decisions/ledger.md.
 */
import { constants } from 'node:fs';
import { type FileHandle, link, open, rename } from 'node:fs/promises';
import { isSentence, listed, messageOf, rendered, type Sentence, say } from '../errors';
import { asideOf, exists, removeIfThere, replace } from '../host/files';
import { logEntries } from '../host/journald';
import { MOST_SEGMENT_BYTES, readFirstEntry, readMoment, readTail, type Tail } from '../host/ledger';
import { ledgerOf, olderLedgerOf } from '../host/own-files';
import { firstLineFor, headOf, lineOf, NO_HASH, sealed } from '../ledger/chain';
import type { Content, Entry, Head } from '../ledger/entry';
import { contentOf, type Happened, UNKNOWN_STATE } from '../ledger/happened';
import type { Settings } from '../messages';
import { makeFolders, ownFile } from './journal';
import { setAsideWhole } from './set-aside';

export interface Entered {
  /** It is in the ledger, for good. */
  isIn: boolean;
  warnings: readonly string[];
}

/**
 * Enters what has happened. Where the ledger cannot be understood it is set aside, and a new one begins.
 * @param happened gives it, by the last entry; null where there is none
 */
export async function enter(
  settings: Settings,
  happened: (last: Entry | null) => readonly Happened[] | Promise<readonly Happened[]>,
): Promise<Entered> {
  try {
    const flaws: Sentence[] = [];
    const tail = await toGoOnFrom(settings, flaws);
    const warnings = flaws.map((one) => rendered(one));
    const made = await happened(tail?.last ?? null);
    if (made.length === 0 && warnings.length === 0) return { isIn: true, warnings };
    const moment = await readMoment();
    const contents = made.map(
      (one) =>
        (state: string): Content =>
          contentOf(one, moment, state),
    );
    const entries = tail
      ? await goOn(settings, tail, contents)
      : await begin(settings, [(state) => contentOf(beginning(made, flaws), moment, state), ...contents]);
    logEntries(entries);
    return { isIn: true, warnings };
  } catch (error) {
    return {
      isIn: false,
      warnings: [`What was done is not in the ledger ${ledgerOf(settings)}: ${messageOf(error)}.`],
    };
  }
}

const beginning = (made: readonly Happened[], flaws: readonly Sentence[]): Happened => ({
  ...{ type: 'begin', source: made[0]?.source ?? { kind: 'unknown' }, action: 'begin of the ledger' },
  note: listed(flaws, ' '),
});

/** The end that is to be gone on from; null where a new chain begins, as there is none, or none that can be understood. */
async function toGoOnFrom(settings: Settings, flaws: Sentence[]): Promise<Tail | null> {
  const [newer, older] = [ledgerOf(settings), olderLedgerOf(settings)];
  const tail = await readTail(settings);
  if (tail !== null && !isSentence(tail)) return tail;
  if (tail !== null) flaws.push(say`${await setAsideWhole(settings, newer, tail)}; a new one was begun.`);
  // It belongs to that chain.
  if (await exists(older)) {
    const said = await setAsideWhole(settings, older, say`what came after it is missing`);
    if (tail === null) flaws.push(say`${said}; a new one was begun.`);
  }
  return null;
}

type Making = (state: string) => Content;

/** Puts events at the end of a chain. */
function chained(before: Head & { state: string }, contents: readonly Making[]): Entry[] {
  const entries: Entry[] = [];
  let last = before;
  for (const content of contents) {
    const one = sealed(headOf(last), content(last.state));
    entries.push(one);
    last = one;
  }
  return entries;
}

async function begin(settings: Settings, contents: readonly Making[]): Promise<readonly Entry[]> {
  const entries = chained({ seq: 0, hash: NO_HASH, state: UNKNOWN_STATE }, contents);
  await makeFolders(settings);
  await replace([fileOf(ledgerOf(settings), entries)]);
  return entries;
}

/** A new file with these entries. */
function fileOf(path: string, entries: readonly Entry[]) {
  const [last] = entries.slice(-1);
  const text = `${firstLineFor(last ? headOf(last) : { seq: 0, hash: NO_HASH })}${entries.map(lineOf).join('')}`;
  return ownFile(path, Buffer.from(text).toString('latin1'));
}

async function goOn(settings: Settings, { last, end }: Tail, contents: readonly Making[]): Promise<readonly Entry[]> {
  const entries = chained(last, contents);
  const bytes = Buffer.from(entries.map(lineOf).join(''));
  if (end + bytes.length > MOST_SEGMENT_BYTES) return cut(settings, last, contents);
  await append(ledgerOf(settings), bytes, end, entries[entries.length - 1] ?? last);
  return entries;
}

/** @param end where the last entry ends: what is behind it was left by one who died while he wrote */
async function append(path: string, bytes: Buffer, end: number, last: Head): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    if ((await file.stat()).size > end) await file.truncate(end);
    try {
      await writeAt(file, bytes, end);
      await file.sync();
    } catch (error) {
      // What could not be entered as a whole is not there at all.
      await file.truncate(end).catch(() => undefined);
      throw error;
    }
    // Only now: it must never promise more than there is.
    await writeAt(file, Buffer.from(firstLineFor(headOf(last))), 0);
  } finally {
    await file.close();
  }
}

async function writeAt(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}

/** The file becomes the older half, in place of the one before it, and a new one goes on. */
async function cut(settings: Settings, last: Entry, contents: readonly Making[]): Promise<readonly Entry[]> {
  const [newer, older] = [ledgerOf(settings), olderLedgerOf(settings)];
  const first = await readFirstEntry(settings);
  const moment = await readMoment();
  const dropped: Happened = {
    ...{ type: 'cut', source: { kind: 'timer' }, action: 'cut of the ledger' },
    cut: { dropped: first.seq - 1, last: first.previous, first: first.seq },
  };
  const entries = chained(last, [(state) => contentOf(dropped, moment, state), ...contents]);
  await removeIfThere(asideOf(older));
  // Under both names until the new one is there: at no moment is nothing there.
  await link(newer, asideOf(older));
  await rename(asideOf(older), older);
  await replace([fileOf(newer, entries)]);
  return entries;
}
