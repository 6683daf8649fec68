/** Files as this package reads and replaces them: whole, with owner and mode, and never half. */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { type FileHandle, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, FirewallError, notPermitted, say } from '../errors';
import type { FileText } from '../state/file-text';
import { processKey } from './processes';

/** No file of ufw's or nginx's that this package handles comes near this size, in bytes. */
const MAX_SIZE = 32 * 1024 * 1024;

/**
 * A file with its owner and mode, or null where there is none.
 * @throws FirewallError NOT_PERMITTED, UFW_FILES_UNREADABLE (not a file, too large)
 */
export async function readText(path: string): Promise<FileText | null> {
  let file: number | undefined;
  try {
    // Nothing waits for who might write into a pipe.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, uid, gid, size } = fstatSync(file);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_SIZE) throw noFile(path);
    // A link keeps pointing at its file: what is replaced later is the file itself.
    return { path: realpathSync.native(path), text: readFileSync(file, 'latin1'), mode: mode & 0o7777, uid, gid };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (code === 'EACCES' || code === 'EPERM')
      throw notPermitted(say`this user does not have permission to read ${path}.`, error);
    if (code === 'ENXIO') throw noFile(path);
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const noFile = (path: string): FirewallError =>
  new FirewallError('UFW_FILES_UNREADABLE', {
    what: say`${path} is not a regular file of at most ${MAX_SIZE / 1024 / 1024} MB.`,
    state: say`Nothing was changed.`,
  });

/**
 * The name under which a replacement is prepared. One name, so that what a crash leaves behind is known: who replaces a file
 * in this way holds ufw's lock, or is alone.
 */
export const asideOf = (path: string): string => `${path}.smartserver-new`;

/** Writes a replacement next to the file, on disk and with the file's owner and mode, but not yet in its place. */
export async function writeAside(file: FileText): Promise<void> {
  await removeIfThere(asideOf(file.path));
  await writeNew(asideOf(file.path), file);
}

async function writeNew(aside: string, { text, mode, uid, gid }: FileText): Promise<void> {
  // Exclusive and not following links: whatever is there was not made by this call.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(aside, flags, 0o600);
  try {
    await file.writeFile(text, 'latin1');
    const made = await file.stat();
    if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Puts prepared replacements in place, each in one step, and makes that last on disk. */
export async function swapIn(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rename(asideOf(path), path);
  await syncFolders(paths);
}

/** Replaces files: all are prepared before the first is swapped in. */
export async function replace(files: readonly FileText[]): Promise<void> {
  await Promise.all(files.map(writeAside));
  await swapIn(files.map(({ path }) => path));
}

/**
 * Replaces a file that others may replace at the same time, without a lock: the last one wins. Each prepares it under a name
 * of its own, which says whose it is, so that what died with its process is removed.
 */
export async function replaceShared(file: FileText): Promise<void> {
  await removeLeftOver(file.path);
  const aside = `${asideOf(file.path)}.${await processKey(process.pid)}.${process.hrtime.bigint()}`;
  try {
    await writeNew(aside, file);
    await rename(aside, file.path);
  } catch (error) {
    await removeIfThere(aside);
    throw error;
  }
  await syncFolders([file.path]);
}

/** Removes what processes that are gone have prepared for this file and not put in its place. */
async function removeLeftOver(path: string): Promise<void> {
  const prepared = asideOf(path);
  for (const one of await leftOvers(dirname(path))) if (one.startsWith(prepared)) await removeIfThere(one);
}

/**
 * What was prepared in a folder by processes that are gone, and not put in its place. One without a name of its own counts as such:
 * who makes those holds ufw's lock, so ask while you hold it.
 */
export async function leftOvers(folder: string): Promise<string[]> {
  const mark = asideOf('');
  const names = namesIn(folder);
  const gone: string[] = [];
  for (const name of names.filter((one) => one.includes(mark))) {
    const key = name.slice(name.lastIndexOf(mark) + mark.length + 1).split('.')[0] ?? '';
    const isAtWork = key !== '' && (await processKey(key.slice(0, key.indexOf(':')))) === key;
    if (!isAtWork) gone.push(join(folder, name));
  }
  return gone;
}

/** What is in a folder; nothing where there is none. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

/** Makes renames in the folders of these paths last on disk. */
export async function syncFolders(paths: readonly string[]): Promise<void> {
  const folders = [...new Set(paths.map((path) => dirname(path)))];
  await Promise.all(
    folders.map(async (folder) => {
      const handle: FileHandle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  );
}

/** Whether this process sees anything at the path. */
export const exists = async (path: string): Promise<boolean> => isAllowed(path, constants.F_OK);

/** Whether this process may read the file. */
export const isReadable = async (path: string): Promise<boolean> => isAllowed(path, constants.R_OK);

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

export async function removeIfThere(path: string): Promise<void> {
  const missing = (error: NodeJS.ErrnoException): null => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  };
  // Looked at first: a read-only file system refuses to remove even what is not there.
  if ((await lstat(path).catch(missing)) !== null) await unlink(path).catch(missing);
}
