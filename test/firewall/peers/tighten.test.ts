/** From what was learned to rules: learned on a part of a building's traffic, proposed, applied, and then the rest is replayed. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { check, settings as settingsSchema } from '../../../firewall/messages';
import type { KnownPeers } from '../../../firewall/peers/known';
import { LEARNED, NOTHING_LEARNED } from '../../../firewall/peers/learned';
import type { Peer } from '../../../firewall/peers/peer';
import { proposalOf } from '../../../firewall/peers/proposal';
import type { LearnResult } from '../../../firewall/results';
import { registryOf } from '../../../firewall/services/registry';
import { textFor, understood } from '../../../firewall/state/own-file';
import { Building, HOSTILE, TALKS, type Talk, whoIn } from '../../device/building';
import { Engine } from '../../device/engine';
import { useDevice, useEngine, useShared } from '../../device/suite';
import { inWords } from '../in-words';
import { Looking } from '../looking';
import { until } from '../until';

type Proposal = NonNullable<LearnResult['proposal']>;

const FILE = '/var/lib/smartserver-firewall/peers.json';
const ADDRESSES = [...new Set([...TALKS, ...HOSTILE].map(({ peer }) => peer))];
const PORTS = ['1628/udp', '47808/udp', '5353/udp', '443/tcp', '1883/tcp', '9999/udp', '23/tcp'];

/** Of each four peers one comes all the time, one twice, one once, and one after all has been learned. */
const TIMES = [9, 2, 1, 0] as const;
const timesOf = (talk: Talk): number => TIMES[TALKS.indexOf(talk) % 4] ?? 0;
const ROUNDS = 2;
const KEPT_S = 8;
const serviceOf: Readonly<Record<number, string>> = {
  ...{ 1628: 'lon', 47808: 'bacnet', 5353: 'mdns', 443: 'https', 1883: 'mqtt', 123: 'ntp', 53: 'dns', 502: 'modbus' },
};

describe('A building that is learned in part, and tightened to that,', function () {
  this.timeout(300_000);
  const device = useDevice();
  const engine = useEngine(device);
  const building = useShared(
    async () => {
      for (const port of ['47808', '41797']) await device.ufw('allow', `${port}/udp`);
      const made = await Building.around(device, ADDRESSES);
      await made.hear(...PORTS);
      return made;
    },
    async () => undefined,
  );
  let proposal: Proposal;
  let tightened: Engine;

  /** Those of these conversations that do not get through, the rarest first. */
  const blockedOf = async (talks: readonly Talk[]): Promise<Talk[]> => {
    const fates = await building.fates(talks);
    return talks.filter((_, at) => !fates[at]?.through).sort((a, b) => timesOf(a) - timesOf(b));
  };

  /** The kernel knows no conversation any more: what is established is let through. */
  const forgotten = (): Promise<void> =>
    until(async () => !/ (tcp|udp) /.test(await device.ok('cat', '/proc/net/nf_conntrack')));

  before(async () => {
    const looking = new Looking(device);
    // The kernel forgets them between the rounds, and not before they are looked at.
    await device.ok(
      'sh',
      '-c',
      `cd /proc/sys/net/netfilter && for one in nf_conntrack_udp_timeout* nf_conntrack_tcp_timeout_*; do echo ${KEPT_S} >$one; done`,
    );
    assert.deepEqual((await blockedOf(HOSTILE)).length, HOSTILE.length);
    for (let round = 0; round < ROUNDS; round++) {
      await forgotten();
      await looking.look({ now: 1000 + round * 60 });
      assert.deepEqual(await blockedOf(TALKS.filter((talk) => timesOf(talk) > round)), []);
      await looking.look({ now: 1030 + round * 60 });
    }
    const { peers, flooded } = await looking.peers();
    const recent = { samples: 'test', seconds: 1e6, peers, flooded };
    await device.write(FILE, textFor(LEARNED, { ...NOTHING_LEARNED, recent }));
    const learned = await engine.learn({ action: 'read' });
    assert.ok(learned.proposal);
    proposal = learned.proposal;
    tightened = await Engine.start(device, { customProfiles: [proposal.profile] });
  });

  it('is proposed for those who were seen, and nothing is applied by that', async () => {
    assert.deepEqual(await blockedOf(TALKS), []);
    const from = (service: string) =>
      proposal.profile.open.filter((one) => one.service === service).map((one) => `${one.direction} ${one.from}`);
    const seen = (port: number, least: number) =>
      TALKS.filter((talk) => talk.port === port && timesOf(talk) >= least).map(
        ({ direction, peer }) => `${direction} ${peer}`,
      );
    assert.deepEqual(from('lon').sort(), seen(1628, 2).sort());
    assert.deepEqual(from('https').sort(), seen(443, 1).sort());
    assert.deepEqual(from('ntp').sort(), seen(123, 1).sort());
    const once = proposal.left.filter(({ reason }) => /never again, by UDP/.test(reason));
    const [lon] = once.filter(({ service }) => service === 'lon');
    assert.deepEqual(
      lon?.addresses.sort(),
      TALKS.filter((talk) => talk.port === 1628 && timesOf(talk) === 1).map(({ peer }) => peer),
    );
  });

  it('blocks of the rest only who was rare, and nobody when they are added, each by one message', async () => {
    const request = { profile: 'learned', optionalServices: 'close' };
    const dry = await tightened.setProfile({ ...request, dryRun: true });
    const { impact } = await tightened.setProfile(request);
    assert.deepEqual(impact, dry.impact);
    await forgotten();
    const blocked = await blockedOf(TALKS);
    const expected = TALKS.filter((talk) => {
      const isDoubtful = talk.direction === 'in' && talk.proto === 'udp' && timesOf(talk) === 1;
      // Multicast mDNS is let in by ufw's own before.rules, whoever sends it.
      return talk.how !== 'multicast' && (timesOf(talk) === 0 || isDoubtful);
    });
    assert.deepEqual(blocked.map(whoIn).sort(), [...new Set(expected.map(whoIn))].sort());
    assert.deepEqual([...new Set(blocked.map(timesOf))], [0, 1], 'the rarest first');
    // Whoever was known and is cut off was named before.
    const named = impact.flatMap(({ service, direction, peers }) =>
      peers.map(({ address }) => `${service} ${direction} ${address}`),
    );
    for (const talk of blocked.filter((one) => timesOf(one) === 1)) {
      assert.ok(named.includes(`${serviceOf[talk.port]} ${talk.direction} ${talk.peer}`), whoIn(talk));
    }
    for (const { direction, peer, port } of blocked) {
      await tightened.toggleService({ service: serviceOf[port], action: 'open', direction, from: peer });
    }
    assert.deepEqual(await blockedOf(TALKS), []);
    assert.deepEqual((await blockedOf(HOSTILE)).length, HOSTILE.length);
  });

  it('answers over IP-852 everybody before a lockdown for the peers of the buses, and its peers alone after it', async () => {
    await tightened.setProfile({ profile: 'enhanced', optionalServices: 'open' });
    const peer = TALKS.find((talk) => talk.port === 1628 && timesOf(talk) === 9) as Talk;
    const stranger = { ...peer, peer: HOSTILE[0]?.peer ?? '' };
    // From another port each time: what is established is let through.
    const answered = async (): Promise<boolean[]> =>
      (await building.fates([peer, stranger].map((one) => ({ ...one, from: 0 })))).map(({ answered }) => answered);
    assert.deepEqual(await answered(), [true, true]);
    const { openToAll } = await tightened.setProfile({ profile: 'lockdown', buses: 'peers' });
    assert.equal(
      openToAll.some(({ service }) => service === 'lon'),
      false,
    );
    assert.deepEqual(await answered(), [true, false]);
    await tightened.setProfile({ profile: 'lockdown', buses: 'close' });
    assert.deepEqual(await answered(), [false, false]);
  });
});

describe('A proposal', () => {
  const registry = registryOf(check(settingsSchema, {}), null);
  const peer = (port: string, address: string, count = 3, direction: 'in' | 'out' = 'in'): Peer => ({
    ...{ direction, port, address, interface: null, firstSeen: 1, lastSeen: 2, count },
    ...{ days: 1, weekdays: '1000000', hours: '1'.padEnd(24, '0') },
  });
  const known = (
    learned: [id: string, peers: Peer[], flooded?: ('in' | 'out')[]][],
    typed: Record<string, string[]> = {},
  ): KnownPeers => ({
    typed: new Map(Object.entries(typed)),
    learned: new Map(learned.map(([id, peers, flooded = []]) => [id, { peers, flooded }])),
    links: [{ on: 'eth0', subnet: '203.0.113.0/24' }],
  });
  const opened = (one: ReturnType<typeof proposalOf>) =>
    one?.profile.open.map(({ service, direction, from }) => `${service} ${direction} ${from}`.trim());

  it('is none where nobody has learned', () => {
    assert.equal(proposalOf({ ...known([]), learned: null }, registry), null);
    assert.deepEqual(opened(proposalOf(known([]), registry)), []);
  });

  it('opens nothing to everybody because of a file that says so', () => {
    const peers = ['0.0.0.0/0', '128.0.0.0/1', '::/0', '10.0.0.9'].map((address) => peer('443/tcp', address));
    const text = textFor(LEARNED, { ...NOTHING_LEARNED, seconds: 1, past: { peers, flooded: [] } });
    const { value, flaw } = understood(LEARNED, text);
    assert.deepEqual(
      value?.past.peers.map(({ address }) => address),
      ['10.0.0.9'],
    );
    assert.match(inWords(flaw), /is no peer/);
  });

  it('opens nothing because of a flood, nor to who was seen once by UDP, unless somebody has named them', () => {
    const flood = known([['lon', [peer('1628/udp', '10.0.0.0/24', 900), peer('1628/udp', '192.168.1.2')], ['in']]]);
    assert.deepEqual(opened(proposalOf(flood, registry)), []);
    assert.deepEqual(
      proposalOf(flood, registry)?.left.map(({ service, reason }) => [service, /more addresses/.test(inWords(reason))]),
      [['lon', true]],
    );
    const named = known([['lon', [peer('1628/udp', '10.0.0.9', 1)], ['in']]], { lon: ['10.0.0.9'] });
    assert.deepEqual(opened(proposalOf(named, registry)), ['lon in 10.0.0.9', 'lon out 10.0.0.9']);
    const once = known([['lon', [peer('1628/udp', '10.0.0.9', 1), peer('1628/udp', '10.0.0.8', 2)]]]);
    assert.deepEqual(opened(proposalOf(once, registry)), ['lon in 10.0.0.8']);
  });

  it('leaves what goes to the internet open to all, and says so; what is near, and ports of one’s own, to their peers', () => {
    const some = known([
      ['ntp', [peer('123/udp', '198.51.100.9', 3, 'out'), peer('123/udp', '192.168.1.1', 3, 'out')]],
      ['dns', [peer('53/udp', '203.0.113.1', 3, 'out')]],
      ['4711/tcp', [peer('4711/tcp', '198.51.100.9', 1)]],
      ['node-red', [peer('1880/tcp', '198.51.100.9', 1)]],
    ]);
    const made = proposalOf(some, registry);
    assert.deepEqual(opened(made)?.sort(), ['4711/tcp in 198.51.100.9', 'dns out 203.0.113.1', 'ntp out']);
    assert.deepEqual(
      made?.left.map(({ service, direction }) => `${service} ${direction}`),
      ['ntp out'],
    );
    // The configuration takes it as it is.
    const { customProfiles } = check(settingsSchema, { customProfiles: [made?.profile] });
    assert.deepEqual(customProfiles, [made?.profile]);
  });

  it('has no more entries than a profile may have, and leaves out the service that has the most', () => {
    const many = Array.from({ length: 150 }, (_, at) => peer('443/tcp', `10.0.0.${at}`));
    const more = Array.from({ length: 60 }, (_, at) => peer('22/tcp', `10.0.1.${at}`));
    const made = proposalOf(
      known([
        ['https', many],
        ['ssh', more],
      ]),
      registry,
    );
    assert.equal(made?.profile.open.length, 60);
    assert.match(inWords(made?.left[0]?.reason), /room for 200 entries/);
    assert.equal(made?.left[0]?.service, 'https');
  });
});
