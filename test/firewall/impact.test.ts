/** Who is said to be cut off by a change: held against the fate of packets, and against a neighbour's probes. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { check, settings as settingsSchema } from '../../firewall/messages';
import { cutOff } from '../../firewall/peers/impact';
import type { KnownPeers } from '../../firewall/peers/known';
import { FAMILIES } from '../../firewall/rules/rule';
import { registryOf, serviceNamed } from '../../firewall/services/registry';
import { rulesetOf } from '../../firewall/verdicts/from-texts';
import type { Ruleset } from '../../firewall/verdicts/ruleset';
import { cables } from '../device/network';
import { ensurePackages } from '../device/packages';
import { useDevice, useEngine } from '../device/suite';
import { SEED } from '../seed';
import { Random } from './commands';
import { MachineInMemory } from './machine-in-memory';
import { filterOf, type Packet } from './packet-by-packet';
import { everything } from './stable';

const CHANGES = Number(process.env.IMPACT_CHANGES ?? 60);
const REGISTRY = registryOf(check(settingsSchema, {}), null);
const REMOTES = [
  ...['192.168.10.7', '192.168.10.99', '10.1.2.3', '203.0.113.9', '198.51.100.200', '8.8.8.8', '192.0.2.2'],
  ...['2001:db8:1::7', 'fd00::1', '2a00::1'],
];
const SUBNETS = [
  '192.168.10.0/24',
  '192.168.10.7',
  '10.0.0.0/8',
  '0.0.0.0/1',
  '128.0.0.0/1',
  '2001:db8::/32',
  'fc00::/7',
];
const USED = ['ssh', 'https', 'lon', 'lon-ip70', 'bacnet', 'mqtt', 'dns', 'ntp', 'modbus', 'mdns'];

/** Who has been seen, and the packet that shows it. */
function peersAtRandom(random: Random): { known: KnownPeers; packets: { name: string; packet: Packet }[] } {
  const packets: { name: string; packet: Packet }[] = [];
  const learned = USED.map((id) => {
    const { opens, directions } = serviceNamed(REGISTRY, id);
    const seen = directions.flatMap((direction) =>
      REMOTES.filter(() => random.chance(0.4)).map((address) => {
        const port = opens[0] ?? '';
        const on = random.pick(['eth0', 'eth1']);
        const [number, protocol] = port.split('/');
        const packet = {
          direction,
          interface: on,
          protocol: protocol === 'tcp' ? 'tcp' : 'udp',
          remote: address,
        } as const;
        packets.push({ name: `${id} ${direction} ${address}`, packet: { ...packet, port: Number(number) } });
        return {
          ...{ direction, port, address, interface: on, firstSeen: 1, lastSeen: 2, count: 3, days: 1 },
          ...{ weekdays: '1000000', hours: '1'.padEnd(24, '0') },
        };
      }),
    );
    return [id, { peers: seen, flooded: [] }] as const;
  });
  return { known: { typed: new Map(), learned: new Map(learned), links: [] }, packets };
}

async function somethingHappens(machine: MachineInMemory, random: Random): Promise<string> {
  const kind = random.below(4);
  const options = { force: true };
  if (kind === 0) {
    const asked = {
      profile: random.pick(['lockdown', 'enhanced', 'standard']),
      buses: random.pick(['peers', 'keep', 'close']),
    };
    const wish = { ...asked, peers: random.chance(0.3), optionalServices: random.pick(['keep', 'open', 'close']) };
    await machine.setProfile({ ...wish, ...options });
    return JSON.stringify(wish);
  }
  if (kind === 1 || kind === 2) {
    const from = random.chance(0.4) ? random.pick(SUBNETS) : '';
    const asked = {
      service: random.pick(USED),
      action: random.pick(['open', 'close', 'close', 'limit', 'toggle']),
      from,
    };
    const scope = random.chance(0.3) ? { interface: random.pick(['eth0', 'eth1']) } : {};
    // What cannot be asked for has changed nothing.
    await machine.toggleService({ ...asked, ...scope, ...options }).catch(() => undefined);
    return JSON.stringify({ ...asked, ...scope });
  }
  const [port = '', protocol = ''] = random
    .pick(['1628/udp', '2541/udp', '22/tcp', '443/tcp', '1883/tcp', '1:65535/udp'])
    .split('/');
  const on = random.pick([[], [], ['on', 'eth0'], ['on', 'eth1']]);
  const action = random.pick(['allow', 'deny', 'reject', 'deny']);
  const words = [
    action,
    'in',
    ...on,
    'from',
    random.pick(['any', ...SUBNETS]),
    'to',
    'any',
    'port',
    port,
    'proto',
    protocol,
  ];
  await machine.ufw(words.join(' '));
  return words.join(' ');
}

const rulesOf = (machine: MachineInMemory): Ruleset =>
  rulesetOf(
    FAMILIES.map((family) => ({ family, save: machine.save(family), beside: '' })),
    '',
  );
const fatesOf = (machine: MachineInMemory): ((packet: Packet) => boolean) => {
  const [ipv4, ipv6] = FAMILIES.map((family) => filterOf(machine.save(family)));
  return (packet) => (packet.remote.includes(':') ? ipv6?.(packet) : ipv4?.(packet)) ?? false;
};

describe('Whom a change cuts off', function () {
  this.timeout(600_000);
  before(ensurePackages);

  it('are exactly those whose packets stop getting through', async () => {
    const random = new Random(SEED);
    let named = 0;
    let machine = await MachineInMemory.open(check(settingsSchema, {}));
    for (let change = 0; change < CHANGES; change++) {
      if (change % 15 === 0) machine = await MachineInMemory.open(check(settingsSchema, {}));
      const { known, packets } = peersAtRandom(random);
      const [before, passed] = [rulesOf(machine), fatesOf(machine)];
      const said = await somethingHappens(machine, random);
      const passes = fatesOf(machine);
      const expected = packets.filter(({ packet }) => passed(packet) && !passes(packet)).map(({ name }) => name);
      const found = (await cutOff(known, REGISTRY, before, rulesOf(machine))).flatMap(({ service, direction, peers }) =>
        peers.map(({ address }) => `${service} ${direction} ${address}`),
      );
      assert.deepEqual(found.sort(), expected.sort(), `${change}: ${said}`);
      named += found.length;
    }
    assert.ok(named > CHANGES);
  });
});

describe('The impact of a change', function () {
  this.timeout(120_000);
  const { eth0, eth1 } = { eth0: cables.eth0.neighbour, eth1: cables.eth1.neighbour };
  const device = useDevice();
  const engine = useEngine(device, {
    peers: { ssh: [eth0.ipv4, eth1.ipv4, eth0.ipv6], lon: ['192.0.2.0/24'], mqtt: [eth1.ipv4] },
  });
  const probed = async (): Promise<string[]> => {
    const targets = [
      { address: eth0.ipv4, family: 'ipv4', interface: 'eth0' },
      { address: eth1.ipv4, family: 'ipv4', interface: 'eth1' },
      { address: eth0.ipv6, family: 'ipv6', interface: 'eth0' },
    ] as const;
    const fates = await device.neighbour.probe(
      targets.map(({ family, interface: on }) => ({ proto: 'tcp' as const, port: 22, family, interface: on })),
    );
    return targets.filter((_, at) => fates[at] === 'in').map(({ address }) => address);
  };
  const peersOf = (
    impact: readonly { service: string; direction: string; peers: readonly { address: string }[] }[],
    id: string,
  ): string[] =>
    impact
      .filter(({ service, direction }) => service === id && direction === 'in')
      .flatMap(({ peers }) => peers.map(({ address }) => address));

  const CHANGED = [
    { action: 'close', service: 'ssh', from: '192.0.2.0/25' },
    { action: 'close', service: 'ssh', interface: 'eth1' },
    { action: 'close', service: 'ssh' },
    { action: 'close', service: 'ssh', from: eth0.ipv6 },
  ];
  for (const request of CHANGED) {
    it(`names who gets in no more, a dry run the same ones: ${JSON.stringify(request)}`, async () => {
      const before = await probed();
      const dry = await engine.toggleService({ ...request, dryRun: true });
      assert.deepEqual(await probed(), before);
      const { impact } = await engine.toggleService(request);
      const after = await probed();
      const expected = before.filter((one) => !after.includes(one));
      assert.deepEqual(peersOf(impact, 'ssh').sort(), expected.sort());
      assert.deepEqual(dry.impact, impact);
      await engine.restore({ action: 'undo' });
    });
  }

  it('is nothing where a peer stays, or never got in', async () => {
    const { impact } = await engine.setProfile({ profile: 'lockdown' });
    assert.deepEqual(peersOf(impact, 'lon'), []);
    assert.equal(
      impact.find(({ service }) => service === 'mqtt'),
      undefined,
    );
    assert.deepEqual(peersOf(impact, 'ssh').length, 3);
    assert.deepEqual((await engine.setProfile({ profile: 'lockdown' })).impact, []);
    await engine.setProfile({ profile: 'enhanced', optionalServices: 'open' });
  });

  it('refuses a change that would cut off a known peer, at once or later, but never a lockdown', async () => {
    const was = await everything(device);
    const keepPeers = true;
    const refused = { code: 'WOULD_CUT_OFF', message: /192\.0\.2\.2 \(ssh\)/ };
    await assert.rejects(engine.toggleService({ service: 'ssh', action: 'close', keepPeers }), refused);
    await assert.rejects(engine.toggleService({ service: 'ssh', action: 'close', keepPeers, force: true }), refused);
    await assert.rejects(engine.toggleService({ service: 'ssh', action: 'close', keepPeers, dryRun: true }), refused);
    const later = { service: 'ssh', action: 'open', duration: 600, afterwards: 'closed', keepPeers };
    await assert.rejects(engine.toggleService(later), {
      code: 'WOULD_CUT_OFF',
      message: /when the temporary change of ssh ends/,
    });
    await assert.rejects(engine.setProfile({ profile: 'enhanced', optionalServices: 'close', keepPeers }), {
      code: 'WOULD_CUT_OFF',
    });
    assert.deepEqual(await everything(device), was);
    assert.equal((await engine.toggleService({ service: 'http', action: 'close', keepPeers })).changed, true);
    const { changed, impact } = await engine.setProfile({ profile: 'lockdown', keepPeers });
    assert.equal(changed, true);
    assert.ok(peersOf(impact, 'ssh').length > 0);
  });
});
