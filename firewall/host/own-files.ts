/** Reads what this package keeps on disk: journal, schedule, what was reported, who talks, backups. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { isSentence, notPermitted, type Sentence, say } from '../errors';
import type { Settings } from '../messages';
import { LEARNED, type Learned } from '../peers/learned';
import { CHECKPOINT, type Checkpoint } from '../state/checkpoint';
import type { FileText } from '../state/file-text';
import { FIRST, type FirstBackup } from '../state/first-backup';
import { type Form, type Understood, understood } from '../state/own-file';
import { REPORTED, type Reported } from '../state/reported';
import { SCHEDULE, type Schedule } from '../state/schedule';

/** No file of this package's comes near this size, in bytes. */
const MAX_SIZE = 32 * 1024 * 1024;

/** A file of this package's own, and what it says. */
export interface OwnFile<Value> extends Understood<Value> {
  path: string;
  form: Form<Value>;
  /** Null where there is none, or none that may be read. */
  file: FileText | null;
}

type Place = Pick<Settings, 'stateDir'>;

export const journalOf = ({ stateDir }: Place): string => join(stateDir, 'journal.json');
export const scheduleOf = ({ stateDir }: Place): string => join(stateDir, 'schedule.json');
export const learnedOf = ({ stateDir }: Place): string => join(stateDir, 'peers.json');
export const firstOf = ({ stateDir }: Place): string => join(stateDir, 'first-backup.json');
export const reportedOf = ({ stateDir }: Place): string => join(stateDir, 'told');
export const ledgerOf = ({ stateDir }: Place): string => join(stateDir, 'ledger.jsonl');
/** The older half of a ledger that was cut. */
export const olderLedgerOf = ({ stateDir }: Place): string => join(stateDir, 'ledger.1.jsonl');

/** The record of a change that is being made, or was interrupted. */
export const readJournal = (place: Place): Promise<OwnFile<Checkpoint>> => readOwn(journalOf(place), CHECKPOINT);
/** What is to happen later. */
export const readScheduleFile = (place: Place): Promise<OwnFile<Schedule>> => readOwn(scheduleOf(place), SCHEDULE);
/** Who talks with the device, as far as it was learned. */
export const readLearnedFile = (place: Place): Promise<OwnFile<Learned>> => readOwn(learnedOf(place), LEARNED);
/** Which backup was the first that was ever made. */
export const readFirst = (place: Place): Promise<OwnFile<FirstBackup>> => readOwn(firstOf(place), FIRST);
/** What was reported to those who watch. */
export const readReportedFile = (place: Place): Promise<OwnFile<Reported>> => readOwn(reportedOf(place), REPORTED);

/**
 * Reads a file, of which whatever is wrong with it is reported as its flaw.
 * @throws FirewallError NOT_PERMITTED
 */
export async function readOwn<Value>(path: string, form: Form<Value>): Promise<OwnFile<Value>> {
  const found = await textOf(path);
  if (found === null || isSentence(found)) return { path, form, file: null, value: null, flaw: found };
  return { path, form, file: found, ...understood(form, found.text) };
}

/** The flaws of what can be at a path, by what opening it comes to. */
const FLAWS: Readonly<Record<string, Sentence | null>> = {
  ...{ ENOENT: null, ENOTDIR: null },
  ...{ ELOOP: say`it is a link`, ENXIO: say`it is no file`, EIO: say`the disk cannot read it` },
};

/** The file, or why it is not read; null where there is none. */
const textOf = (path: string): Promise<FileText | Sentence | null> =>
  withOwn(path, MAX_SIZE, (file, { mode, uid, gid }) => ({
    ...{ path, text: readFileSync(file, 'latin1'), mode: mode & 0o7777, uid, gid },
  }));

/**
 * What is read of a file of this package's own, or why it is not read; null where there is none.
 * @param most its size at most, in bytes
 * @throws FirewallError NOT_PERMITTED
 */
export async function withOwn<Value>(
  path: string,
  most: number,
  read: (file: number, stat: Stats) => Value,
): Promise<Value | Sentence | null> {
  // No link is followed, and nothing waits for who might write into a pipe.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let file: number | undefined;
  try {
    file = openSync(path, flags);
    const stat = fstatSync(file);
    if ((stat.mode & constants.S_IFMT) !== constants.S_IFREG) return say`it is no file`;
    // Who owns it or may write to it could have root open ports, or stop programs.
    if (stat.uid !== 0 && stat.uid !== process.getuid?.()) return say`it belongs to user ${stat.uid}`;
    if ((stat.mode & 0o022) !== 0) return say`others than its owner may write to it`;
    if (stat.size > most) return say`it is larger than ${most / 1024 / 1024} MB`;
    return read(file, stat);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM')
      throw notPermitted(say`this user does not have permission to read ${path}.`, error);
    const flaw = FLAWS[code];
    if (flaw === undefined) throw error;
    return flaw;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The first bytes of a file of this package's own; null where it is none, or a damaged one. */
export async function readBeginning(path: string, bytes: number): Promise<string | null> {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!fstatSync(file).isFile()) return null;
    const buffer = Buffer.alloc(bytes);
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, bytes, 0));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (UNREADABLE.includes(code)) return null;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** A link, a socket, a sector that cannot be read. */
const UNREADABLE: readonly string[] = ['ELOOP', 'ENXIO', 'EIO', 'ENOENT'];
