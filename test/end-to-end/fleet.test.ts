/**
 * A fleet: three devices, each with its own ufw and Node-RED, an operator's Node-RED, and the broker between them, over TLS
 * and through the devices' own firewalls. Whatever goes wrong on the way, no change is left incomplete, and the table is
 * correct.
 */
import { strict as assert } from 'node:assert';
import { after, before, beforeEach, describe, it } from 'mocha';
import { fleetResult, fleetState } from '../../firewall/fleet/answer';
import { check } from '../../firewall/messages';
import { ensurePackages } from '../device/packages';
import { useFresh, useShared } from '../device/suite';
import { assertReloadChangesNothing, everything } from '../firewall/stable';
import { until } from '../firewall/until';
import { Client } from '../fleet/client';
import { clockOff, diesAt, Member } from '../fleet/member';
import { Office, type Row, TESTER } from '../fleet/office';

const ALL = 'smartserver/all/firewall/request';
const GROUPS = { one: 'north', two: 'north', three: 'south' } as const;
type Name = keyof typeof GROUPS;
const NAMES = Object.keys(GROUPS) as Name[];

/** A request like those of the operator's flow, to be published by a program. */
const envelope = (id: string, profile: string, { issued = Date.now(), seconds = 600 } = {}) => ({
  ...{ id, issued: new Date(issued).toISOString(), expires: new Date(issued + seconds * 1000).toISOString() },
  ...{ action: 'set-profile', request: { profile } },
});

describe('A fleet of devices', function () {
  this.timeout(120_000);
  const members = {} as Record<Name, Member>;
  // What is opened later has to be closed first, so the devices go before their broker.
  after(() => Promise.all(Object.values(members).map(({ device }) => device.close())));

  const office = useShared(
    async () => {
      await ensurePackages('fleet');
      return Office.open(NAMES, clockOff('-3d'));
    },
    ({ device }) => device.close(),
  );
  before(() =>
    Promise.all([
      office.startNodeRed(),
      ...NAMES.map(async (name) => {
        members[name] = await Member.open(office, name, GROUPS[name]);
      }),
    ]),
  );
  const tester = useFresh(
    () => Client.open(office, TESTER),
    (client) => client.close(),
  );
  beforeEach(() => tester.subscribe('smartserver/device/+/firewall/result'));

  /** Waits until the table shows this for each of these devices. */
  const untilRows = async (wanted: Partial<Row>, names: readonly Name[] = NAMES) => {
    let found: Partial<Row>[] = [];
    const holds = (row: Partial<Row>) =>
      Object.entries(wanted).every(([key, value]) => row[key as keyof Row] === value);
    await until(async () => {
      const { devices } = await office.table();
      found = names.map((name) => devices.find((device) => device.name === name) ?? {});
      return found.every(holds);
    }).catch(() => assert.fail(`${JSON.stringify(wanted)} is not so: ${JSON.stringify(found)}`));
  };
  const probe = async (name: Name) =>
    (await members[name].device.neighbour.probe([{ proto: 'tcp', port: 22, family: 'ipv4' }]))[0];
  /** The results of a request, by device. */
  const results = (id: string) =>
    tester.received
      .map(({ topic, text }) => ({ name: topic.split('/')[2] as Name, ...JSON.parse(text) }))
      .filter((result) => result.id === id);
  const untilResults = (id: string, count: number) => until(async () => results(id).length >= count);
  /** All have the same firewall, and ufw agrees with it. */
  const assertAlike = async () => {
    const states = await Promise.all(NAMES.map((name) => everything(members[name].device)));
    for (const state of states) assert.deepEqual(state, states[0]);
    await Promise.all(NAMES.map((name) => assertReloadChangesNothing(members[name].device)));
  };

  it('carries out one request, and the operator sees who has carried it out', async () => {
    await untilRows({ online: true, profile: 'enhanced', status: 'nothing' });
    assert.deepEqual(await Promise.all(NAMES.map(probe)), ['in', 'in', 'in']);
    await office.press('Lock down all');
    await untilRows({ online: true, profile: 'lockdown', status: 'done' });
    assert.deepEqual(await Promise.all(NAMES.map(probe)), ['filtered', 'filtered', 'filtered']);
    await assertAlike();
    // The messages conform to docs/fleet.schema.json.
    await tester.subscribe('smartserver/device/+/firewall/state');
    await until(async () => tester.received.filter(({ topic }) => topic.endsWith('/state')).length >= NAMES.length);
    for (const { topic, text } of tester.received) {
      check(topic.endsWith('/state') ? fleetState : fleetResult, JSON.parse(text));
    }
  });

  it('carries out a request to a group in that group only', async () => {
    const request = envelope('north-up', 'enhanced');
    await tester.publish('smartserver/group/north/firewall/request', request, { retain: true, seconds: 600 });
    await untilRows({ profile: 'enhanced', status: 'done', request: 'set-profile enhanced (group/north)' }, [
      'one',
      'two',
    ]);
    await untilRows({ profile: 'lockdown', status: 'done', request: 'set-profile lockdown (all)' }, ['three']);
  });

  it('carries out a request although the broker is restarted midway, under lockdown too', async () => {
    await Promise.all([office.press('All to Enhanced Security'), office.stopBroker('SIGKILL')]);
    await untilRows({ status: 'done' }, []);
    await office.startBroker();
    await untilRows({ online: true, profile: 'enhanced', status: 'done' });
    await office.press('Lock down all');
    await untilRows({ profile: 'lockdown', status: 'done' });
    await office.stopBroker('SIGTERM');
    await office.press('All to Enhanced Security');
    await office.startBroker();
    await untilRows({ online: true, profile: 'enhanced', status: 'done' });
    await assertAlike();
  });

  it('completes a request during which a device lost power', async () => {
    await members.one.powerOff();
    await members.one.powerOn(diesAt('/etc/ufw/user6.rules'));
    await untilRows({ online: true, status: 'done' });
    await office.press('Lock down all');
    await members.one.nodeRed.exited;
    await untilRows({ online: false, status: 'offline', profile: 'enhanced' }, ['one']);
    await untilRows({ online: true, status: 'done' }, ['two', 'three']);
    const ipv4 = await members.one.device.read('/etc/ufw/user.rules');
    const ipv6 = await members.one.device.read('/etc/ufw/user6.rules');
    assert.ok(!/ 22 /.test(ipv4) && / 22 /.test(ipv6), 'it did not die half-way');
    await members.one.powerOff();
    await members.one.powerOn();
    await untilRows({ online: true, profile: 'lockdown', status: 'done' });
    await assertAlike();
  });

  it('carries out no request twice, and none that was superseded', async () => {
    const now = Date.now();
    const older = envelope('older', 'standard', { issued: now });
    const newer = envelope('newer', 'enhanced', { issued: now + 1 });
    await tester.publish(ALL, newer, { retain: true, seconds: 600 });
    await tester.publish(ALL, older);
    await tester.publish(ALL, newer);
    await untilResults('older', 3);
    await untilResults('newer', 6);
    for (const name of NAMES) {
      const outcomes = results('newer').filter((result) => result.name === name);
      assert.deepEqual(
        outcomes.map(({ outcome }) => outcome),
        ['changed', 'repeated'],
      );
    }
    assert.deepEqual([...new Set(results('older').map(({ error }) => error.code))], ['SUPERSEDED']);
    await untilRows({ profile: 'enhanced', status: 'done' });
    await assertAlike();
  });

  it('carries out a request on devices whose clocks are a day off, and reports one that has expired there', async () => {
    await Promise.all([members.two.nodeRed.kill(), members.three.nodeRed.kill()]);
    await Promise.all([members.two.start(clockOff('+1d')), members.three.start(clockOff('-1d'))]);
    await office.press('Lock down all');
    await untilRows({ online: true, profile: 'lockdown', status: 'done' });
    await tester.publish(ALL, envelope('an-hour', 'enhanced', { seconds: 3600 }), { retain: true, seconds: 3600 });
    await untilRows({ profile: 'enhanced', status: 'done' }, ['one', 'three']);
    await untilRows({ profile: 'lockdown', status: 'failed' }, ['two']);
    const { devices } = await office.table();
    assert.match(devices.find(({ name }) => name === 'two')?.why ?? '', /^EXPIRED: /);
    await office.press('All to Enhanced Security');
    await untilRows({ profile: 'enhanced', status: 'done' });
    await assertAlike();
  });

  it('refuses what is not a request', async () => {
    const states = await Promise.all(NAMES.map((name) => everything(members[name].device)));
    const good = envelope('good', 'lockdown');
    const hostile: unknown[] = [
      ...['', '{', 'null', '[]', '"lockdown"', '42', 'x'.repeat(60_000), JSON.stringify('y'.repeat(60_000))],
      ...[{}, [good], { ...good, id: 'a/b' }, { ...good, id: { toString: 'good' } }, { ...good, issued: 'yesterday' }],
      ...[
        { ...good, expires: good.issued },
        { ...good, action: '__proto__' },
        { ...good, action: 'exec' },
      ],
      ...[
        { ...good, request: null },
        { ...good, request: { profile: '__proto__' } },
        { ...good, extra: true },
      ],
      ...[{ ...good, request: { profile: 'lockdown', settings: { etcUfw: '/tmp' } } }],
      `{"__proto__":${JSON.stringify(good)}}`,
      JSON.stringify(good).replace('"request":{', '"request":{"__proto__":{"profile":"lockdown"},'),
      JSON.stringify(good).replace(
        '"request":{"profile":"lockdown"}',
        '"request":{"service":"22; id","action":"open"}',
      ),
      `${'[['.repeat(10_000)}`,
      Buffer.from([0xff, 0xfe, 0, 1]),
    ];
    for (const one of hostile) await tester.publish(ALL, one);
    await office.press('All report their state');
    await until(async () =>
      NAMES.every((name) =>
        tester.received.some(({ topic, text }) => topic.includes(`/${name}/`) && JSON.parse(text).outcome === 'read'),
      ),
    );
    assert.deepEqual(await Promise.all(NAMES.map((name) => everything(members[name].device))), states);
    await untilRows({ online: true, profile: 'enhanced', status: 'done' });
  });
});
