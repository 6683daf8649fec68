/** What an auditor takes: the state, its history, and by what it was read. */
import { hostname, release } from 'node:os';
import { version } from '../../package.json';
import { readZone } from '../host/clock';
import { run } from '../host/run';
import type { Settings } from '../messages';
import type { Evidence } from '../results';
import { registryFor } from '../state/registry-for';
import { history } from './history';
import { read } from './read';

/** So many entries of the ledger are in a report; the others are in the ledger. */
const MOST_ENTRIES = 500;

/** @throws FirewallError as reading does */
export async function collect(settings: Settings): Promise<Evidence> {
  const [{ snapshot, state }, { entries, ...chain }, zone, ufw, iptables] = await Promise.all([
    read(settings),
    history(settings, { method: 'history', request: {} }),
    readZone(),
    versionOf('ufw'),
    versionOf('iptables'),
  ]);
  return {
    state,
    directions: Object.fromEntries(
      registryFor(settings, snapshot).services.map(({ id, directions }) => [id, [...directions]]),
    ),
    history: {
      ...{ entries: entries.slice(0, MOST_ENTRIES), ...chain },
      older: Math.max(0, entries.length - MOST_ENTRIES),
    },
    device: {
      ...{ name: hostname(), zone },
      versions: { package: version, ufw, iptables, kernel: release(), node: process.version },
    },
  };
}

/** What a program says of its version, in its first line; null where it says nothing. */
async function versionOf(program: string): Promise<string | null> {
  const { code, stdout } = await run(program, ['--version']);
  const [first = ''] = stdout.split('\n');
  return code === 0 && first !== '' ? first.trim().slice(0, 100) : null;
}
