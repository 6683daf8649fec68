/** The examples for web ports and fleets, run on a fake device: each message arrives where the flow's comments say. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fleetRequest } from '../../firewall/fleet/envelope';
import { madePair, opened, signedWith } from '../../firewall/fleet/signature';
import { check } from '../../firewall/messages';
import { exampleFlow } from '../examples';
import { devices, type Message, nodeOf, start, stop } from './bench';

/** The bench has its own tab and Catch node. */
const LEFT_OUT = ['tab', 'comment', 'catch', 'mqtt-broker', 'tls-config'];
/** The test sends messages instead, and sees them where they would be printed, or sent to a browser. */
const STANDS = ['inject', 'debug', 'http in', 'http response', 'mqtt in', 'mqtt out', 'status', 'delay'];

interface FlowNode {
  id: string;
  type: string;
  name: string;
}
let flow: FlowNode[];

async function startExample(name: string): Promise<void> {
  flow = exampleFlow(name);
  const nodes = flow.filter(({ type }) => !LEFT_OUT.includes(type));
  const stands = (type: string) => (STANDS.includes(type) ? 'helper' : type);
  await start(nodes.map((node) => ({ ...node, z: 'flow', type: stands(node.type) })));
}

const named = (name: string) => nodeOf(flow.find((node) => node.name === name)?.id ?? name);

/** Sends a message out of one node and waits until it is printed by another. */
async function follow(
  from: string,
  to: string,
  sent: Partial<Message> & Record<string, unknown> = {},
): Promise<Message> {
  const printed = once(named(to), 'input');
  named(from).send(sent);
  const [message] = await printed;
  return message;
}

describe('the example', () => {
  afterEach(stop);

  it('move-web-ports reports the new address, there and back', async () => {
    await startExample('move-web-ports');
    const device = devices[0];
    assert.ok(device);
    const { payload: links } = await follow('Move now', 'Open this to confirm');
    for (const link of links.split('\n'))
      assert.match(link, /^https:\/\/[\d.]+:1443\/node-red\/firewall\/confirm\?id=1$/);
    assert.deepEqual(device.webPorts, { http: 1780, https: 1443 });
    const asked = (id: string, language = 'en') => ({
      payload: { id },
      req: { query: { id }, acceptsLanguages: () => language },
    });
    await follow('GET /firewall/confirm', 'not found', { payload: {} });
    await follow('POST /firewall/confirm', 'not found', { payload: {} });
    const other = await follow('GET /firewall/confirm', 'to the browser', asked('2'));
    assert.match(other.payload, /This change is not waiting/);
    const page = await follow('GET /firewall/confirm', 'to the browser', asked('1', 'de'));
    assert.match(page.payload, /wurden auf den Port 1443 gelegt[\s\S]*value="1"[\s\S]*Bestätigen<\/button>/);
    assert.equal(device.pending?.id, '1');
    const { payload } = await follow('POST /firewall/confirm', 'to the browser', asked('1'));
    assert.match(payload, /Confirmed: the change stays\./);
    assert.equal(device.pending, null);
    assert.match((await follow('Move back', 'The new address')).payload, /^https:\/\/[\d.]+\/$/m);
    assert.deepEqual(device.webPorts, { http: 80, https: 443 });
    const moves = device.requests as { keepOldOpen?: number; confirmWithin?: number }[];
    assert.deepEqual(
      moves.map(({ keepOldOpen, confirmWithin }) => [keepOldOpen, confirmWithin]),
      [
        [600, 180],
        [undefined, undefined],
        [600, 0],
      ],
    );
  });

  it('fleet-operator keeps no more devices than it is designed for, and shows some hundreds per page', async () => {
    await startExample('fleet-operator');
    const say = (name: string, what: string, said: object) => {
      const topic = `smartserver/device/${name}/firewall/${what}`;
      named(what === 'state' ? 'States' : 'Results').send({ topic, payload: JSON.stringify(said) });
    };
    for (const name of ['a b', '<b>', '', 'x'.repeat(65), 'é']) say(name, 'state', { online: true });
    for (let at = 0; at < 20_010; at++) say(`d${at}`, 'state', { online: at % 2 === 0, profile: 'enhanced' });
    const req = { path: '/fleet.json' };
    const { payload } = await follow('GET /fleet.json', 'to a program', { req, payload: {} });
    assert.deepEqual([payload.counts.devices, payload.counts.online, payload.refused], [20_000, 10_000, 15]);
    const page = await follow('GET /fleet', 'to the browser', { req: { path: '/fleet' }, payload: { page: '2' } });
    assert.equal(page.payload.match(/<tr><td>/g).length, 500);
    assert.match(page.payload, /Page 2 of 40/);
  });

  it('fleet-operator notices a ledger that was cut or rewritten, and no other', async () => {
    await startExample('fleet-operator');
    const hash = (digit: string): string => digit.repeat(64);
    const say = (name: string, ledger: unknown) =>
      named('States').send({
        topic: `smartserver/device/${name}/firewall/state`,
        payload: JSON.stringify({ online: true, profile: 'enhanced', ledger }),
      });
    const histories: Record<string, unknown[]> = {
      whole: [null, { seq: 5, hash: hash('a') }, { seq: 5, hash: hash('a') }, { seq: 9, hash: hash('b') }],
      older: [undefined, { seq: 5, hash: hash('a') }],
      cut: [
        { seq: 5, hash: hash('a') },
        { seq: 4, hash: hash('b') },
      ],
      rewritten: [
        { seq: 5, hash: hash('a') },
        { seq: 5, hash: hash('b') },
        { seq: 6, hash: hash('c') },
      ],
      removed: [{ seq: 5, hash: hash('a') }, null],
      nonsense: [
        { seq: 5, hash: hash('a') },
        { seq: '6', hash: '<b>' },
      ],
    };
    for (const [name, heads] of Object.entries(histories)) for (const head of heads) say(name, head);
    const { payload } = await follow('GET /fleet.json', 'to a program', { req: { path: '/fleet.json' }, payload: {} });
    const cut = payload.devices.filter(({ why }: { why: string }) =>
      /its ledger was cut or rewritten: entry 5/.test(why),
    );
    const noticed = cut.map(({ name, status }: { name: string; status: string }) => `${name} ${status}`);
    assert.equal(String(noticed.sort()), 'cut failed,nonsense failed,removed failed,rewritten failed');
  });

  it('fleet-operator issues each request after the one before, whatever its clock', async () => {
    await startExample('fleet-operator');
    const ahead = {
      id: 'ahead',
      issued: new Date(Date.now() + 3_600_000).toISOString(),
      expires: '2100-01-01T00:00:00Z',
    };
    const payload = JSON.stringify({ ...ahead, action: 'set-profile', request: { profile: 'lockdown' } });
    named('Requests to all').send({ topic: 'smartserver/all/firewall/request', payload, retain: true });
    const to = { to: 'group/north', action: 'set-profile', request: { profile: 'enhanced' } };
    const first = await follow('Lock down a group', 'Request', { payload: to });
    const second = await follow('Lock down a group', 'Request', { payload: to });
    assert.ok(ahead.issued < first.payload.issued && first.payload.issued < second.payload.issued);
    assert.equal(first.topic, 'smartserver/group/north/firewall/request');
    for (const { payload: envelope } of [first, second]) assert.equal(check(fleetRequest, envelope).id, envelope.id);
  });

  it('fleet-operator signs if it has a key, and then takes nobody else’s requests for wanted', async () => {
    const [own, other] = [madePair(), madePair()];
    process.env.KEY_NAME = 'operator';
    process.env.SIGNING_KEY = own.privateKey.split('\n')[1];
    try {
      await startExample('fleet-operator');
      const sent = await follow('Lock down a group', 'Request', {
        payload: { to: 'group/north', action: 'set-profile', request: { profile: 'enhanced' } },
      });
      const trust = { fleetDevice: '', fleetGroup: 'north' };
      const key = { name: 'operator', publicKey: own.publicKey, onlyTighten: false, force: false };
      const { request } = opened(sent.payload, { ...trust, operatorKeys: [key] });
      const said = check(fleetRequest, request);
      assert.deepEqual([said.to, said.action, sent.retain], ['group/north', 'set-profile', true]);
      const table = async () =>
        (await follow('GET /fleet.json', 'to a program', { req: { path: '/fleet.json' }, payload: {} })).payload;
      const heard = (payload: unknown, to = 'group/north') =>
        named('Requests to groups').send({
          ...{ topic: `smartserver/${to}/firewall/request`, retain: true },
          payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
        });
      const later = JSON.stringify({ ...said, id: 'later', issued: said.expires });
      heard({ ...said, id: 'later', issued: said.expires });
      heard(signedWith(other.privateKey, 'operator', later));
      heard({ ...sent.payload, signed: later });
      heard(sent.payload, 'group/south');
      for (const text of ['', '{', '7']) heard(text);
      const { requests, refused } = await table();
      assert.deepEqual([String(requests.map(({ id }: { id: string }) => id)), refused], [said.id, 8]);
      heard(signedWith(own.privateKey, 'operator', later));
      assert.equal(String((await table()).requests.map(({ id }: { id: string }) => id)), 'later');
    } finally {
      delete process.env.KEY_NAME;
      delete process.env.SIGNING_KEY;
    }
  });

  it('fleet-operator sends nothing with half a key, or with what is no key', async () => {
    const payload = { to: 'all', action: 'set-profile', request: { profile: 'lockdown' } };
    await startExample('fleet-operator');
    try {
      for (const [name, key] of [
        ['operator', ''],
        ['', 'MC4CAQAwBQYDK2VwBCIEIA'],
        ['operator', 'a secret that is no key'],
        ['operator', madePair().publicKey],
      ] as const) {
        process.env.KEY_NAME = name;
        process.env.SIGNING_KEY = key;
        const sent: unknown[] = [];
        const collect = (message: unknown) => sent.push(message);
        named('Request').on('input', collect);
        const error = once(named('as an envelope'), 'call:error');
        named('Lock down all').send({ payload });
        const [call] = await error;
        assert.match(String(call.args[0]), /KEY/);
        assert.ok(!String(call.args[0]).includes(key) || key === '', 'the key is shown');
        assert.deepEqual(sent, []);
      }
    } finally {
      delete process.env.KEY_NAME;
      delete process.env.SIGNING_KEY;
    }
  });

  it('ssh-for-a-visit opens SSH for half an hour, and closes it with its sessions', async () => {
    await startExample('ssh-for-a-visit');
    const device = devices[0];
    assert.ok(device);
    assert.equal((await follow('Approve a visit', 'SSH is open until')).payload, '2026-01-01T00:30:00.000Z');
    assert.equal((await follow('Visit is over', 'Sessions ended')).payload, 0);
    const [open, close] = device.requests as Record<string, unknown>[];
    assert.deepEqual(
      [open?.action, open?.duration, close?.action, close?.cutConnections],
      ['open', 1800, 'close', true],
    );
  });

  it('lockdown-for-an-hour locks down for an hour, and lifts that earlier', async () => {
    await startExample('lockdown-for-an-hour');
    const device = devices[0];
    assert.ok(device);
    assert.equal((await follow('An alarm', 'Until when')).payload.lease.until, '2026-01-01T00:30:00.000Z');
    assert.equal((await follow('The alarm is over', 'Lifted')).payload.action, 'set-profile enhanced');
    const [lock, lift] = device.requests as Record<string, unknown>[];
    assert.deepEqual(
      [lock?.profile, lock?.duration, lock?.onlyTighten, lock?.overrideOthers, lift?.onlyTighten],
      ['lockdown', 3600, true, true, false],
    );
  });

  it('switch-and-led opens and closes with a switch, and shows whether it is open', async () => {
    await startExample('switch-and-led');
    const device = devices[0];
    assert.ok(device);
    named('Switch off').send({ payload: false });
    named('Switch on').send({ payload: true });
    assert.equal((await follow('At the start', 'LED')).payload, true);
    const asked = (device.requests as Record<string, unknown>[]).filter(({ action }) => action !== undefined);
    assert.deepEqual(
      asked.map(({ service, action }) => [service, action]),
      [
        ['ssh', false],
        ['ssh', true],
      ],
    );
  });

  it('undo-button undoes, repairs and lists', async () => {
    await startExample('undo-button');
    assert.equal((await follow('Undo', 'What changed')).payload.action, 'undo');
    assert.equal((await follow('Repair', 'What changed')).payload.action, 'restore latest');
    assert.equal((await follow('List the backups', 'Backups')).payload[0].id, '20260101T000000000Z-0a1b2c');
  });

  it('web-ports-daily-check reports whether nginx and the firewall agree, and repairs on request', async () => {
    await startExample('web-ports-daily-check');
    const device = devices[0];
    assert.ok(device);
    assert.equal((await follow('Every day at 6', 'In order')).payload.webPorts.consistent, true);
    device.webProblems = ['The web pages cannot be reached.'];
    const { payload } = await follow('Every day at 6', 'Problems');
    assert.deepEqual(payload.webPorts.problems, ['The web pages cannot be reached.']);
    assert.equal(device.requests.length, 0);
    assert.equal((await follow('Repair now', 'What changed')).payload.changed, true);
    assert.equal((await follow('Every day at 6', 'In order')).payload.webPorts.consistent, true);
    device.webProblems = null;
    assert.equal((await follow('Every day at 6', 'No site file')).payload.webPorts, null);
  });
});
