/** The running version of this package. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

let known: string | undefined;

/** As in package.json, which is two folders up, wherever the nodes have been bundled to. */
export function version(): string {
  known ??= JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')).version as string;
  return known;
}
