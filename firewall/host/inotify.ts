/**
 * The kernel reports changes to a file through the folder it lies in: files are replaced by rename, and may not be
 * there yet. Folders may vanish and come back, so each folder above is watched too. Nothing is asked for again and again.
 */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, FirewallError, messageOf, say } from '../errors';

export interface PathWatch {
  close(): void;
}

interface PathObserver {
  /** Something happened at one of the paths; more than once, perhaps, and now and then for nothing. */
  changed(path: string): void;
  /** A folder cannot be watched. The others are. */
  failed(error: FirewallError): void;
}

/** @param named absolute paths of files or folders, whether there or not */
export function watchPaths(named: readonly string[], { changed, failed }: PathObserver): PathWatch {
  const paths = named.map((path) => resolve(path));
  const folders = [...new Set(paths.flatMap(foldersAbove))].sort((a, b) => a.length - b.length);
  const watchers = new Map<string, FSWatcher>();
  const below = (folder: string): string[] => paths.filter((path) => foldersAbove(path).includes(folder));

  const drop = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };

  const open = (folder: string): void => {
    try {
      const watcher = watch(folder, (kind, name) => happened(folder, kind, name));
      watcher.on('error', (error) => {
        drop(folder);
        failed(unwatched(folder, error));
      });
      watchers.set(folder, watcher);
    } catch (error) {
      const code = codeOf(error);
      // One that is not there appears in the folder above.
      if (code === 'ENOENT' || code === 'ENOTDIR') return;
      // Without a folder further up, only that this one is replaced goes unnoticed.
      if (paths.some((path) => dirname(path) === folder)) failed(unwatched(folder, error));
    }
  };

  /** Watches what is there and was not watched yet: from the top, so that what appears meanwhile is seen from above. */
  const openMissing = (): void => {
    for (const folder of folders) if (!watchers.has(folder)) open(folder);
  };

  const happened = (folder: string, kind: string, name: string | null): void => {
    const path = name === null ? folder : join(folder, name);
    if (name !== null && paths.includes(path)) changed(path);
    // A folder that vanishes is reported by itself, under its own name.
    const moved = folders.includes(path) ? path : name === basename(folder) ? folder : null;
    if (kind !== 'rename' || moved === null) return;
    for (const one of folders.filter((other) => isWithin(other, moved))) drop(one);
    openMissing();
    for (const one of below(moved)) changed(one);
  };

  openMissing();
  return {
    close: () => {
      for (const folder of [...watchers.keys()]) drop(folder);
    },
  };
}

/** `/a/b/c` → `/a/b`, `/a`, `/`. */
function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}

const isWithin = (path: string, folder: string): boolean => path === folder || foldersAbove(path).includes(folder);

function unwatched(folder: string, error: unknown): FirewallError {
  const code = codeOf(error);
  const isFull = code === 'ENOSPC' || code === 'EMFILE';
  return new FirewallError(
    isFull || code !== 'EACCES' ? 'INTERNAL' : 'NOT_PERMITTED',
    {
      what: say`${folder} cannot be watched (${messageOf(error)}).`,
      state: say`Changes there go unnoticed.`,
      remedy: isFull ? say`Raise the limit: sudo sysctl fs.inotify.max_user_watches=65536` : undefined,
    },
    error,
  );
}
