/**
 * Two devices that carry out signed requests only, the operator's Node-RED that signs, and a client that may publish whatever
 * it likes and has read everything: the broker no longer decides.
 */
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'mocha';
import { fleetResult, fleetState } from '../../firewall/fleet/answer';
import { madePair, signedWith } from '../../firewall/fleet/signature';
import { check } from '../../firewall/messages';
import { ensurePackages } from '../device/packages';
import { useShared } from '../device/suite';
import { everything } from '../firewall/stable';
import { until } from '../firewall/until';
import { Client } from '../fleet/client';
import { clockOff, Member } from '../fleet/member';
import { Office, type Row, TESTER } from '../fleet/office';

const GROUPS = { one: 'north', two: 'south' } as const;
type Name = keyof typeof GROUPS;
const NAMES = Object.keys(GROUPS) as Name[];
const ALL = 'smartserver/all/firewall/request';
const requestsOf = (name: string): string => `smartserver/device/${name}/firewall/request`;

const operator = madePair();
const guard = madePair();
const stranger = madePair();

let count = 0;
const request = (to: string, fields: object = {}, issued = Date.now()) => ({
  ...{ id: `request-${++count}`, to },
  ...{ issued: new Date(issued).toISOString(), expires: new Date(issued + 3600_000).toISOString() },
  ...{ action: 'set-profile', request: { profile: 'enhanced', optionalServices: 'open' } },
  ...fields,
});
const signed = (pair: typeof operator, key: string, content: object) =>
  signedWith(pair.privateKey, key, JSON.stringify(content));

describe('A fleet whose requests are signed', function () {
  this.timeout(120_000);
  const members = {} as Record<Name, Member>;
  after(() => Promise.all(Object.values(members).map(({ device }) => device.close())));
  const office = useShared(
    async () => {
      await ensurePackages('fleet');
      return Office.open(NAMES, clockOff('-3d'));
    },
    ({ device }) => device.close(),
  );
  const tester = useShared(
    () => Client.open(office, TESTER),
    (client) => client.close(),
  );
  before(async () => {
    await Promise.all([
      office.startNodeRed({}, { KEY_NAME: 'operator', SIGNING_KEY: operator.privateKey.split('\n')[1] as string }),
      ...NAMES.map(async (name) => {
        members[name] = await Member.open(office, name, GROUPS[name], undefined, {
          ...{ fleetDevice: name, fleetGroup: GROUPS[name] },
          operatorKeys: [
            { name: 'operator', publicKey: operator.publicKey, force: false, onlyTighten: false },
            { name: 'guard', publicKey: guard.publicKey, force: true, onlyTighten: true },
          ],
        });
      }),
    ]);
    await tester.subscribe('smartserver/device/+/firewall/result', ALL, requestsOf('+'));
  });

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
  const resultsFrom = (name: Name) =>
    tester.received
      .filter(({ topic }) => topic === `smartserver/device/${name}/firewall/result`)
      .map(({ text }) => check(fleetResult, JSON.parse(text)));
  /** Publishes something, and returns what this device answers. */
  const answered = async (name: Name, topic: string, payload: unknown) => {
    const before = resultsFrom(name).length;
    await tester.publish(topic, payload);
    await until(async () => resultsFrom(name).length > before);
    const result = resultsFrom(name)[before];
    return result?.error?.code ?? result?.outcome;
  };
  const firewalls = () => Promise.all(NAMES.map((name) => everything(members[name].device)));
  /** The operator's requests as they went over the broker, where anybody who may read gets them. */
  const overheard = (): string[] => tester.received.filter(({ topic }) => topic === ALL).map(({ text }) => text);

  it('carries out what the operator’s example signs, and the operator sees with which keys', async () => {
    await untilRows({ online: true, status: 'nothing', keys: 'operator, guard' });
    await office.press('Lock down all');
    await untilRows({ profile: 'lockdown', status: 'done' });
    assert.deepEqual(Object.keys(JSON.parse(overheard()[0] ?? '')).sort(), ['key', 'signature', 'signed']);
    await office.press('All to Enhanced Security');
    await untilRows({ profile: 'enhanced', status: 'done' });
    await tester.subscribe('smartserver/device/+/firewall/state');
    await until(async () => tester.received.filter(({ topic }) => topic.endsWith('/state')).length >= NAMES.length);
    for (const { topic, text } of tester.received) if (topic.endsWith('/state')) check(fleetState, JSON.parse(text));
  });

  it('carries out nothing else, whatever a client with all rights at the broker publishes', async () => {
    const before = await firewalls();
    const [lockdown = '', enhanced = ''] = overheard();
    const open = { action: 'toggle-service', request: { service: '9100/tcp', action: 'open' } };
    const own = signed(operator, 'operator', request('device/two', open));
    const forced = { action: 'toggle-service', request: { service: 'ssh', action: 'close', force: true } };
    const flip = (text: string) => text.replace('lockdown', 'lockdowm');
    const attacks: [attack: string, payload: unknown, refusal: string][] = [
      ['unsigned', request('all', open), 'NOT_SIGNED'],
      ['a stranger’s signature', signed(stranger, 'operator', request('all', open)), 'NOT_SIGNED'],
      ['a stranger’s key', signed(stranger, 'stranger', request('all', open)), 'NOT_SIGNED'],
      ['altered', flip(lockdown), 'NOT_SIGNED'],
      ['the last one, again', enhanced, 'repeated'],
      ['an earlier one, again', lockdown, 'SUPERSEDED'],
      ['for another device', own, 'NOT_SIGNED'],
      ['for another group', signed(operator, 'operator', request('group/south', open)), 'NOT_SIGNED'],
      ['for nobody', signed(operator, 'operator', { ...request('all', open), to: undefined }), 'NOT_SIGNED'],
      ['over', signed(operator, 'operator', request('all', open, Date.now() - 7200_000)), 'EXPIRED'],
      ['force', signed(operator, 'operator', request('all', forced)), 'NOT_PERMITTED'],
      ['an opening by a key that tightens', signed(guard, 'guard', request('all', open)), 'WOULD_OPEN'],
      ['no JSON', '{"signed":', 'INVALID_INPUT'],
      ['nothing', '', 'INVALID_INPUT'],
    ];
    for (const [attack, payload, refusal] of attacks) {
      assert.equal(await answered('one', requestsOf('one'), payload), refusal, attack);
    }
    assert.deepEqual(await firewalls(), before);
    // The table is not misled either: not by what was refused, nor by what the broker retains of it.
    await tester.publish(ALL, request('all', open), { retain: true, seconds: 600 });
    await until(async () => (await office.table()).refused > 0);
    await untilRows({ profile: 'enhanced', status: 'done' });
    await tester.publish(ALL, '', { retain: true });
    // What was for the other is right there.
    const { id } = JSON.parse(own.signed);
    await tester.publish(requestsOf('two'), own);
    await until(async () => resultsFrom('two').some((result) => result.id === id && result.outcome === 'changed'));
  });

  it('carries out no replay after a loss of power, and with a clock that is a day off', async () => {
    const [lockdown = '', enhanced = ''] = overheard();
    for (const clock of ['+1d', '-1d']) {
      await members.one.powerOff();
      await untilRows({ online: false }, ['one']);
      await members.one.powerOn(clockOff(clock));
      // Connected it is before it has asked for requests, and says that it is there when it has.
      await untilRows({ online: true }, ['one']);
      const before = await everything(members.one.device);
      assert.ok(['SUPERSEDED', 'EXPIRED'].includes(String(await answered('one', requestsOf('one'), lockdown))));
      assert.equal(await answered('one', requestsOf('one'), enhanced), 'repeated');
      assert.equal(await answered('one', requestsOf('one'), request('all')), 'NOT_SIGNED');
      assert.deepEqual(await everything(members.one.device), before);
    }
  });

  it('carries out what a key allows: a lockdown by a guard who may only tighten', async () => {
    const lockdown = { action: 'set-profile', request: { profile: 'lockdown' } };
    const guarded = signed(guard, 'guard', request('group/south', lockdown));
    assert.equal(await answered('two', 'smartserver/group/south/firewall/request', guarded), 'changed');
    await untilRows({ profile: 'lockdown' }, ['two']);
  });
});
