/** What an auditor takes: the state, its history, and by what it was read. */
import { hostname, release } from 'node:os';
import { version } from '../../package.json';
import { readZone } from '../host/clock';
import { run } from '../host/run';
import type { Settings } from '../messages';
import type { Evidence, Who } from '../results';
import { rulesetIn } from '../state/kernel';
import { registryFor } from '../state/registry-for';
import type { Direction } from '../verdicts/openness';
import { whoGetsThrough } from '../verdicts/who';
import { yieldToEventLoop } from '../yield';
import { history } from './history';
import { read } from './read';

/** So many entries of the ledger are in a report; the others are in the ledger. */
const MOST_ENTRIES = 500;

/** @throws FirewallError as reading does */
export async function collect(settings: Settings): Promise<Evidence> {
  const [{ snapshot, kernel, state }, { entries, ...chain }, zone, ufw, iptables] = await Promise.all([
    read(settings),
    history(settings, { method: 'history', request: {} }),
    readZone(),
    versionOf('ufw'),
    versionOf('iptables'),
  ]);
  const managed = snapshot.families.map(({ family }) => family);
  const directions: Evidence['directions'] = {};
  const who: Evidence['who'] = {};
  for (const service of registryFor(settings, snapshot).services) {
    directions[service.id] = [...service.directions];
    const of = (direction: Direction): Who => whoGetsThrough(rulesetIn(kernel), managed, service, direction);
    who[service.id] = { in: of('in'), out: of('out') };
    await yieldToEventLoop();
  }
  return {
    ...{ state, directions, who },
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
