/**
 * Which changes those who watch were told of, kept on disk: what went back at boot, before anybody watched, is told when
 * somebody does.
 */
import { join } from 'node:path';
import { readText } from '../host/files';
import type { Settings } from '../messages';
import { writeNote } from './journal';

const fileOf = ({ stateDir }: Settings): string => join(stateDir, 'told');

/** The ids; null where nobody was ever told anything. */
export async function readReported(place: Settings): Promise<string[] | null> {
  const file = await readText(fileOf(place));
  return file ? file.text.split('\n').filter(Boolean) : null;
}

export const writeReported = (place: Settings, ids: readonly string[]): Promise<void> =>
  writeNote(place, fileOf(place), ids.map((id) => `${id}\n`).join(''));
