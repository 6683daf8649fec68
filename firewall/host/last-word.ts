/**
 * When a lockdown was last requested that found nothing to do. One that changes something says so in the schedule, in the
 * transaction that makes it; one that does not writes nothing that lasts, and other processes find it here. It goes with the
 * boot, as the clock it is measured by does.
 */
import * as z from 'zod/mini';
import { entryOf, type Form, textFor } from '../state/own-file';
import { replaceShared } from './files';
import { readOwn } from './own-files';

const PATH = '/run/smartserver-firewall.lockdown';

const SINCE: Form<number> = {
  version: 1,
  read: ({ since }, flaws) => entryOf(z.number(), since, 'since', flaws),
  write: (since) => ({ since }),
};

/** In ms, see `precisely` in monotonic.ts; 0 where there was none, or the file is nobody's who may say so. */
export const readLastWord = async (): Promise<number> => (await readOwn(PATH, SINCE)).value ?? 0;

export async function writeLastWord(since: number): Promise<void> {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
  await replaceShared({ path: PATH, text: textFor(SINCE, since), mode: 0o600, uid, gid });
}
