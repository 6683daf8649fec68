/**
 * What makes a change safe to die in: before the first byte of a file changes, everything needed to roll the change back
 * is on disk as the journal. When the change is done the journal becomes its backup, in one rename. A journal that is
 * found at the start of a run is the trace of an interrupted change.
 */
import { lstat, mkdir, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { FirewallError, notPermitted, say } from '../errors';
import { asideOf, exists, removeIfThere, replace, replaceShared, syncFolders } from '../host/files';
import { firstOf, journalOf, type OwnFile, readBeginning, readFirst, readOwn } from '../host/own-files';
import type { Settings } from '../messages';
import { printable } from '../printable';
import type { BackupPlace } from '../results';
import { type Kept, placesOf } from '../state/backup-places';
import { ID } from '../state/change-id';
import { CHECKPOINT, type Checkpoint } from '../state/checkpoint';
import type { FileText } from '../state/file-text';
import { FIRST } from '../state/first-backup';
import { textFor } from '../state/own-file';

type Place = Pick<Settings, 'stateDir' | 'keepBackups'>;

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
export const ownFile = (path: string, text: string): FileText => ({
  ...{ path, text, mode: PRIVATE_FILE },
  ...{ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
});

/** Keeps a note that no change depends on, and that nobody who watches needs to notice: any of them may keep it, at any time. */
export async function writeNote(place: Place, path: string, text: string): Promise<void> {
  await makeFolders(place);
  await replaceShared(ownFile(path, text));
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
  await replace([ownFile(journalOf(place), textFor(CHECKPOINT, checkpoint))]);
}

/** Writes a file of this package's that those who watch are to notice, when nothing else is written. */
export async function writeNotice(place: Place, file: FileText): Promise<void> {
  await makeFolders(place);
  await replace([file]);
  await leaveTrace(place);
}

/**
 * The folder of journal, backups and schedule.
 * @throws FirewallError NOT_PERMITTED where others can write to it: they could have root replace any file, by a link.
 */
export async function makeFolders(place: Place): Promise<void> {
  await mkdir(backupsOf(place), { recursive: true, mode: PRIVATE_FOLDER });
  for (const folder of [place.stateDir, backupsOf(place)]) {
    const { uid, mode } = await lstat(folder).then((found) => (found.isDirectory() ? found : { uid: -1, mode: 0 }));
    if (uid === process.getuid?.() && (mode & 0o022) === 0) continue;
    throw notPermitted(say`${folder} must be a folder, not a link, that is owned by root and writable only by root.`);
  }
}

/**
 * The change is done: its journal is from now on its backup. Those for which there is no place any more are removed, but not
 * `needed`, the one that an unconfirmed change is reverted to.
 */
export async function finish(place: Place, { id }: Checkpoint, needed: string | undefined): Promise<void> {
  const backup = pathOf(place, id);
  await rename(journalOf(place), backup);
  await syncFolders([journalOf(place), backup]);
  await leaveTrace(place);
  // Before anything is removed, or the first might be.
  await noteFirst(place);
  for (const [old, kept] of await backupPlaces(place)) {
    // Whatever it is: what is in the way of no change must not make one fail.
    if (kept === null && old !== needed) await rm(pathOf(place, old), { recursive: true, force: true });
  }
}

/** The place of each backup, by its id, the newest first; null for what the next change removes. */
export async function backupPlaces(place: Place): Promise<Map<string, BackupPlace | null>> {
  const ids = await backupIds(place);
  const { value } = await readFirst(place);
  const first = value !== null && ids.includes(value.id) ? value.id : null;
  return placesOf(await Promise.all(ids.map((id) => keptAt(place, id))), first, place.keepBackups);
}

/** Notes which backup was the first ever: the oldest whole one, where none was noted, or that is damaged. No clock can make another one the first. */
async function noteFirst(place: Place): Promise<void> {
  const ids = await backupIds(place);
  const { value: noted } = await readFirst(place);
  if (noted && ids.includes(noted.id) && (await readBackupFile(place, noted.id)).value) return;
  for (const id of ids) {
    if ((await readBackupFile(place, id)).value === null) continue;
    await replace([ownFile(firstOf(place), textFor(FIRST, { id }))]);
    return;
  }
}

/** What stands in a backup's file before the rules. */
const HEAD_BYTES = 16 * 1024;
/** No text in it can look like these: a line break in a JSON string is written as two characters. */
const TIMED = /^ {2}"timed": true,?$|^ {2}"reason": "(?!requested")/m;

/** What has to be known of a backup to find its place, without reading the rules of all of them at each change. */
async function keptAt(place: Place, id: string): Promise<Kept> {
  const path = pathOf(place, id);
  const { size } = await lstat(path);
  const head = await readBeginning(path, HEAD_BYTES);
  const isWhole = head?.startsWith('{') && head.includes(`"id": "${id}"`);
  const [before = ''] = (head ?? '').split('\n  "before":');
  return { id, isTimed: isWhole ? TIMED.test(before) : null, bytes: size };
}

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

/** A backup as it lies there: one that is damaged stays where it is, as no change writes over it. */
export async function readBackupFile(place: Place, id: string): Promise<OwnFile<Checkpoint>> {
  const found = await readOwn(pathOf(place, id), CHECKPOINT);
  if (found.value === null || found.value.id === id) return found;
  return { ...found, value: null, flaw: say`it is the backup ${found.value.id}` };
}

/** @throws FirewallError UNKNOWN_BACKUP where there is none, or a damaged one. */
export async function readBackup(place: Place, id: string): Promise<Checkpoint> {
  const found = ID.test(id) ? await readBackupFile(place, id) : null;
  if (found?.value) return found.value;
  throw new FirewallError('UNKNOWN_BACKUP', {
    what: found?.flaw
      ? say`the backup ${id} cannot be used, as ${found.path} is damaged (${found.flaw}).`
      : say`there is no backup ${printable(id)}.`,
    remedy: say`List the backups and use one of their ids.`,
  });
}

/** The change was rolled back. */
export async function drop(place: Place): Promise<void> {
  await removeIfThere(asideOf(journalOf(place)));
  if (!(await exists(journalOf(place)))) return;
  await removeIfThere(journalOf(place));
  await syncFolders([journalOf(place)]);
  await leaveTrace(place);
}
