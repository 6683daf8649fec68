/** Reads who talks with the device, as far as it was learned. */
import type { Settings } from '../messages';
import { isNothing, type Learned } from '../peers/learned';
import { readLearnedFile } from './own-files';

/** What was learned, or null where nobody has ever. A file that cannot be understood is as good as none, see `ownFlaws`. */
export async function readLearned(settings: Settings): Promise<Learned | null> {
  const { value } = await readLearnedFile(settings);
  return value && !isNothing(value) ? value : null;
}
