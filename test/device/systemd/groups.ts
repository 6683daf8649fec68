/**
 * The devices' control groups: each has one at the top of the hierarchy, with its folder's name; and one for its processor time, where
 * that is in a hierarchy of its own.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The supervisor mounts the unified hierarchy here for itself, whatever the host has. */
export const groupsFolder = '/sys/fs/cgroup';

/** Where the supervisor mounts the hierarchy of processor time, on a host that has it apart. */
export const timeFolder = '/run/processor-time';

/** The container's processes, and those that come into it from outside: where a group has groups, it has no processes itself. */
export interface Groups {
  container: readonly string[];
  visitors: readonly string[];
}

/** Makes empty groups and answers their folders. */
export async function makeGroups(name: string): Promise<Groups> {
  const [own, ...time] = foldersOf(name) as [string, ...string[]];
  const [container, visitors] = [join(own, 'container'), join(own, 'visitors')];
  for (const folder of [own, ...time, container, visitors]) await mkdir(folder);
  return { container: [container, ...time], visitors: [visitors, ...time] };
}

const foldersOf = (name: string): string[] =>
  [groupsFolder, timeFolder].filter(existsSync).map((folder) => join(folder, name));

const PERIOD_US = 100_000;

/** Lets a group have so much of one processor's time; all of it for 100. */
export async function limitTime(name: string, percent: number): Promise<void> {
  const quota = String(percent === 100 ? -1 : (PERIOD_US * percent) / 100);
  if (existsSync(timeFolder)) {
    await writeFile(join(timeFolder, name, 'cpu.cfs_period_us'), String(PERIOD_US));
    await writeFile(join(timeFolder, name, 'cpu.cfs_quota_us'), quota);
    return;
  }
  const control = join(groupsFolder, 'cgroup.subtree_control');
  if (!(await readFile(control, 'utf8')).split(/\s/).includes('cpu')) await writeFile(control, '+cpu');
  await writeFile(join(groupsFolder, name, 'cpu.max'), `${quota === '-1' ? 'max' : quota} ${PERIOD_US}`);
}

/** The groups at the top. */
export function groupNames(): Promise<string[]> {
  return subgroups(groupsFolder);
}

/** Removes a group and those below it; no process may be in them. Content with there being none. */
export async function removeGroup(name: string): Promise<void> {
  for (const folder of foldersOf(name)) await remove(folder);
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
