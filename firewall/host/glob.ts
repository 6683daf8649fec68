/** File name patterns as nginx's `include` takes them. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../errors';

/** The files a pattern with wildcards in its last part names, in order; none where the folder is missing. */
export async function globbed(pattern: string): Promise<string[]> {
  const folder = dirname(pattern);
  const names = await readdir(folder).catch((error): string[] => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  const escaped = basename(pattern).replace(/[.+^${}()|\\]/g, '\\$&');
  const wanted = new RegExp(`^${escaped.replace(/\*/g, '[^/]*').replace(/\?/g, '[^/]').replace(/\[!/g, '[^')}$`);
  // As in a shell, a wildcard does not match a leading dot.
  return names
    .filter((name) => wanted.test(name) && (!name.startsWith('.') || basename(pattern).startsWith('.')))
    .sort()
    .map((name) => join(folder, name));
}
