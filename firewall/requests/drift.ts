/** Enters in the ledger that the firewall was changed otherwise than through this package, when that is seen. */
import { driftSince } from '../commit/drift';
import { record } from '../commit/transaction';
import { isSentence } from '../errors';
import { readTail } from '../host/ledger';
import { readSnapshot } from '../host/snapshot';
import { stateHash } from '../ledger/differences';
import { driftFrom } from '../ledger/happened';
import type { Settings } from '../messages';
import type { Snapshot } from '../state/snapshot';

/** How long after one drift another is entered where nobody changes anything through this package, in ms. */
const AGAIN_MS = 60_000;

/** Enters what has drifted, if anything has. @returns warnings */
export async function enterDrift(settings: Settings, seen: Snapshot): Promise<readonly string[]> {
  const tail = await readTail(settings);
  if (tail === null || isSentence(tail) || driftFrom(tail.last, stateHash(seen)).length === 0) return [];
  const { type, at } = tail.last;
  if (type === 'drift' && Math.abs(Date.now() - Date.parse(at)) < AGAIN_MS) return [];
  return record(settings, async (last) => driftSince(settings, last, await readSnapshot(settings)));
}
