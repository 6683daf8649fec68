/** States of a device of values in which, together, everything is wrong that a reading can find. */
import { NO_BOOT_UNIT } from '../../firewall/commit/timers';
import type { Csaf } from '../../firewall/csaf';
import { check, settings } from '../../firewall/messages';
import { NOTHING_LEARNED } from '../../firewall/peers/learned';
import type { State } from '../../firewall/results';
import type { DisputedLine } from '../../firewall/rules/ufw-settings';
import { advisoriesWith } from '../../firewall/services/advisories';
import { registryFor } from '../../firewall/state/registry-for';
import { report } from '../../firewall/state/report';
import type { Snapshot } from '../../firewall/state/snapshot';
import type { ListeningSocket } from '../../firewall/state/socket';
import { sitePorts } from '../../firewall/web/ports';
import { parseSite } from '../../firewall/web/site';
import { MachineInMemory } from './machine-in-memory';

/** Words that are in nearly every English sentence, and are none of the other languages'. */
export const ENGLISH = /\b(?:the|and|is|are|of|from|which|that|has|have|not|with|nobody|everybody|until|its|it)\b/i;

/** Sites of nginx, each with something wrong. */
export const SITES: readonly string[] = [
  '',
  'server { listen 80; }',
  'server { listen 127.0.0.1:443 ssl; }',
  'server { listen 1443 ssl; } server { listen 80-90; }',
  'server { listen 1443 ssl; } server { listen $x; }',
  'server { listen 1443 ssl; } server { listen 80; return 301 https://$host:9443$request_uri; }',
  'server { listen 1443 ssl; } server { listen 80; return 301 https://$host$http_x; }',
  'server { listen 1443 ssl; } server { listen 80; return 301 https://docs.example.com/; }',
  'server { listen 1443 ssl; } server { listen 80; rewrite ^ https://$host:1443$request_uri; }',
  'server { listen 444 ssl; } server { listen 80; }',
];

const DISPUTED: readonly DisputedLine[] = [
  { file: 'ufwConf', line: 4, text: 'DEFAULT_INPUT_POLICY=ACCEPT', option: 'DEFAULT_INPUT_POLICY', isUnclear: false },
  { file: 'defaultUfw', line: 2, text: 'IPV6=no yes', option: 'IPV6', isUnclear: false },
  { file: 'defaultUfw', line: 7, text: 'IPV6=$(x)', option: 'IPV6', isUnclear: true },
];

const CSAF: Csaf = {
  ...{ id: 'ICSA-27-001-01', title: 'A hole of somebody’s', cves: ['CVE-2027-1000'] },
  ...{ severity: 'medium', affected: ['<9'], fixed: null, reference: null },
};

const DAY_S = 24 * 3600;

/** Two services are used by nobody, and others are listened for by nobody. */
const SOCKETS: ListeningSocket[] = [22, 443].map((port) => ({
  ...{ protocol: 'tcp', family: 'ipv4', address: '0.0.0.0', port, inode: port, uid: 0 },
}));

/** What is wrong in the snapshot besides what a machine of values can be told to do. */
function worse(snapshot: Snapshot, wall: number): Snapshot {
  const lastSeen = wall / 1000 - 40 * DAY_S;
  const peer = { direction: 'in' as const, port: '22/tcp', address: '192.0.2.9', interface: null };
  const days = { days: 1, weekdays: '1000000', hours: '1'.padEnd(24, '0'), latest: '' };
  const peers = [{ ...peer, ...days, firstSeen: lastSeen, lastSeen, count: 3 }] as never;
  return {
    ...snapshot,
    settings: { ...snapshot.settings, disputed: DISPUTED },
    learned: { ...NOTHING_LEARNED, seconds: 60 * DAY_S, past: { peers, flooded: [] } },
    schedule: {
      ...snapshot.schedule,
      wanted: { profile: 'enhanced', optionalServices: 'keep' },
      lastRequest: { id: 'r', issued: '2026-11-20T00:00:00Z', change: '20261120T000000000Z-000001' },
    },
  };
}

export async function everyState(): Promise<State[]> {
  const states: State[] = [];
  for (const firmware of ['', '4.60.009']) {
    const machine = await MachineInMemory.open(check(settings, { privilege: 'root', firmware }));
    await machine.ufw('allow 5432/tcp');
    await machine.ufw('default deny outgoing');
    const read = async (change: (snapshot: Snapshot) => Snapshot): Promise<void> => {
      const { snapshot, kernel } = machine.seen;
      const seen = change(snapshot);
      const facts = {
        snapshot: seen,
        kernel,
        inSync: true,
        sockets: SOCKETS,
        nginx: [],
        clock: machine.now,
        zone: 'UTC',
      };
      const registry = registryFor(machine.settings, seen);
      const other = { operatorKeys: [], missing: [NO_BOOT_UNIT], ledger: null };
      states.push(await report({ ...facts, ...other, registry, advisories: advisoriesWith([CSAF]) }));
    };
    await read((snapshot) => worse(snapshot, machine.now.wall));
    for (const text of SITES) {
      const site = parseSite(Buffer.from(text));
      await read((snapshot) => ({ ...snapshot, web: { site, refusal: null, ports: sitePorts(site) } }));
    }
    await machine.editEnabled(false);
    await read((snapshot) => snapshot);
    await machine.editEnabled(true);
    await machine.ufw('disable');
    await read((snapshot) => snapshot);
    await machine.editEnabled(true);
    await read((snapshot) => snapshot);
  }
  return states;
}
