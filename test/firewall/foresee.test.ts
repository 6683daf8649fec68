/** What the dialogs say that a change would do, worked out as in the browser, against the engine's own dry runs and changes. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import fc from 'fast-check';
import { before, describe, it } from 'mocha';
import { LEARNED, NOTHING_LEARNED } from '../../firewall/peers/learned';
import type { Foreseen } from '../../firewall/plan/foresee';
import type { ChangeResult } from '../../firewall/results';
import { textFor } from '../../firewall/state/own-file';
import { Buffer as BrowserBuffer } from '../../scripts/browser/globals';
import { isIP as isIPInBrowser } from '../../scripts/browser/net';
import { useDevice, useEngine } from '../device/suite';
import { SEED } from '../seed';
import { Random } from './commands';
import { inWords } from './in-words';

const CHANGES = Number(process.env.FORESEEN_CHANGES ?? 40);
const SETTINGS = {
  peers: { mqtt: ['198.51.100.7', '2001:db8:1::/64'] },
  customServices: [{ id: 'gateway', label: 'Gateway', ports: ['9100/tcp'], direction: 'in' }],
  customProfiles: [
    {
      name: 'night',
      open: [{ service: 'https' }, { service: 'ssh', from: '192.168.10.0/24' }, { service: 'gateway' }],
    },
  ],
  managementFrom: '192.168.10.0/24',
};
const SERVICES = ['ssh', 'https', 'lon', 'bacnet', 'mqtt', 'ntp', 'gateway', '9999/tcp', 'dhcp', 'node-red', 'unknown'];
const PEERS = ['192.168.10.7', '192.168.10.9', '10.1.2.3', '203.0.113.9', '2001:db8:1::7', 'fd00::1'];
const PORTS = ['22/tcp', '443/tcp', '1628/udp', '2541/udp', '1883/tcp', '9100/tcp', '4711/udp'];

/** The bundle that the editor loads, with what a browser has and nothing of Node.js's. */
const browser = createContext({ TextEncoder, TextDecoder, MessageChannel, window: {} });
runInContext(readFileSync(join(resolve(__dirname, '..', '..', '..'), 'resources', 'foresee.js'), 'utf8'), browser);
type Preview = typeof import('../../firewall/plan/preview').preview;
const preview: Preview = runInContext('window.smartserverFirewallForesight.preview', browser);

const learnedAtRandom = (random: Random): string => {
  const seen = { firstSeen: 1.7e9, lastSeen: 1.7e9, days: 1, weekdays: '1000000', hours: '1'.padEnd(24, '0') };
  const peers = PORTS.flatMap((port) =>
    PEERS.filter(() => random.chance(0.4)).map((address) => ({
      ...{ ...seen, port, address, interface: random.pick(['eth0', 'eth1', null]), count: 1 + random.below(9) },
      direction: random.pick(['in', 'in', 'out'] as const),
    })),
  );
  return textFor(LEARNED, { ...NOTHING_LEARNED, seconds: 1e5, past: { peers, flooded: ['in 9100/tcp'] } });
};

type Method = 'setProfile' | 'toggleService' | 'changeWebPorts';

function requestAtRandom(random: Random): { method: Method; request: Record<string, unknown> } {
  const options = {
    force: random.chance(0.5),
    onlyTighten: random.chance(0.15),
    keepPeers: random.chance(0.15),
    confirmWithin: random.pick([0, 0, 600]),
  };
  const kind = random.below(5);
  const duration = random.pick([0, 0, 3600]);
  if (kind < 2) {
    const profile = random.pick(['enhanced', 'standard', 'lockdown', 'lockdown', 'night', 'none']);
    const wish = {
      optionalServices: random.pick(['keep', 'open', 'close']),
      ownRules: random.pick(['keep', 'remove']),
    };
    const narrow = { buses: random.pick(['peers', 'keep', 'close']), peers: random.chance(0.4) };
    const overrideOthers = random.chance(0.3);
    return { method: 'setProfile', request: { profile, ...wish, ...narrow, overrideOthers, duration, ...options } };
  }
  if (kind < 4) {
    const scope = {
      interface: random.pick(['', '', 'eth0', 'lo']),
      from: random.pick(['', '', '192.168.10.0/24', 'fd00::1', 'nobody']),
    };
    const service = random.chance(0.2) ? ['ssh', 'mqtt'] : random.pick(SERVICES);
    const asked = { service, action: random.pick(['open', 'close', 'close', 'toggle', 'limit']), ...scope };
    const direction = random.chance(0.2) ? { direction: random.pick(['in', 'out', 'both']) } : {};
    return { method: 'toggleService', request: { ...asked, ...direction, duration, ...options } };
  }
  const ports = random.pick([{ http: 8080, https: 8443 }, { https: 1883 }, { http: 443 }, { mode: 'repair' }]);
  return { method: 'changeWebPorts', request: { ...ports, reload: 'none', ...options } };
}

/** What both say, without what only one can know. */
const ofForeseen = ({ changed, added, removed, policies, impact, openToAll, stillOpen }: Foreseen) => ({
  ...{ changed, added, removed, policies, stillOpen },
  openToAll: openToAll.map((one) => ({ ...one, reason: inWords(one.reason) })),
  impact: impact.map(({ service, direction, peers }) => [service, direction, peers.map(({ address }) => address)]),
});
const ofDryRun = ({ files, added, removed, policies, impact, openToAll, stillOpen }: ChangeResult) => ({
  ...{ changed: files.length > 0, added, removed, policies, openToAll, stillOpen },
  impact: impact
    .filter(({ peers }) => peers.length > 0)
    .map(({ service, direction, peers }) => [service, direction, peers.map(({ address }) => address)]),
});
const plain = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));

describe('What a change would do, as the dialogs say it,', function () {
  this.timeout(600_000);
  const device = useDevice();
  const engine = useEngine(device, SETTINGS);
  before(() => device.startNginx());

  it('is what the engine says of a dry run, and then does', async () => {
    const random = new Random(SEED);
    const kinds = { refused: 0, foreseen: 0, cutOff: 0, made: 0 };
    for (let at = 0; at < CHANGES; at++) {
      if (at % 10 === 0) await device.write('/var/lib/smartserver-firewall/peers.json', learnedAtRandom(random));
      if (random.chance(0.3)) {
        const action = random.pick(['allow', 'deny', 'reject', 'limit']);
        await device.ufw(action, 'in', 'from', random.pick(PEERS), 'to', 'any', 'port', `${4000 + at}`, 'proto', 'tcp');
      }
      const { method, request } = requestAtRandom(random);
      const { text } = await engine.outlook();
      const said = await preview(text ?? '', SETTINGS, method, request);
      const dry = await engine[method]({ ...request, dryRun: true }).catch((error: Error) => error.message);
      const what = `${at}: ${method} ${JSON.stringify(request)}`;
      if ('refused' in said || typeof dry === 'string') {
        assert.equal('refused' in said ? said.refused.message : 'foreseen', dry, what);
        kinds.refused++;
        continue;
      }
      const foreseen = plain(said.foreseen);
      assert.deepEqual(ofForeseen(foreseen), plain(ofDryRun(dry)), what);
      kinds.foreseen++;
      if (foreseen.impact.length > 0) kinds.cutOff++;
      if (dry.state.pending || random.chance(0.5)) continue;
      const before = await engine.read();
      const { state } = await engine[method]({ ...request, confirmWithin: 0 });
      const isNow = new Map(state.services.map((one) => [one.id, one]));
      const moving = before.services.flatMap(({ id, in: into, out }) => [
        ...(into === isNow.get(id)?.in ? [] : [`${id} in ${into} ${isNow.get(id)?.in}`]),
        ...(out === isNow.get(id)?.out ? [] : [`${id} out ${out} ${isNow.get(id)?.out}`]),
      ]);
      const told = foreseen.services.filter((one) => one.before !== one.after);
      const expected = told.map((one) => `${one.service} ${one.direction} ${one.before} ${one.after}`);
      assert.deepEqual(expected.sort(), moving.sort(), what);
      kinds.made++;
    }
    assert.ok(Math.min(...Object.values(kinds)) >= CHANGES / 20, JSON.stringify(kinds));
  });

  it('counts the change that waits to be confirmed back where a lockdown does', async () => {
    await engine.setProfile({ profile: 'enhanced', optionalServices: 'open', force: true });
    await engine.toggleService({ service: 'mqtt', action: 'close', confirmWithin: 600 });
    const { text } = await engine.outlook();
    const request = { profile: 'lockdown' };
    const said = plain(await preview(text ?? '', SETTINGS, 'setProfile', request));
    assert.ok('foreseen' in said);
    assert.deepEqual(ofForeseen(said.foreseen), plain(ofDryRun(await engine.setProfile({ ...request, dryRun: true }))));
    await engine.restore({ action: 'undo' });
  });

  it('is not worked out where there is too much of it for an editor', async () => {
    await device.write('/var/lib/smartserver-firewall/schedule.json', ' '.repeat(1_600_000));
    const { text, problem } = await engine.outlook();
    assert.deepEqual([text, problem], [null, 'long']);
    await device.remove('/var/lib/smartserver-firewall/schedule.json');
  });
});

describe('What a change is worked out from', function () {
  this.timeout(60_000);
  const device = useDevice();
  const engine = useEngine(device);

  it('leaves the device only where everybody there may read the web server’s file', async () => {
    const site = '/etc/nginx/sites-available/apollo.conf';
    assert.match((await engine.outlook()).text ?? '', /apollo\.conf/);
    await device.ok('chmod', '640', site);
    const { text, problem } = await engine.outlook();
    assert.deepEqual([text, problem], [null, 'private']);
  });
});

describe('What the engine needs of Node.js, in the browser,', () => {
  const part = fc.constantFrom(
    '0',
    '1',
    '255',
    '256',
    '01',
    'ffff',
    'fffff',
    'g',
    '',
    ':',
    '::',
    '.',
    '%',
    '%eth0',
    '/',
  );
  const text = fc.array(part, { maxLength: 16 }).map((parts) => parts.join(''));
  const addresses = fc.oneof(fc.ipV4(), fc.ipV6(), text);

  it('tells addresses as Node.js does', () => {
    fc.assert(
      fc.property(addresses, (one) => isIPInBrowser(one) === isIP(one)),
      { seed: SEED, numRuns: 5000 },
    );
  });

  it('takes bytes for text as Node.js does', () => {
    const bytes = fc.uint8Array().map((some) => Buffer.from(some));
    fc.assert(
      fc.property(bytes, fc.string({ unit: 'binary' }), fc.string(), (some, any, tail) => {
        const latin1 = some.toString('latin1');
        const hex = `${some.toString('hex')}${tail}`;
        return (
          BrowserBuffer.from(latin1, 'latin1').toString() === some.toString() &&
          BrowserBuffer.from(any).toString('latin1') === Buffer.from(any).toString('latin1') &&
          BrowserBuffer.from(any, 'latin1').toString('latin1') === Buffer.from(any, 'latin1').toString('latin1') &&
          BrowserBuffer.from(hex, 'hex').toString() === Buffer.from(hex, 'hex').toString()
        );
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
});
