/**
 * Which changes those who watch were told of, kept on disk: what went back at boot, before anybody watched, is told when
 * somebody does.
 */
import { join } from 'node:path';
import { ownFile } from '../commit/checkpoint';
import { readText, replace } from '../host/files';
import type { Settings } from '../messages';

type Place = Pick<Settings, 'stateDir'>;

const fileOf = ({ stateDir }: Place): string => join(stateDir, 'told');

/** The ids; null where nobody was ever told anything. */
export async function readTold(place: Place): Promise<string[] | null> {
  const file = await readText(fileOf(place));
  return file ? file.text.split('\n').filter(Boolean) : null;
}

export async function writeTold(place: Place, ids: readonly string[]): Promise<void> {
  await replace([ownFile(fileOf(place), ids.map((id) => `${id}\n`).join(''))]);
}
