/** The example fleet-operator in a real Node-RED, with a real broker; the test plays the devices. */
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'mocha';
import { until } from '../firewall/until';
import { Client, type Received } from './client';
import { Office, type Row, TESTER } from './office';

const own = (name: string, what: string) => `smartserver/device/${name}/firewall/${what}`;
const ALL = 'smartserver/all/firewall/request';
const NAMES = ['one', 'two', 'three', '<b>bold'];

interface Envelope {
  id: string;
  issued: string;
  expires: string;
  action: string;
  request: unknown;
}

describe('The operator of a fleet', function () {
  this.timeout(90_000);
  let office: Office;
  let devices: Client[];
  const clients: Client[] = [];

  const open = async (name: string, will = false): Promise<Client> => {
    const last = { topic: own(name, 'state'), payload: Buffer.from('{"online":false}'), qos: 1, retain: true } as const;
    const client = await Client.open(office, name, will ? { will: last } : {});
    clients.push(client);
    return client;
  };
  const publishState = (name: string, state: object) =>
    devices[NAMES.indexOf(name)]?.publish(
      own(name, 'state'),
      { online: true, profile: 'enhanced', ...state },
      { retain: true },
    );
  const answer = (name: string, result: object) => devices[NAMES.indexOf(name)]?.publish(own(name, 'result'), result);
  const row = async (name: string): Promise<Row | undefined> =>
    (await office.table()).devices.find((device) => device.name === name);
  const untilRow = (name: string, wanted: Partial<Row>) =>
    until(async () => {
      const found: Partial<Row> = (await row(name)) ?? {};
      return Object.entries(wanted).every(([key, value]) => found[key as keyof Row] === value);
    });
  /** Presses a button, and returns what every device receives. */
  const press = async (button: string): Promise<Envelope> => {
    const [first] = devices as [Client];
    const before = first.received.length;
    await office.press(button);
    await until(async () => first.received.length > before);
    return JSON.parse((first.received[before] as Received).text);
  };

  before(async () => {
    office = await Office.open(NAMES);
    devices = await Promise.all(NAMES.map((name) => open(name, true)));
    await Promise.all(devices.map((device) => device.subscribe(ALL)));
    await publishState('one', { group: 'north', lastRequest: null });
    await office.startNodeRed();
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await office?.device.close();
  });

  it('knows from the start what the broker has retained, and then what is published', async () => {
    await untilRow('one', { online: true, since: null, group: 'north', profile: 'enhanced', status: 'nothing' });
    await publishState('two', {});
    await untilRow('two', { online: true });
    assert.ok((await row('two'))?.since);
    devices[1]?.cut();
    await untilRow('two', { online: false, profile: 'enhanced' });
    devices[1] = await open('two', true);
    await devices[1].subscribe(ALL);
    await publishState('two', {});
    await publishState('three', {});
  });

  it('sends a request that is retained until it expires, and a reading that is not', async () => {
    const { id, issued, expires, action, request } = await press('Lock down all');
    assert.deepEqual([action, request], ['set-profile', { profile: 'lockdown' }]);
    assert.equal(Date.parse(expires) - Date.parse(issued), 48 * 3600 * 1000);
    const reading = await press('All report their state');
    assert.equal(reading.action, 'read-firewall');
    const late = await open(TESTER);
    await late.subscribe(ALL);
    const kept = await late.until(({ retain }) => retain);
    assert.equal(JSON.parse(kept.text).id, id);
    const { requests } = await office.table();
    assert.deepEqual(
      requests.map((one) => [one.to, one.id]),
      [['all', id]],
    );
  });

  it('shows who has carried it out by the state, and who has failed by the result, however often and in whatever order they arrive', async () => {
    const older = await press('Lock down all');
    const { id, issued } = await press('All to Enhanced Security');
    assert.ok(issued > older.issued);
    await untilRow('one', { status: 'waiting', request: 'set-profile enhanced (all)' });
    const failed = {
      id,
      action: 'set-profile',
      outcome: 'failed',
      error: { code: 'BUSY', message: 'BUSY: <i>ufw</i>' },
    };
    await answer('one', failed);
    await answer('one', { id: older.id, action: 'set-profile', outcome: 'done', error: null });
    await answer('one', failed);
    await untilRow('one', { status: 'failed', why: 'BUSY: <i>ufw</i>' });
    await publishState('two', { lastRequest: { id, issued } });
    await answer('two', { id: older.id, action: 'set-profile', outcome: 'failed', error: null });
    await untilRow('two', { status: 'done' });
    // What it carried out is not what is wanted.
    await publishState('three', { lastRequest: { id: older.id, issued: older.issued } });
    await untilRow('three', { status: 'waiting' });
    await publishState('three', {
      lastRequest: { id: 'from another', issued: new Date(Date.parse(issued) + 1).toISOString() },
    });
    await untilRow('three', { status: 'done', why: 'by a later request' });
    await publishState('one', { lastRequest: { id, issued } });
    await untilRow('one', { status: 'done', why: '' });
    const { counts } = await office.table();
    assert.deepEqual([counts.devices, counts.online, counts.done, counts.failed], [3, 3, 3, 0]);
  });

  it('ignores what it does not understand, and escapes what is shown', async () => {
    const before = await office.table();
    const hostile = [
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '42',
      '{"id":{"toString":1}}',
      '{"__proto__":{"online":true},"outcome":7}',
    ];
    for (const text of hostile) await answer('one', text as unknown as object);
    for (const text of ['{', 'null', '[1]', '"online"']) await devices[1]?.publish(own('two', 'state'), text);
    await devices[3]?.publish(own('<b>bold', 'state'), { online: true });
    await publishState('one', { profile: '<script>alert(1)</script>', group: 'x'.repeat(5000), lastRequest: 'none' });
    await untilRow('one', { profile: '<script>alert(1)</script>', group: 'x'.repeat(300) });
    const table = await office.table();
    assert.deepEqual(
      table.devices.map(({ name, online }) => [name, online]),
      before.devices.map(({ name, online }) => [name, online]),
    );
    assert.ok(table.refused >= 3);
    const page = await office.page();
    assert.match(page, /&lt;script&gt;alert\(1\)/);
    assert.doesNotMatch(page, /<script|<b>bold/);
    assert.match(await office.page('?only=done&page=9'), /Page 1 of 1/);
    assert.doesNotMatch(await office.page('?only=%3Cscript'), /<script|%3Cscript/);
  });

  it('has read-only pages: no page can make it send anything', async () => {
    const response = await fetch(`${office.url}/fleet`);
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.doesNotMatch(await response.text(), /<form|<button|<input/);
    for (const path of ['/fleet', '/fleet.json']) {
      for (const method of ['POST', 'PUT', 'DELETE']) {
        assert.equal((await fetch(office.url + path, { method })).status, 404, `${method} ${path}`);
      }
    }
  });

  it('reports that the broker is unreachable, and sends again what the broker has lost', async () => {
    const { id } = await press('Lock down all');
    await office.stopBroker('SIGKILL');
    await until(async () => !(await office.table()).broker.connected);
    assert.match(await office.page(), /The broker cannot be reached since/);
    // As after a power failure before it had saved anything.
    await office.device.remove('/var/lib/mosquitto/mosquitto.db');
    await office.startBroker();
    await until(async () => (await office.table()).broker.connected);
    assert.ok((await office.table()).devices.every(({ online }) => online === null));
    const late = await open('one', true);
    devices[0] = late;
    await late.subscribe(ALL);
    await late.until(({ text }) => text !== '' && JSON.parse(text).id === id);
    await publishState('one', {});
    await untilRow('one', { online: true });
    await untilRow('two', { status: 'unknown' });
  });

  it('sends what was requested while the broker was unreachable', async () => {
    await office.stopBroker('SIGTERM');
    await until(async () => !(await office.table()).broker.connected);
    await office.press('All to Enhanced Security');
    await office.startBroker();
    const late = await open('three');
    await late.subscribe(ALL);
    await late.until(({ text }) => JSON.parse(text).request.profile === 'enhanced');
  });
});
