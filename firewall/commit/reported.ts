/**
 * Which changes have been reported to watchers, kept on disk: what was reverted at boot, before anybody watched, is
 * reported when somebody does.
 */
import { join } from 'node:path';
import { readText } from '../host/files';
import type { Settings } from '../messages';
import { writeNote } from './journal';

const fileOf = ({ stateDir }: Settings): string => join(stateDir, 'told');

/** The ids; null if nothing was ever reported to anybody. */
export async function readReported(place: Settings): Promise<string[] | null> {
  const file = await readText(fileOf(place));
  return file ? file.text.split('\n').filter(Boolean) : null;
}

export const writeReported = (place: Settings, ids: readonly string[]): Promise<void> =>
  writeNote(place, fileOf(place), ids.map((id) => `${id}\n`).join(''));
