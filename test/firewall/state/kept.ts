/** What 1.0.0 kept on disk, made by that version on a test device. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const FOLDER = resolve(__dirname, '..', '..', '..', '..', 'test', 'fixtures', 'state', '1.0.0');

/** A file's text, as latin1. */
export const kept = (name: string): string => readFileSync(join(FOLDER, name), 'latin1');

/** The backups' texts, by their ids. */
export const keptBackups = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(join(FOLDER, 'backups')).map((name) => [name.replace('.json', ''), kept(join('backups', name))]),
  );
