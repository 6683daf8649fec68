/**
 * What makes a change safe to die in: before the first byte of a file changes, everything needed to take the change back
 * is on disk as the journal. When the change is done the journal becomes its backup, in one rename. A journal that is
 * found at the start of a run is the trace of a change that died.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { FirewallError } from '../errors';
import { asideOf, type FileText, readText, removeIfThere, replace, syncFolders } from '../host/files';
import type { Settings } from '../messages';
import type { Family } from '../rules/rule';

export interface Checkpoint {
  id: string;
  /** ISO 8601, UTC. */
  at: string;
  /** What was asked: `set-profile lockdown`. */
  action: string;
  /** All files a change may write, as they were. */
  before: readonly FileText[];
  /** The hashes of the files the change writes, by path: tell its own half-done work from somebody else's. */
  after: Readonly<Record<string, string>>;
  /** Which of the files is nginx's, if any. */
  site: string | null;
  /** The kernel's tables, where they are not what the files say: an inactive firewall that is being started. */
  kernel?: Partial<Record<Family, string>>;
}

type Place = Pick<Settings, 'stateDir' | 'keepBackups'>;

const journalOf = ({ stateDir }: Place): string => join(stateDir, 'journal.json');
const backupsOf = ({ stateDir }: Place): string => join(stateDir, 'backups');
/** Root's alone: the files name who may reach what. */
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** What tells two texts apart, in a form that is short on disk. */
export const hashOf = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex');

/** A new id: it sorts by time, and is safe as a file name. */
export function newId(now: Date = new Date()): string {
  return `${now.toISOString().replace(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}`;
}

/** Puts the checkpoint on disk as the journal. */
export async function begin(place: Place, checkpoint: Checkpoint): Promise<void> {
  await mkdir(backupsOf(place), { recursive: true, mode: PRIVATE_FOLDER });
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await replace([{ path: journalOf(place), text: encode(checkpoint), mode: PRIVATE_FILE, ...owner }]);
}

/** The change is done: its journal is from now on its backup. The oldest backups beyond `keepBackups` go. */
export async function finish(place: Place, { id }: Checkpoint): Promise<void> {
  const backup = join(backupsOf(place), `${id}.json`);
  await rename(journalOf(place), backup);
  await syncFolders([journalOf(place), backup]);
  const names = (await readdir(backupsOf(place)))
    .filter((name) => /^\d{8}T\d{9}Z-[0-9a-f]{6}\.json$/.test(name))
    .sort();
  for (const name of names.slice(0, Math.max(0, names.length - place.keepBackups))) {
    await removeIfThere(join(backupsOf(place), name));
  }
}

/** The change was taken back. */
export async function drop(place: Place): Promise<void> {
  await removeIfThere(asideOf(journalOf(place)));
  if ((await readText(journalOf(place))) === null) return;
  await removeIfThere(journalOf(place));
  await syncFolders([journalOf(place)]);
}

/**
 * The checkpoint of a change that died, or null.
 * @throws FirewallError INTERNAL where the journal cannot be read: then nobody knows what was going on.
 */
export async function unfinished(place: Place): Promise<Checkpoint | null> {
  const file = await readText(journalOf(place));
  if (!file) return null;
  try {
    return JSON.parse(Buffer.from(file.text, 'latin1').toString('utf8')) as Checkpoint;
  } catch (error) {
    throw new FirewallError(
      'INTERNAL',
      {
        what: `${file.path}, the journal of a change that did not finish, is damaged.`,
        remedy: `Check the firewall with "ufw status", then remove ${file.path}.`,
      },
      error,
    );
  }
}

/** JSON as the latin1 text the file functions take. */
const encode = (checkpoint: Checkpoint): string => Buffer.from(JSON.stringify(checkpoint), 'utf8').toString('latin1');
