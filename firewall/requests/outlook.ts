/** What a preview of changes is worked out from. */

import { version } from '../../package.json';
import { readBackup } from '../commit/journal';
import { messageOf } from '../errors';
import { ownAddresses } from '../host/addresses';
import { readClock, readZone } from '../host/clock';
import { formsIn } from '../host/in-sync';
import { readKernelTexts } from '../host/kernel';
import { readSnapshot } from '../host/snapshot';
import type { Settings } from '../messages';
import type { OutlookReport } from '../results';
import type { Checkpoint } from '../state/checkpoint';
import { kernelIn } from '../state/kernel';
import { outlookText } from '../state/outlook';

/** It is kept in memory for editors, and sent to each: some 3,000 rules. */
const MOST_CHARACTERS = 1_500_000;

/** The bit of a file's mode that lets everybody read it. */
const FOR_ALL = 0o004;

/** @throws FirewallError as reading does */
export async function outlook(settings: Settings): Promise<OutlookReport> {
  const reading = readSnapshot(settings);
  const [snapshot, printed, clock, zone] = await Promise.all([
    reading,
    readKernelTexts(reading),
    readClock(),
    readZone(),
  ]);
  const { site } = snapshot.sources;
  if (site && (site.mode & FOR_ALL) === 0) return { version, text: null, problem: 'private' };
  const { pending } = snapshot.schedule;
  const waiting: Checkpoint | string | null =
    pending && (await readBackup(settings, pending.id).catch((error): string => messageOf(error)));
  const formsOf = await formsIn(snapshot, kernelIn(printed));
  const text = outlookText({ snapshot, printed, formsOf, waiting, clock, zone, addresses: ownAddresses() });
  const isLong = text.length > MOST_CHARACTERS;
  return { version, text: isLong ? null : text, problem: isLong ? 'long' : null };
}
