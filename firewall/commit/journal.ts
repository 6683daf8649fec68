/**
 * What makes a change safe to die in: before the first byte of a file changes, everything needed to roll the change back
 * is on disk as the journal. When the change is done the journal becomes its backup, in one rename. A journal that is
 * found at the start of a run is the trace of an interrupted change.
 */
import { lstat, mkdir, readdir, rename, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { FirewallError, notPermitted, say } from '../errors';
import { asideOf, readText, removeIfThere, replace, syncFolders } from '../host/files';
import type { Settings } from '../messages';
import { printable } from '../printable';
import { type Checkpoint, ID } from '../state/checkpoint';
import type { FileText } from '../state/file-text';

type Place = Pick<Settings, 'stateDir' | 'keepBackups'>;

const journalOf = ({ stateDir }: Place): string => join(stateDir, 'journal.json');
const backupsOf = ({ stateDir }: Place): string => join(stateDir, 'backups');
/** Root's alone: the files name who may reach what. */
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** A new id for a change. */
export async function newId(now: Date = new Date()): Promise<string> {
  // Only here: a reading by the agent does not wait for it to be loaded.
  const { randomBytes } = await import('node:crypto');
  return `${now.toISOString().replace(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}`;
}

/** A file of this package's own, for nobody else to read. */
const ownFile = (path: string, text: string): FileText => ({
  ...{ path, text, mode: PRIVATE_FILE },
  ...{ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
});

/** Keeps a note that no change depends on, and that nobody who watches needs to notice. */
export async function writeNote(place: Place, path: string, text: string): Promise<void> {
  await makeFolders(place);
  await replace([ownFile(path, text)]);
}

/**
 * Has everybody who watches notice that something has changed here. Not everybody may look into the folder; but all may
 * watch the one it lies in, where the kernel reports that its times were set.
 */
async function leaveTrace({ stateDir }: Place): Promise<void> {
  const now = new Date();
  await utimes(stateDir, now, now);
}

/** Puts the checkpoint on disk as the journal. */
export async function begin(place: Place, checkpoint: Checkpoint): Promise<void> {
  await makeFolders(place);
  await replace([ownFile(journalOf(place), encode(checkpoint))]);
}

/** Writes what is to happen later, when nothing else is written. */
export async function writeSchedule(place: Place, file: FileText): Promise<void> {
  await makeFolders(place);
  await replace([file]);
  await leaveTrace(place);
}

/**
 * The folder of journal, backups and schedule.
 * @throws FirewallError NOT_PERMITTED where others can write to it: they could have root replace any file, by a link.
 */
async function makeFolders(place: Place): Promise<void> {
  await mkdir(backupsOf(place), { recursive: true, mode: PRIVATE_FOLDER });
  for (const folder of [place.stateDir, backupsOf(place)]) {
    const { uid, mode } = await lstat(folder).then((found) => (found.isDirectory() ? found : { uid: -1, mode: 0 }));
    if (uid === process.getuid?.() && (mode & 0o022) === 0) continue;
    throw notPermitted(say`${folder} must be a folder, not a link, that is owned by root and writable only by root.`);
  }
}

/**
 * The change is done: its journal is from now on its backup. The oldest backups beyond `keepBackups`, or beyond the room for
 * them, are removed, but not `needed`, the one that an unconfirmed change is reverted to.
 */
export async function finish(place: Place, { id }: Checkpoint, needed: string | undefined): Promise<void> {
  const backup = pathOf(place, id);
  await rename(journalOf(place), backup);
  await syncFolders([journalOf(place), backup]);
  await leaveTrace(place);
  const ids = (await backupIds(place)).reverse();
  const sizes = await Promise.all(ids.map(async (one) => (await lstat(pathOf(place, one))).size));
  let bytes = 0;
  for (const [at, old] of ids.entries()) {
    bytes += sizes[at] as number;
    const isKept = at < place.keepBackups && (at === 0 || bytes <= MOST_BYTES);
    if (!isKept && old !== needed) await removeIfThere(pathOf(place, old));
  }
}

/** Room for all backups together: a thousand of a device with few rules, 30 or more of one with as many as are possible. */
const MOST_BYTES = 64 * 1024 * 1024;

const pathOf = (place: Place, id: string): string => join(backupsOf(place), `${id}.json`);

/** The ids of the backups, the oldest first. */
export async function backupIds(place: Place): Promise<string[]> {
  const names = await readdir(backupsOf(place)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'EACCES')
      throw notPermitted(say`this user does not have permission to read ${backupsOf(place)}.`, error);
    throw error;
  });
  return names
    .map((name) => name.replace(/\.json$/, ''))
    .filter((id) => ID.test(id))
    .sort();
}

/** @throws FirewallError UNKNOWN_BACKUP, INTERNAL where the file is damaged. */
export async function readBackup(place: Place, id: string): Promise<Checkpoint> {
  const checkpoint = ID.test(id) ? await read(pathOf(place, id)) : null;
  if (checkpoint) return checkpoint;
  throw new FirewallError('UNKNOWN_BACKUP', {
    what: say`there is no backup ${printable(id)}.`,
    remedy: say`List the backups and use one of their ids.`,
  });
}

/** The change was rolled back. */
export async function drop(place: Place): Promise<void> {
  await removeIfThere(asideOf(journalOf(place)));
  if ((await readText(journalOf(place))) === null) return;
  await removeIfThere(journalOf(place));
  await syncFolders([journalOf(place)]);
  await leaveTrace(place);
}

/**
 * The checkpoint of an interrupted change, or null.
 * @throws FirewallError INTERNAL where the journal cannot be read: then nobody knows what was going on.
 */
export const unfinished = (place: Place): Promise<Checkpoint | null> => read(journalOf(place));

async function read(path: string): Promise<Checkpoint | null> {
  const file = await readText(path);
  if (!file) return null;
  try {
    return JSON.parse(Buffer.from(file.text, 'latin1').toString('utf8')) as Checkpoint;
  } catch (error) {
    throw new FirewallError(
      'INTERNAL',
      {
        what: say`${file.path}, the record of a change, is damaged.`,
        remedy: say`Check the firewall with "ufw status", then remove ${file.path}.`,
      },
      error,
    );
  }
}

/** JSON as the latin1 text the file functions take. */
const encode = (checkpoint: Checkpoint): string => Buffer.from(JSON.stringify(checkpoint), 'utf8').toString('latin1');
