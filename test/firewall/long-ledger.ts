/** Makes the ledger in a folder so many bytes long, or longer by 40 entries, by the package's own code: `node long-ledger.js FOLDER [BYTES]`. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { enter } from '../../firewall/commit/ledger';
import { say } from '../../firewall/errors';
import type { Happened } from '../../firewall/ledger/happened';
import { check, settings } from '../../firewall/messages';

const [, , stateDir = '', bytes] = process.argv;

async function fill(): Promise<void> {
  const place = check(settings, { stateDir });
  const one: Happened = {
    type: 'learning',
    source: { kind: 'timer' },
    action: 'x'.repeat(300),
    note: say`${'x'.repeat(500)}`,
  };
  const add = async (count: number): Promise<void> => {
    const { warnings } = await enter(place, () => Array(count).fill(one));
    if (warnings.length > 0) throw new Error(warnings.join());
  };
  if (bytes === undefined) return add(40);
  while (statSync(join(stateDir, 'ledger.jsonl')).size < Number(bytes)) await add(20);
}

void fill();
