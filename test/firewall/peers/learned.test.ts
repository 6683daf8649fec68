/** What is kept of who talks: never twice, never more than there is room for, whatever the clock shows. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { check, settings } from '../../../firewall/messages';
import { bounded } from '../../../firewall/peers/bounds';
import { peersByService } from '../../../firewall/peers/by-service';
import {
  known,
  LEARNED,
  type Learned,
  learnedFor,
  NOTHING_LEARNED,
  type Seen,
  secondsLeftOf,
  withSeen,
} from '../../../firewall/peers/learned';
import { keyOf, type Peer } from '../../../firewall/peers/peer';
import { samplesIn } from '../../../firewall/peers/samples';
import { registryOf } from '../../../firewall/services/registry';
import { deadlineIn } from '../../../firewall/state/clock';
import { textFor, understood } from '../../../firewall/state/own-file';
import { learnedServices, peersReport } from '../../../firewall/state/peers-report';
import { SEED } from '../../seed';
import { Random } from '../commands';
import { inWords } from '../in-words';

const registry = registryOf(
  check(settings, { customServices: [{ id: 'own', label: 'Own', ports: ['9100/tcp'] }] }),
  null,
);
const CLOCK = { boot: 'b', uptime: 1000, wall: 1_800_000_000_000 };

const peer = (address: string, more: Partial<Peer> = {}): Peer => ({
  ...{ direction: 'in', port: '1628/udp', address, interface: 'eth0' },
  ...{ firstSeen: 1000, lastSeen: 2000, count: 3, days: 1 },
  ...{ weekdays: '1000000', hours: '100000000000000000000000' },
  ...more,
});
const seen = (samples: string, peers: readonly Peer[], seconds = 100): Seen => ({
  ...{ samples, seconds, peers, flooded: [] },
});
const learning: Learned = { ...NOTHING_LEARNED, learning: { since: CLOCK.wall, until: null } };

describe('What was learned', () => {
  it('is the same however often the samples of one boot are kept', () => {
    const random = new Random(SEED);
    for (let run = 0; run < 200; run++) {
      const boots = [1, 2, 3].map((boot) =>
        Array.from({ length: random.below(5) + 1 }, (_, at) =>
          seen(
            `boot${boot}`,
            Array.from({ length: at + 1 }, (_unused, n) => peer(`10.0.${boot % 2}.${n}`, { count: at + 1 })),
            (at + 1) * 10,
          ),
        ),
      );
      // Kept at any of the moments, more than once, or only at the end.
      const often = boots.flatMap((one) =>
        one.flatMap((kept, at) => (at === one.length - 1 || random.below(2) ? [kept, kept] : [])),
      );
      const seldom = boots.flatMap((one) => one.slice(-1));
      const [a, b] = [often, seldom].map((all) => all.reduce(withSeen, learning)) as [Learned, Learned];
      assert.deepEqual(known(a), known(b));
      assert.equal(learnedFor(a), learnedFor(b));
    }
  });

  it('adds up what one peer did before a boot and after it', () => {
    const before = withSeen(learning, seen('one', [peer('10.0.0.1')]));
    const after = withSeen(
      before,
      seen('two', [peer('10.0.0.1', { firstSeen: 5000, lastSeen: 6000, weekdays: '0100000', interface: 'eth1' })]),
    );
    const [one, ...others] = known(after).peers;
    assert.deepEqual(others, []);
    assert.deepEqual(
      { ...one },
      peer('10.0.0.1', {
        ...{ firstSeen: 1000, lastSeen: 6000, count: 6, days: 2 },
        weekdays: '1100000',
        interface: null,
      }),
    );
    assert.equal(learnedFor(after), 200);
  });

  it('is read as it was written', () => {
    const all = withSeen(withSeen(learning, seen('one', [peer('10.0.0.1'), peer('2001:db8::/64')])), seen('two', []));
    const { value, flaw } = understood(LEARNED, textFor(LEARNED, all));
    assert.deepEqual(value, all);
    assert.equal(flaw, null);
    assert.equal(textFor(LEARNED, NOTHING_LEARNED), '');
    assert.deepEqual(understood(LEARNED, '').value, NOTHING_LEARNED);
  });

  it('keeps what can be understood of a damaged file, and takes in nothing else', () => {
    const lines = [
      'in 1628/udp 10.0.0.1 eth0 1 2 3 1 1000000 100000000000000000000000',
      'in 1628/udp 10.0.0.1; eth0 1 2 3 1 1000000 100000000000000000000000',
      'in 99999/udp 10.0.0.2 eth0 1 2 3 1 1000000 100000000000000000000000',
      'in 1628/udp 10.0.0.3/8 eth0 1 2 3 1 1000000 100000000000000000000000',
      'in 1628/udp 10.0.0.4 eth0 9 2 3 1 1000000 100000000000000000000000',
      'in 1628/udp 10.0.0.5 eth0 1 999999999999 3 1 1000000 100000000000000000000000',
      'in 1628/udp 10.0.0.6 eth0 1 2 3 1 1000000',
      7,
      null,
      { address: '10.0.0.7' },
    ];
    const content = { version: 1, learning: { since: -1 }, seconds: 5, peers: lines, flooded: ['in 1/udp', 'x'] };
    const { value, flaw } = understood(LEARNED, JSON.stringify(content));
    assert.deepEqual(value?.past.peers.map(keyOf), ['in 1628/udp 10.0.0.1']);
    assert.deepEqual(value?.past.flooded, ['in 1/udp']);
    assert.equal(value?.learning, null);
    assert.match(inWords(flaw), /^learning\..*; and 10 more$/);
  });

  it('is of addresses, of subnets where there are too many, and says where there are more than that', () => {
    const inOne = Array.from({ length: 1001 }, (_, at) =>
      peer(`10.0.${at >> 8}.${at & 255}`, { count: 2, days: at % 3 }),
    );
    const few = bounded({ peers: inOne.slice(1), flooded: [] });
    assert.equal(few.peers.length, 1000);
    const subnets = bounded({ peers: inOne, flooded: [] });
    assert.deepEqual(subnets.flooded, []);
    assert.deepEqual(
      subnets.peers.map(({ address, count, days }) => [address, count, days]),
      [...['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24'].map((address) => [address, 512, 2]), ['10.0.3.0/24', 466, 2]],
    );
    const many = Array.from({ length: 1001 }, (_, at) =>
      peer(`2001:db8:${at.toString(16)}::1`, { count: at === 7 ? 9 : 1 }),
    );
    const flooded = bounded({ peers: [...many, peer('10.0.0.1', { port: '443/tcp' })], flooded: [] });
    assert.deepEqual(flooded.flooded, ['in 1628/udp']);
    assert.equal(flooded.peers.filter(({ port }) => port === '1628/udp').length, 250);
    // Who talks often stays.
    assert.equal(flooded.peers[0]?.address, '2001:db8:7::/64');
    assert.ok(flooded.peers.some(({ port }) => port === '443/tcp'));
  });

  it('never grows beyond what is kept, whatever was seen, and stays flooded until it is forgotten', () => {
    const random = new Random(SEED);
    let learned = learning;
    for (let boot = 0; boot < 6; boot++) {
      const peers = Array.from({ length: 3000 }, () =>
        peer(`${random.below(2) ? '10.' : '11.'}${random.below(256)}.${random.below(256)}.${random.below(256)}`, {
          port: `${random.below(20) + 1}/udp`,
        }),
      );
      learned = withSeen(learned, { ...seen(`boot${boot}`, []), ...bounded({ peers, flooded: [] }) });
      assert.ok(textFor(LEARNED, learned).length < 500_000);
    }
    assert.ok(known(learned).flooded.length > 0);
    assert.ok(peersByService(learned, registry)?.size);
  });

  it('lasts rather too long than not at all where the clock has lost the time', () => {
    const until = deadlineIn(1000, CLOCK);
    const left = (clock: Partial<typeof CLOCK>) => secondsLeftOf({ since: 0, until }, { ...CLOCK, ...clock });
    assert.equal(left({}), 1000);
    // Within the boot no setting of the clock counts.
    assert.equal(left({ wall: 0, uptime: 1400 }), 600);
    assert.equal(left({ boot: 'c', uptime: 5, wall: CLOCK.wall + 400_000 }), 600);
    assert.equal(left({ boot: 'c', uptime: 5, wall: 0 }), 1000);
    assert.equal(secondsLeftOf({ since: 0, until: null }, CLOCK), Number.POSITIVE_INFINITY);
  });
});

describe('Who talks, by service', () => {
  const serviceOf = (direction: 'in' | 'out', port: string): string => {
    const learned = withSeen(learning, seen('one', [peer('10.0.0.1', { direction, port })]));
    return [...(peersByService(learned, registry)?.keys() ?? [])].join();
  };

  it('is found by the port, in the direction in which the service is used', () => {
    const cases: [direction: 'in' | 'out', port: string, service: string][] = [
      ['in', '443/tcp', 'https'],
      ['out', '443/tcp', 'licensing'],
      ['in', '80/tcp', 'http'],
      ['out', '80/tcp', 'cms-update'],
      ['in', '1628/udp', 'lon'],
      ['in', '1630/udp', 'lon'],
      ['in', '47808/udp', 'bacnet'],
      ['out', '123/udp', 'ntp'],
      ['out', '53/tcp', 'dns'],
      ['out', '502/tcp', 'modbus'],
      ['in', '1880/tcp', 'node-red'],
      ['in', '9100/tcp', 'own'],
      ['in', '9101/tcp', '9101/tcp'],
      ['out', '9100/udp', '9100/udp'],
    ];
    for (const [direction, port, service] of cases)
      assert.equal(serviceOf(direction, port), service, `${direction} ${port}`);
  });

  it('is null where nobody has ever learned', () => {
    assert.deepEqual(peersReport(null, registry, CLOCK), { peers: null, learning: null });
    assert.deepEqual(learnedServices(null, registry, CLOCK), { learning: null, services: {} });
  });

  it('comes with how sure it is', () => {
    const peers = [peer('10.0.0.1', { count: 1 }), peer('10.0.0.2', { count: 9, hours: `${'0'.repeat(22)}11` })];
    const { learning: how, services } = learnedServices(
      { ...withSeen(learning, seen('one', peers, 129_600)), isLooking: true },
      registry,
      CLOCK,
    );
    assert.deepEqual(how, { on: true, looking: true, until: null, days: 1.5, flooded: [] });
    const { lon } = services;
    assert.deepEqual([lon?.rarest, lon?.unseen, lon?.flooded], [1, 0.1, []]);
    assert.deepEqual(lon?.peers[1]?.weekdays, ['mon']);
    assert.deepEqual(lon?.peers[1]?.hours, [22, 23]);
    assert.equal(lon?.peers[1]?.firstSeen, '1970-01-01T00:16:40.000Z');
  });
});

describe('The sampler’s file', () => {
  const head = 'S 0a-5 80 900 0 1';
  const line = `P in udp 1628 192.0.2.7 192.0.2.1 500 700 4 2 0 1000000 ${'1'.padEnd(24, '0')}`;
  const at = (text: string, clock = CLOCK) =>
    samplesIn(text, clock, [{ name: 'eth0', address: '192.0.2.1', cidr: '192.0.2.1/24' }]);

  it('counts from the boot, so that a clock that is set later puts right what was seen before', () => {
    const seconds = (wall: number) => at(`${head}\n${line}`, { ...CLOCK, wall })?.seen.peers[0]?.firstSeen;
    assert.equal(seconds(1_800_000_000_000), 1_800_000_000 - 500);
    assert.equal(seconds(1_900_000_000_000), 1_900_000_000 - 500);
    // A clock that shows 1970 is no reason to be before it.
    assert.equal(seconds(0), 0);
  });

  it('is read line by line, and what is no line of its is passed over', () => {
    const found = at(
      [
        head,
        line,
        line.replace('192.0.2.7', '0000:0000:0000:0000:0000:ffff:c000:0209'),
        line.replace('192.0.2.7', '192.0.2.300'),
        line.replace('192.0.2.7', '$(reboot)'),
        line.replace(' 4 2 ', ' 4 '),
        line.replace('in', 'x'),
        'F in tcp 443',
        'F in tcp 443; rm',
        'C tcp 1 2 3 4 5',
        '\0'.repeat(1000),
      ].join('\n'),
    );
    assert.deepEqual(found?.seen.peers.map(keyOf), ['in 1628/udp 192.0.2.7', 'in 1628/udp 192.0.2.9']);
    assert.deepEqual(found?.seen.flooded, ['in 443/tcp']);
    for (const text of ['', 'S', '\0', `x${head}`, head.replace('80', '-1')]) assert.equal(at(text), null);
  });
});
