/** Which backup was the first that was ever made: its own note, as no clock is to make another one the first. */
import * as z from 'zod/mini';
import { changeId } from './change-id';
import { entryOf, type Form } from './own-file';

const first = z.object({ id: changeId });
export type FirstBackup = z.infer<typeof first>;

export const FIRST: Form<FirstBackup> = {
  version: 1,
  read: (content, flaws) => entryOf(first, content, '', flaws),
  write: (value) => value,
};
