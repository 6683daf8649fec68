/** The devices' control groups: each has one at the top of the hierarchy, with its folder's name. */
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The supervisor mounts the unified hierarchy here for itself, whatever the host has. */
export const groupsFolder = '/sys/fs/cgroup';

/** Makes an empty group and answers its folder. */
export async function makeGroup(name: string): Promise<string> {
  const folder = join(groupsFolder, name);
  await mkdir(folder);
  return folder;
}

/** The groups at the top. */
export function groupNames(): Promise<string[]> {
  return subgroups(groupsFolder);
}

/** Removes a group and those below it; no process may be in them. Content with there being none. */
export async function removeGroup(name: string): Promise<void> {
  await remove(join(groupsFolder, name));
}

async function remove(folder: string): Promise<void> {
  try {
    for (const name of await subgroups(folder)) await remove(join(folder, name));
    await rmdir(folder);
  } catch (error) {
    // Another process that opens a device at this moment was faster.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function subgroups(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
