/** The difference between two texts as one replaced stretch: a backup keeps a file twice for little more than once. */
import * as z from 'zod/mini';
import { bytes } from './file-text';

const place = z.int().check(z.minimum(0));

export const splice = z.object({ from: place, to: place, text: bytes });
export type Splice = z.infer<typeof splice>;

export function spliceOf(before: string, after: string): Splice {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before[from] === after[from]) from++;
  let same = 0;
  while (same < shorter - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { from, to: before.length - same, text: after.slice(from, after.length - same) };
}

export const spliced = (before: string, { from, to, text }: Splice): string =>
  before.slice(0, from) + text + before.slice(to);
