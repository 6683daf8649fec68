/** States that take real ufw seconds to reach, kept so that the next device starts in them at once. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Files } from './pristine';
import type { Kernel } from './protocol';

/** A state of ufw: its files, and what it had loaded into the kernel if it was active. */
export interface Snapshot {
  files: Files;
  kernel?: Kernel;
}

/** `dist/.cache`: beside the compiled code, gone when that is thrown away. */
export const cache = join(__dirname, '..', '..', '.cache');

const made = new Map<string, Promise<Snapshot>>();

/**
 * The snapshot that belongs to `key` (anything JSON can hold): from this process, else from the disk, else from
 * `make`, which runs once per process and key. A cache that this user may not write is done without.
 */
export function recall(key: unknown, make: () => Promise<Snapshot>): Promise<Snapshot> {
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16);
  let snapshot = made.get(hash);
  if (!snapshot) {
    snapshot = fromDisk(join(cache, `device-${hash}.json`), make);
    made.set(hash, snapshot);
    // A failure is the caller's to report, not to be remembered.
    snapshot.catch(() => made.delete(hash));
  }
  return snapshot;
}

async function fromDisk(path: string, make: () => Promise<Snapshot>): Promise<Snapshot> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const snapshot = await make();
  try {
    await mkdir(cache, { recursive: true });
    // Renamed into place: another process never sees half of it, and the last of several wins with the same content.
    const aside = `${path}.${process.pid}`;
    await writeFile(aside, JSON.stringify(snapshot), { mode: 0o644 });
    await rename(aside, path);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  return snapshot;
}
