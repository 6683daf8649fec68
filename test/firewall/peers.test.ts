/** Services narrowed to those who use them: generated, against the fate of each packet; and a lockdown, by real packets. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { check, settings as settingsSchema } from '../../firewall/messages';
import { type KnownPeers, narrowing } from '../../firewall/peers/known';
import { typedPeers } from '../../firewall/peers/typed';
import type { Openness } from '../../firewall/results';
import { FAMILIES } from '../../firewall/rules/rule';
import { registryOf, serviceNamed } from '../../firewall/services/registry';
import { cables } from '../device/network';
import { ensurePackages } from '../device/packages';
import { useDevice, useEngine } from '../device/suite';
import { SEED } from '../seed';
import { Random } from './commands';
import { inWords } from './in-words';
import { MachineInMemory } from './machine-in-memory';
import { filterOf, isIn, type Packet } from './packet-by-packet';
import { assertReloadChangesNothing } from './stable';

const RUNS = Number(process.env.NARROWING_RUNS ?? 60);
const eth0 = cables.eth0.neighbour;

const ADDRESSES = [
  ...['192.168.10.0/24', '192.168.10.7', '192.168.0.0/16', '10.0.0.0/8', '203.0.113.9', '198.51.100.0/25'],
  ...['2001:db8:1::/64', '2001:db8:1::7', 'fc00::/7', '2001:db8:9::9'],
];
const REMOTES = [
  ...[
    '192.168.10.7',
    '192.168.10.99',
    '192.168.77.1',
    '10.1.2.3',
    '203.0.113.9',
    '198.51.100.7',
    '198.51.100.200',
    '8.8.8.8',
  ],
  ...['2001:db8:1::7', '2001:db8:1::8', 'fd00::1', '2001:db8:9::9', '2a00::1'],
];
const USED = ['ssh', 'https', 'lon', 'lon-ip70', 'bacnet', 'mqtt', 'dns', 'ntp', 'modbus', 'mdns'] as const;
const REGISTRY = registryOf(check(settingsSchema, {}), null);

/** The packets to the first port of each service in each of its directions. */
const PACKETS = USED.flatMap((id) => {
  const { opens, directions } = serviceNamed(REGISTRY, id);
  const [port = '', protocol = ''] = (opens[0] ?? '').split('/');
  return directions.flatMap((direction) =>
    REMOTES.flatMap((remote) =>
      ['eth0', 'eth1'].map((on) => ({
        id,
        packet: { direction, interface: on, protocol: protocol as 'tcp' | 'udp', remote, port: Number(port) },
      })),
    ),
  );
});

const passing = (machine: MachineInMemory): ReadonlySet<Packet> => {
  const by = Object.fromEntries(FAMILIES.map((family) => [family, filterOf(machine.save(family))]));
  const passes = (packet: Packet): boolean => by[packet.remote.includes(':') ? 'ipv6' : 'ipv4']?.(packet) ?? false;
  return new Set(PACKETS.map(({ packet }) => packet).filter(passes));
};

function byHand(random: Random): string[] {
  const port = random.pick(['1628/udp', '2541/udp', '47808/udp', '22/tcp', '443/tcp', '1883/tcp', '1600:1700/udp']);
  const [number = '', protocol = ''] = port.split('/');
  const from = random.pick(['any', ...ADDRESSES.slice(0, 6)]);
  const on = random.pick([[], [], ['on', 'eth0'], ['on', 'eth1']]);
  const action = random.pick(['allow', 'allow', 'allow', 'deny']);
  return [action, 'in', ...on, 'from', from, 'to', 'any', 'port', number, 'proto', protocol];
}

describe('A profile narrowed to peers', function () {
  this.timeout(600_000);
  before(ensurePackages);

  it('lets in, of whom it would have let in, exactly the peers of each service where there are any', async () => {
    const random = new Random(SEED);
    let narrowedTimes = 0;
    for (let run = 0; run < RUNS; run++) {
      const peers = Object.fromEntries(
        USED.filter(() => random.chance(0.5)).map((id) => [id, ADDRESSES.filter(() => random.chance(0.25))]),
      );
      const given = check(settingsSchema, { peers });
      const profile = random.pick(['lockdown', 'lockdown', 'enhanced', 'standard']);
      const wish = profile === 'lockdown' ? { buses: random.pick(['peers', 'keep', 'close']) } : {};
      const isNarrowed = random.chance(0.6);
      const [narrow, plain] = [await MachineInMemory.open(given), await MachineInMemory.open(given)];
      const lines = Array.from({ length: random.below(5) }, () => byHand(random));
      for (const machine of [narrow, plain]) for (const words of lines) await machine.ufw(words.join(' '));
      await plain.setProfile({ profile, buses: 'keep', force: true });
      await narrow.setProfile({ profile, ...wish, peers: isNarrowed, force: true });
      const [before, after] = [passing(plain), passing(narrow)];
      const said = JSON.stringify({ run, peers, profile, wish, isNarrowed, lines });
      for (const { id, packet } of PACKETS) {
        const isBus = profile === 'lockdown' && packet.direction === 'in' && /^(lon|lon-ip70|bacnet)$/.test(id);
        const addresses = peers[id] ?? [];
        const isAsked = isBus ? wish.buses !== 'keep' : isNarrowed;
        const byPolicy = profile === 'standard' && packet.direction === 'out';
        const isPeer = addresses.some((one) => isIn(one, packet.remote));
        const name = `${packet.direction} ${packet.interface} ${packet.remote} ${id}: ${said}`;
        if (isBus && wish.buses === 'close') assert.equal(after.has(packet), false, name);
        else if (!isAsked || addresses.length === 0) assert.equal(after.has(packet), before.has(packet), name);
        else if (isPeer) assert.equal(after.has(packet), before.has(packet), name);
        // What a rule about more than the service, or a policy, lets through is not the profile's to narrow.
        else if (after.has(packet)) assert.ok(byPolicy || lines.some((words) => words.includes('1600:1700')), name);
        else narrowedTimes++;
      }
      const [first, second] = [
        narrow.everything(),
        await narrow.setProfile({ profile, ...wish, peers: isNarrowed, force: true }),
      ];
      assert.equal(second, undefined);
      assert.deepEqual(narrow.everything().slice(0, 4), first.slice(0, 4), `again: ${said}`);
    }
    assert.ok(narrowedTimes > RUNS);
  });

  it('opens to nobody because of a flood, and to whom somebody has typed rather than to whom was seen', () => {
    const lon = serviceNamed(REGISTRY, 'lon');
    const peer = (address: string) => ({
      ...{ direction: 'in' as const, port: '1628/udp', address, interface: null, firstSeen: 1, lastSeen: 2, count: 3 },
      ...{ days: 1, weekdays: '1000000', hours: '1'.padEnd(24, '0') },
    });
    const known = (typed: string[], seen: string[], flooded: ('in' | 'out')[] = []): KnownPeers => ({
      typed: new Map([['lon', typed]]),
      learned: new Map([['lon', { peers: seen.map(peer), flooded }]]),
      links: [],
    });
    const many = Array.from({ length: 300 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    assert.deepEqual(narrowing(known([], ['10.0.0.1', '10.0.0.2']), lon, 'in').to, ['10.0.0.1', '10.0.0.2']);
    assert.deepEqual(narrowing(known(['10.0.0.0/24', '10.0.0.9'], ['8.8.8.8']), lon, 'in').to, ['10.0.0.0/24']);
    assert.match(inWords(narrowing(known([], ['10.0.0.1'], ['in']), lon, 'in').reason), /more addresses were seen/);
    assert.match(inWords(narrowing(known([], many), lon, 'in').reason), /more than 250/);
    assert.match(inWords(narrowing(known([], []), lon, 'in').reason), /nobody is known/);
    assert.match(inWords(narrowing(known([], ['10.0.0.1']), lon, 'out').reason), /nobody is known/);
  });

  const WRONG: [string, unknown, RegExp][] = [
    ['no addresses', { lon: ['plant'] }, /peers\.lon\.0: must be an IP address/],
    ['empty ones', { lon: [''] }, /peers\.lon\.0: must be an IP address/],
    ['everybody', { lon: ['10.0.0.1', '0.0.0.0/0'] }, /peers\.lon\.1: must not be everybody/],
    ['half of everybody', { lon: ['128.0.0.0/1'] }, /must not be everybody/],
    ['everybody by IPv6', { lon: ['::/0'] }, /must not be everybody/],
    ['loopback', { lon: ['127.0.0.1'] }, /must be the address of another host/],
    ['loopback by IPv6', { lon: ['::1'] }, /must be the address of another host/],
    ['the device itself', { lon: ['192.0.2.1'] }, /peers\.lon\.0: 192\.0\.2\.1 is an address of the device itself/],
    ['10,000', { lon: Array.from({ length: 10_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`) }, /peers\.lon: /],
    ['a service that is not there', { plant: ['10.0.0.1'] }, /peers\.plant: there is no service/],
    ['what is no list', { lon: '10.0.0.1' }, /peers\.lon: /],
    ['what is no object', 'lon', /peers: /],
    ['a list', ['lon'], /peers: /],
    ['nothing', null, /peers: /],
    ['hostile text', { lon: ['1; reboot\u202e'] }, /peers\.lon\.0: .*"1; reboot\?"/],
  ];
  for (const [what, peers, message] of WRONG) {
    it(`is refused by the name of what is wrong: ${what}`, () => {
      const given = check(settingsSchema, { peers });
      assert.throws(() => typedPeers(given, REGISTRY, new Set(['192.0.2.1'])), { code: 'INVALID_INPUT', message });
    });
  }
});

describe('A lockdown of a device whose field buses have peers', function () {
  this.timeout(120_000);
  const device = useDevice();
  const engine = useEngine(device, { peers: { lon: [eth0.ipv4, eth0.ipv6], bacnet: ['10.9.9.9'] } });
  const wrong = useEngine(device, { peers: { lon: ['0.0.0.0/0'] } });

  /** Peer and stranger, by IPv4 and IPv6. */
  const probed = (port: number) =>
    device.neighbour.probe(
      (['eth0', 'eth1'] as const).flatMap((on) =>
        FAMILIES.map((family) => ({ proto: 'udp' as const, port, family, interface: on })),
      ),
    );
  const [PEER, ALL, NOBODY] = [
    ['in', 'in', 'filtered', 'filtered'],
    ['in', 'in', 'in', 'in'],
    ['filtered', 'filtered', 'filtered', 'filtered'],
  ];
  const stateOf = (services: readonly { id: string; in: Openness }[], id: string) =>
    services.find((one) => one.id === id)?.in;

  it('lets them in and no stranger, and says what stays open to everybody, and why', async () => {
    assert.deepEqual([await probed(1628), await probed(2541)], [ALL, ALL]);
    const dry = await engine.setProfile({ profile: 'lockdown', dryRun: true });
    assert.deepEqual(await probed(1628), ALL);
    const { state, openToAll, warnings } = await engine.setProfile({ profile: 'lockdown' });
    assert.deepEqual(dry.openToAll, openToAll);
    assert.deepEqual([await probed(1628), await probed(2541)], [PEER, ALL]);
    assert.deepEqual(openToAll, [{ service: 'lon-ip70', direction: 'in', reason: 'nobody is known who uses it' }]);
    assert.ok(warnings.some((one) => one.startsWith('lon-ip70 stays open to everybody: nobody is known who uses it.')));
    assert.deepEqual([state.profile.name, stateOf(state.services, 'lon')], ['lockdown', 'partial']);
    assert.equal(
      state.findings.some(({ id, service }) => id === 'advisory' && service === 'lon'),
      false,
    );
    assert.equal(
      state.findings.some(({ id }) => id === 'drift'),
      false,
    );
    assert.equal((await engine.setProfile({ profile: 'lockdown' })).changed, false);
    await assertReloadChangesNothing(device);
    await engine.restore({ action: 'undo' });
    assert.deepEqual(await probed(1628), ALL);
  });

  it('closes them, or keeps them, where that is asked for', async () => {
    const closed = await engine.setProfile({ profile: 'lockdown', buses: 'close' });
    assert.deepEqual([await probed(1628), await probed(2541), closed.openToAll], [NOBODY, NOBODY, []]);
    // What is closed is not opened by a lockdown that would keep it, but for the tunnel.
    const kept = await engine.setProfile({ profile: 'lockdown', buses: 'keep' });
    assert.deepEqual([await probed(1628), await probed(2541)], [NOBODY, ALL]);
    assert.deepEqual(kept.openToAll, [{ service: 'lon-ip70', direction: 'in', reason: 'it was asked to be kept' }]);
    await engine.setProfile({ profile: 'enhanced', optionalServices: 'open' });
    assert.deepEqual(await probed(1628), ALL);
  });

  it('is not held up by peers that are wrong, which keep everything else from being done', async () => {
    await assert.rejects(wrong.toggleService({ action: 'close' }), { code: 'INVALID_INPUT', message: /peers\.lon\.0/ });
    await assert.rejects(wrong.read(), { code: 'INVALID_INPUT', message: /peers\.lon\.0/ });
    const { changed, warnings, openToAll } = await wrong.setProfile({ profile: 'lockdown' });
    assert.equal(changed, true);
    assert.deepEqual(await probed(1628), ALL);
    assert.match(warnings.join('\n'), /The peers in the configuration are not used: INVALID_INPUT: peers\.lon\.0/);
    assert.ok(openToAll.some(({ service, reason }) => service === 'lon' && reason === 'it cannot be told who uses it'));
    await engine.setProfile({ profile: 'enhanced', optionalServices: 'open' });
  });

  it('is not held up by a damaged file of what was learned', async () => {
    const path = '/var/lib/smartserver-firewall/peers.json';
    for (const text of ['{', '\0'.repeat(1000), '{"version":99}', '[]']) {
      await device.write(path, text);
      const { changed, state } = await engine.setProfile({ profile: 'lockdown' });
      assert.deepEqual([changed, state.peers], [true, null]);
      assert.deepEqual(await probed(1628), PEER);
      await engine.setProfile({ profile: 'enhanced', optionalServices: 'open' });
    }
    await device.ok('rm', '-f', path);
  });
});
