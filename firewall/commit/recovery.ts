/** The way back: of a change that failed, and of one that was interrupted. */
import { asideOf, readText, removeIfThere, replace } from '../host/files';
import { replaceTable } from '../host/iptables';
import { readSnapshot } from '../host/snapshot';
import { setUnit } from '../host/systemd';
import type { Settings } from '../messages';
import { type Checkpoint, textsOf } from '../state/checkpoint';
import type { FileText } from '../state/file-text';
import { reload as reloadNginx, removeCheck, socketsOfNginx } from '../web/server';
import { drop, unfinished } from './journal';
import { load, loadsOf } from './load';

/** Takes a change back: files, then the kernel. */
export async function putBack(
  settings: Settings,
  checkpoint: Checkpoint,
  files: readonly { path: string }[],
): Promise<void> {
  const touched = checkpoint.before.filter(({ path }) => files.some((file) => file.path === path));
  await tidy(checkpoint);
  const changed = await differing(touched);
  await replace(changed);
  // Only a site file is nginx's; an nginx that does not run reads it when it starts.
  const isSite = changed.some(({ path }) => path === checkpoint.site);
  if (isSite && (await socketsOfNginx()).length > 0) await reloadNginx();
  if (!checkpoint.kernel) await reload(settings);
  for (const saved of checkpoint.kernel ?? []) await replaceTable(saved);
  if (checkpoint.unit) await setUnit(checkpoint.unit.name, checkpoint.unit.from);
  await drop(settings);
}

/** Where the vendor's page has its readers keep the site file as it was. */
export const oldSite = (site: string): string => `${site}.old`;

/** Removes what was prepared and not swapped in. */
async function tidy({ after, site }: Checkpoint): Promise<void> {
  for (const path of Object.keys(after)) await removeIfThere(asideOf(path));
  if (site === null) return;
  await removeIfThere(asideOf(oldSite(site)));
  await removeCheck();
}

/** Of these texts, those that are not what their files hold. */
async function differing(files: readonly FileText[]): Promise<FileText[]> {
  const current = await Promise.all(files.map(({ path }) => readText(path)));
  // A file that was not there yet was as good as empty.
  return files.filter(({ text }, at) => (current[at]?.text ?? '') !== text);
}

/** Makes the kernel hold what ufw's files say. */
async function reload(settings: Settings): Promise<void> {
  const snapshot = await readSnapshot(settings);
  if (snapshot.settings.enabled) await load(snapshot, loadsOf(snapshot, null));
}

/**
 * Rolls back an interrupted change. Files that somebody else has written since are theirs and stay.
 * @returns warnings for the next result.
 */
export async function recover(settings: Settings): Promise<string[]> {
  const checkpoint = await unfinished(settings);
  if (!checkpoint) return [];
  const paths = Object.keys(checkpoint.after);
  const current = await Promise.all(checkpoint.before.map(({ path }) => readText(path)));
  const after = textsOf(checkpoint, 'after');
  const foreign = checkpoint.before.filter(({ path, text }, at) => {
    const now = current[at]?.text ?? '';
    return now !== text && now !== after[path];
  });
  if (foreign.length === 0) {
    await putBack(
      settings,
      checkpoint,
      paths.map((path) => ({ path })),
    );
    return [`The change "${checkpoint.action}" of ${checkpoint.at} was interrupted and has been rolled back.`];
  }
  await tidy(checkpoint);
  await reload(settings);
  if (checkpoint.unit) await setUnit(checkpoint.unit.name, checkpoint.unit.from);
  await drop(settings);
  return [
    `The change "${checkpoint.action}" of ${checkpoint.at} had not finished, and ${foreign
      .map(({ path }) => path)
      .join(', ')} changed after it: what the files say now was kept and loaded.`,
  ];
}
