/** Puts what cannot be understood out of the way without losing it. ufw's lock is held, so nobody else writes it meanwhile. */
import { link, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, type Sentence, say } from '../errors';
import { replace, syncFolders } from '../host/files';
import type { OwnFile } from '../host/own-files';
import type { Settings } from '../messages';
import { textFor } from '../state/own-file';
import { makeFolders, newId, ownFile } from './journal';

/** So many of each file are kept aside. */
const MOST_ASIDE = 5;

type Flawed<Value> = Pick<OwnFile<Value>, 'path' | 'form' | 'value'> & { flaw: Sentence };

/** The file, if something is wrong with it. */
export const isFlawed = <Value>(file: OwnFile<Value>): file is OwnFile<Value> & Flawed<Value> => file.flaw !== null;

/**
 * Keeps a damaged file beside its place, byte for byte, and leaves in its place what of it can be understood. Where that
 * cannot be done the file stays: nothing that is asked for waits for it.
 * @returns what is to be said of it, without its end.
 */
export async function setAside<Value>(place: Settings, { path, form, value, flaw }: Flawed<Value>): Promise<Sentence> {
  if (value === null) return setAsideWhole(place, path, flaw);
  return putAside(place, path, say`${path} cannot be understood in full (${flaw})`, async (aside) => {
    // A second name first: at no moment is there neither what was there nor what of it holds.
    await link(path, aside);
    await replace([ownFile(path, textFor(form, value))]);
  });
}

/** The same of a file of which nothing can be understood, whatever it is. */
export const setAsideWhole = (place: Settings, path: string, flaw: Sentence): Promise<Sentence> =>
  putAside(place, path, say`${path} cannot be understood (${flaw})`, (aside) => rename(path, aside));

async function putAside(
  place: Settings,
  path: string,
  found: Sentence,
  put: (aside: string) => Promise<void>,
): Promise<Sentence> {
  const aside = `${path}.${await newId()}`;
  try {
    await makeFolders(place);
    await put(aside);
    await syncFolders([path]);
    await forgetOldest(path, aside);
  } catch (error) {
    return say`${found}, and could not be set aside: ${messageOf(error)}`;
  }
  return say`${found} and was set aside as ${aside}`;
}

/** Removes the oldest of those beyond as many as are kept, but not the one that was just made, whatever the clock says. */
async function forgetOldest(path: string, latest: string): Promise<void> {
  const folder = dirname(path);
  const others = (await readdir(folder))
    .filter((name) => name.startsWith(`${basename(path)}.2`) && join(folder, name) !== latest)
    .sort();
  for (const name of others.slice(0, Math.max(0, others.length - MOST_ASIDE + 1))) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
