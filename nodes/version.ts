/** Which version of this package runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

let known: string | undefined;

/** As package.json says, which lies two folders above, wherever the nodes have been bundled to. */
export function version(): string {
  known ??= JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')).version as string;
  return known;
}
