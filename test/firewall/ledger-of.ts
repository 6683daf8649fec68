/** The ledger of a device, read and followed by the test itself: it trusts neither the package's reader nor its hashes. */
import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import type { Entry } from '../../firewall/ledger/entry';
import type { Machine } from '../device/machine';
import { STATE } from './stable';

const KEPT = 20;
export const LEDGER = `${STATE}/ledger.jsonl`;

/** Its entries, the oldest first; fails where the chain is not whole. */
export async function ledgerOf(device: Machine): Promise<Entry[]> {
  if (!(await device.exists(LEDGER))) return [];
  const [first = '', ...lines] = (await device.read(LEDGER)).split('\n');
  lines.pop();
  let previous = '0'.repeat(64);
  const entries = lines.map((line, at) => {
    const entry: Entry = JSON.parse(line);
    const text = line.replace(/,"hash":"[0-9a-f]{64}"\}$/, '}');
    assert.equal(createHash('sha256').update(text).digest('hex'), entry.hash, line);
    assert.deepEqual([entry.seq, entry.previous], [at + 1, previous], line);
    previous = entry.hash;
    return entry;
  });
  assert.ok(JSON.parse(first).last.seq <= entries.length, first);
  return entries;
}

/**
 * Entries and changes agree one to one: each backup has its entry and each such entry its backup, in the same order, but for
 * those that were taken back.
 */
export async function assertEntriesAgree(device: Machine): Promise<Entry[]> {
  const entries = await ledgerOf(device);
  const made = entries
    .filter(
      ({ type, result }) =>
        result === 'done' && ['change', 'restore', 'reversal', 'lease-end', 'schedule'].includes(type),
    )
    .filter(({ id, at }) => !entries.some((one) => one.type === 'interrupted' && one.id === id && one.at === at))
    .map(({ id }) => id);
  const files = (await device.exists(`${STATE}/backups`)) ? await device.ok('ls', '-tr', `${STATE}/backups`) : '';
  const backups = files
    .split('\n')
    .filter(Boolean)
    .map((name) => name.replace(/\.json$/, ''));
  // The oldest backups are removed.
  assert.deepEqual(backups.length < KEPT ? made : made.slice(-KEPT), backups);
  return entries;
}
