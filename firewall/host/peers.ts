/** Reads who talks with the device, as far as it was learned. */
import { join } from 'node:path';
import type { Settings } from '../messages';
import { isNothing, type Learned, withSeen } from '../peers/learned';
import { type Samples, samplesIn } from '../peers/samples';
import { ownAddresses } from './addresses';
import { readClock } from './clock';
import { readText } from './files';
import { readLearnedFile } from './own-files';

/** Where the sampler works: gone with the boot, and for nobody else to read. */
export const SAMPLER = '/run/smartserver-firewall-peers';
export const SEEN = join(SAMPLER, 'seen');

/** Nobody looks any more where nobody has for so many seconds. */
const LATE_S = 300;

/** What the sampler has seen since the boot; null where it has seen nothing, or has not run. */
export async function readSamples(): Promise<Samples | null> {
  const [file, clock] = await Promise.all([readText(SEEN), readClock()]);
  return file && samplesIn(file.text, clock, ownAddresses());
}

/**
 * What was learned up to now, or null where nobody has ever. A file that cannot be understood is as good as none, see
 * `ownFlaws`.
 */
export async function readLearned(settings: Settings): Promise<Learned | null> {
  const { value } = await readLearnedFile(settings);
  if (!value || isNothing(value)) return null;
  const samples = value.learning ? await readSamples() : null;
  return samples ? { ...withSeen(value, samples.seen), isLooking: await isRecent(samples) } : value;
}

const isRecent = async ({ lookedAt }: Samples): Promise<boolean> => (await readClock()).uptime - lookedAt < LATE_S;
