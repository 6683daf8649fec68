/** What the editor needs beside the state: what a preview of changes is worked out from, and what was done last. */

import { version } from '../../package.json';
import { readBackup } from '../commit/journal';
import { isSentence, messageOf } from '../errors';
import { ownAddresses } from '../host/addresses';
import { readClock, readZone } from '../host/clock';
import { formsIn } from '../host/in-sync';
import { readKernelTexts } from '../host/kernel';
import { readHead, readNewest } from '../host/ledger';
import { readSnapshot } from '../host/snapshot';
import { type ListedEntry, listedEntry } from '../ledger/entry';
import type { Call, Settings } from '../messages';
import type { OutlookReport } from '../results';
import type { Checkpoint } from '../state/checkpoint';
import { kernelIn } from '../state/kernel';
import { outlookText } from '../state/outlook';

/** It is kept in memory for editors, and sent to each: some 3,000 rules. */
const MOST_CHARACTERS = 1_500_000;

/** So many entries of the ledger are listed. */
const MOST_ENTRIES = 20;

/** The bit of a file's mode that lets everybody read it. */
const FOR_ALL = 0o004;

/** @throws FirewallError as reading does */
export async function outlook(settings: Settings, { request }: Call<'outlook'>): Promise<OutlookReport> {
  const [foreseen, timeline] = await Promise.all([foresight(settings), timelineAfter(settings, request.known)]);
  return { version, ...foreseen, timeline };
}

/** The end of the ledger alone, and only where it has grown. */
async function timelineAfter(settings: Settings, known: string): Promise<ListedEntry[] | null> {
  const head = await readHead(settings);
  if (head !== null && !isSentence(head) && head.hash === known) return null;
  return (await readNewest(settings, MOST_ENTRIES)).map((one) => listedEntry.parse(one));
}

async function foresight(settings: Settings): Promise<Pick<OutlookReport, 'text' | 'problem'>> {
  const reading = readSnapshot(settings);
  const [snapshot, printed, clock, zone] = await Promise.all([
    reading,
    readKernelTexts(reading),
    readClock(),
    readZone(),
  ]);
  const { site } = snapshot.sources;
  if (site && (site.mode & FOR_ALL) === 0) return { text: null, problem: 'private' };
  const { pending } = snapshot.schedule;
  const waiting: Checkpoint | string | null =
    pending && (await readBackup(settings, pending.id).catch((error): string => messageOf(error)));
  const formsOf = await formsIn(snapshot, kernelIn(printed));
  const text = outlookText({ snapshot, printed, formsOf, waiting, clock, zone, addresses: ownAddresses() });
  const isLong = text.length > MOST_CHARACTERS;
  return { text: isLong ? null : text, problem: isLong ? 'long' : null };
}
