/** Drift, for the ledger: that the firewall is not as its last entry has left it. */
import { differenceOf, stateHash } from '../ledger/differences';
import type { Entry } from '../ledger/entry';
import { driftFrom, type Happened } from '../ledger/happened';
import type { Settings } from '../messages';
import { textsOf } from '../state/checkpoint';
import { registryFor } from '../state/registry-for';
import { type Snapshot, withTexts } from '../state/snapshot';
import { readBackupFile } from './journal';

/** What has drifted since the last entry, with what differs where its backup is still there. */
export async function driftSince(settings: Settings, last: Entry | null, now: Snapshot): Promise<Happened[]> {
  const drift = driftFrom(last, stateHash(now));
  const [first] = drift;
  if (!first || !last?.id) return drift;
  const { value } = await readBackupFile(settings, last.id);
  if (!value) return drift;
  const left = await withTexts(now, textsOf(value, 'after'));
  return stateHash(left) === last.state
    ? [{ ...first, ...differenceOf(left, now, registryFor(settings, now)) }]
    : drift;
}
