/** What is learned from the kernel's connections against what was really sent, by a building of many peers. */
import { strict as assert } from 'node:assert';
import { join, resolve } from 'node:path';
import { beforeEach, describe, it } from 'mocha';
import { keyOf } from '../../../firewall/peers/peer';
import { Building, HOSTILE, TALKS, type Talk, whoIn } from '../../device/building';
import { Device } from '../../device/device';
import { useDevice, useFresh } from '../../device/suite';
import { SEED } from '../../seed';
import { Looking } from '../looking';
import { until } from '../until';

const ADDRESSES = [...new Set([...TALKS, ...HOSTILE].map(({ peer }) => peer))];

const PROJECT = resolve(__dirname, '..', '..', '..', '..');
const LISTENING = [
  ['tcp', 443],
  ['tcp', 1883],
  ['udp', 1628],
] as const;

/** How many packets with forged senders are sent. */
const FORGED = Number(process.env.FORGED_SENDERS ?? 20_000);

describe('Looking at the kernel’s connections', function () {
  this.timeout(120_000);
  // The kernel keeps connections for minutes: those of one test are none of the next one's.
  const device = useFresh(
    () => Device.open(),
    (one) => one.close(),
  );
  const building = useFresh(() => Building.around(device, ADDRESSES));
  const looking = useFresh(async () => new Looking(device));
  beforeEach(async () => {
    await device.ufw('allow', '47808/udp');
    await building.joinMulticast();
    for (const [proto, port] of LISTENING) await device.listen(proto, port);
  });

  /** For how long the kernel keeps a connection of which nothing is heard, from now on. */
  const forgetAfter = (seconds: number) =>
    device.ok(
      'sh',
      '-c',
      `cd /proc/sys/net/netfilter && for one in nf_conntrack_udp_timeout nf_conntrack_udp_timeout_stream nf_conntrack_tcp_timeout_*; do echo ${seconds} >$one; done`,
    );
  const silence = (): Promise<void> =>
    until(async () => !/ (tcp|udp) /.test(await device.ok('cat', '/proc/net/nf_conntrack')));
  const seenOf = async (who: string) => (await looking.peers()).peers.find((one) => keyOf(one) === who);

  it('finds everybody who has begun to talk, and nobody else', async () => {
    await building.talk([...TALKS, ...HOSTILE]);
    assert.equal(await looking.look({ now: 1000 }), 0);
    const { peers, flooded } = await looking.peers();
    assert.deepEqual(peers.map(keyOf).sort(), [...new Set(TALKS.map(whoIn))].sort());
    assert.deepEqual([...new Set(peers.map((one) => one.interface))], ['eth0']);
    assert.deepEqual(flooded, []);
  });

  it('counts a conversation once, however often it is looked at, and keeps when it was', async () => {
    const [one] = TALKS as [Talk];
    await building.talk([one]);
    for (const now of [1000, 1008, 1016]) await looking.look({ now, weekday: 3, hour: 7 });
    const { firstSeen, lastSeen, count, days, weekdays, hours } = (await seenOf(whoIn(one))) ?? assert.fail();
    assert.deepEqual({ firstSeen, count, days, weekdays }, { firstSeen: 1000, count: 1, days: 1, weekdays: '0010000' });
    assert.equal(hours, '000000010000000000000000');
    assert.ok(lastSeen >= 1000);
  });

  it('counts those who come once an hour each time, on their days and in their hours', async () => {
    await forgetAfter(1);
    const hourly = TALKS.slice(0, 12).filter(({ proto }) => proto === 'udp');
    const once = hourly[0] as Talk;
    for (const [at, hour] of [6, 7, 8, 30].entries()) {
      await building.talk(at === 0 ? hourly : hourly.filter((one) => one !== once));
      await looking.look({ now: 86_400 + hour * 3600, weekday: 1 + Math.floor(hour / 24), hour: hour % 24 });
      await silence();
      await looking.look({ now: 86_400 + hour * 3600 + 8, weekday: 1 + Math.floor(hour / 24), hour: hour % 24 });
    }
    for (const talk of hourly) {
      const seen = (await seenOf(whoIn(talk))) ?? assert.fail(whoIn(talk));
      const { count, days, weekdays, hours, firstSeen, lastSeen } = seen;
      const [times, last, on] = talk === once ? [1, 6, '1000000'] : [4, 30, '1100000'];
      assert.deepEqual(
        { count, days, weekdays, firstSeen, lastSeen },
        {
          ...{ count: times, days: talk === once ? 1 : 2, weekdays: on },
          ...{ firstSeen: 86_400 + 6 * 3600, lastSeen: 86_400 + last * 3600 },
        },
      );
      assert.equal(hours, talk === once ? '000000100000000000000000' : '000000111000000000000000');
    }
  });

  it('asks for what is new to be kept, ten minutes after it was kept last, and for the rest once a day', async () => {
    const [one, other] = TALKS as [Talk, Talk];
    assert.equal(await looking.look({ now: 1000 }), 0);
    await building.talk([one]);
    assert.equal(await looking.look({ now: 1008 }), 0);
    assert.equal(await looking.look({ now: 1599 }), 0);
    assert.equal(await looking.look({ now: 1600 }), 3);
    assert.equal(await looking.look({ now: 2200 }), 0);
    await building.talk([one]);
    assert.equal(await looking.look({ now: 3000 }), 0, 'nobody new');
    // What could not be kept is asked for again, but not at once.
    assert.equal(await looking.look({ now: 3008 }, 1), 3);
    assert.equal(await looking.look({ now: 3016 }, 1), 0);
    await building.talk([other]);
    assert.equal(await looking.look({ now: 3700 }), 3);
    assert.equal(await looking.look({ now: 3700 + 86_399 }), 0);
    assert.equal(await looking.look({ now: 3700 + 86_400 }), 3);
  });

  it('takes a flood of forged senders for one, stays small, and finds who talks meanwhile', async () => {
    await device.ok('sh', '-c', 'for one in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$one; done');
    const chatty = TALKS.filter(({ port }) => port === 443 || port === 123);
    for (let round = 0; round < 10; round++) {
      await building.forge(FORGED / 10, 1628, SEED + round);
      await building.talk(chatty);
      await looking.look({ now: 1000 + round * 8 });
    }
    const { peers, flooded } = await looking.peers();
    assert.deepEqual(flooded, ['in 1628/udp']);
    const found = new Set(peers.map(keyOf));
    assert.deepEqual(
      chatty.map(whoIn).filter((one) => !found.has(one)),
      [],
    );
    // In a table that is bounded, and kept as subnets of which no more are named than are kept.
    assert.ok((await looking.seen()).length < 2_000_000);
    assert.ok(peers.length <= 250 + chatty.length, `${peers.length}`);
  });
});

describe('Learning who talks without systemd', function () {
  this.timeout(60_000);
  const device = useDevice();

  it('is refused, and changes nothing', async () => {
    const program = [device.node, device.inside(join(PROJECT, 'dist/agent/smartserver-firewall.js')), '--json'];
    const { code, stdout } = await device.run([...program, 'learn', 'start']);
    assert.equal(code, 1);
    assert.match(stdout, /NO_TRACKING: .*systemd/);
    assert.equal(await device.exists('/var/lib/smartserver-firewall/peers.json'), false);
    const { learning } = JSON.parse(await device.ok(...program, 'peers'));
    assert.equal(learning, null);
  });
});
