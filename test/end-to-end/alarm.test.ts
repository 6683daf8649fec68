/** A real Node-RED on the device, its flows driven over HTTP and MQTT, the result seen by knocking. */
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'mocha';
import type { ChangeResult, State } from '../../firewall/messages';
import { Device } from '../device/device';
import type { InsideProcess } from '../device/inside-process';
import { example, startNodeRed } from '../device/node-red';

const node = (id: string, type: string, fields: Record<string, unknown>, ...wires: string[]) => ({
  id,
  type,
  z: 'tab',
  x: 100,
  y: 100,
  wires: [wires],
  ...fields,
});
const common = { device: '', dryRun: false, onlyTighten: false, force: false, version: 1 };

/** POST /toggle, /profile and GET /read: the request's body is the message, the answer what the node or the Catch node said. */
const flows = [
  { id: 'tab', type: 'tab', label: 'test', disabled: false, info: '' },
  node('in-toggle', 'http in', { url: '/toggle', method: 'post' }, 'toggle'),
  node(
    'toggle',
    'toggle-service',
    {
      ...common,
      service: 'payload.service',
      serviceType: 'msg',
      action: 'payload.action',
      actionType: 'msg',
      direction: '',
      interface: '',
      from: '',
      fromType: 'str',
    },
    'answer',
  ),
  node('in-profile', 'http in', { url: '/profile', method: 'post' }, 'profile'),
  node(
    'profile',
    'set-profile',
    { ...common, profile: 'payload.profile', profileType: 'msg', optionalServices: 'keep', ownRules: 'keep' },
    'answer',
  ),
  node('in-read', 'http in', { url: '/read', method: 'get' }, 'read'),
  node('read', 'read-firewall', { device: '', output: 'state', onlyChanges: false, version: 1 }, 'answer'),
  node('catch', 'catch', { scope: ['toggle', 'profile', 'read'], uncaught: false }, 'failed'),
  node(
    'failed',
    'change',
    {
      rules: [
        { t: 'set', p: 'payload', pt: 'msg', to: 'error', tot: 'msg' },
        { t: 'set', p: 'statusCode', pt: 'msg', to: '400', tot: 'num' },
      ],
    },
    'answer',
  ),
  node('answer', 'http response', {}),
];

describe('Flows in a real Node-RED on the device', () => {
  let device: Device;
  let nodeRed: InsideProcess;
  let url: string;

  before(async () => {
    device = await Device.open();
    await device.startMosquitto();
    nodeRed = await startNodeRed(device, [
      ...flows,
      ...(await example('lockdown-on-alarm')),
      ...(await example('firewall-report')),
    ]);
    await nodeRed.until(/Connected to broker/);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  });

  after(() => device?.close());

  const post = async <Body>(path: string, body: unknown): Promise<{ status: number; body: Body }> => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Body };
  };
  const read = async (): Promise<State> => (await (await fetch(`${url}/read`)).json()) as State;
  const knock = (port: number) =>
    device.neighbour.knock([{ proto: 'tcp', port, family: 'ipv4' }]).then(([answer]) => answer);

  it('read, close, open and set a profile, as the neighbour finds', async () => {
    assert.equal((await read()).profile.name, 'enhanced');
    const closed = await post<ChangeResult>('/toggle', { service: 'ssh', action: 'close' });
    assert.deepEqual([closed.status, closed.body.changed, await knock(22)], [200, true, 'filtered']);
    const opened = await post<ChangeResult>('/toggle', { service: 'ssh', action: 'open' });
    assert.deepEqual([opened.body.changed, await knock(22)], [true, 'in']);
    const standard = await post<ChangeResult>('/profile', { profile: 'standard' });
    assert.equal(standard.body.state.profile.name, 'standard');
    assert.equal((await post<ChangeResult>('/profile', { profile: 'enhanced' })).body.state.profile.name, 'enhanced');
  });

  it('answer hostile messages with the error code, and Node-RED keeps running', async () => {
    const before = await read();
    const hostile: [path: string, body: unknown, code: string][] = [
      ['/toggle', { service: '22; id', action: 'open' }, 'UNKNOWN_SERVICE'],
      ['/toggle', { service: ['ssh'], action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { service: { toString: 'ssh' }, action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { service: 'x'.repeat(10 * 1024 * 1024), action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { service: 'ssh', action: '__proto__' }, 'INVALID_INPUT'],
      ['/toggle', {}, 'INVALID_INPUT'],
      ['/profile', { profile: '__proto__' }, 'UNKNOWN_PROFILE'],
      ['/profile', { profile: 42 }, 'INVALID_INPUT'],
      ['/toggle', { service: 'https', action: 'close' }, 'LOCKOUT'],
    ];
    for (const [path, body, code] of hostile) {
      const { status, body: error } = await post<{ message: string; source: { type: string } }>(path, body);
      assert.equal(status, 400, JSON.stringify(body).slice(0, 80));
      assert.ok(error.message.startsWith(`${code}: `), error.message.slice(0, 200));
    }
    const { readAt, ...after } = await read();
    assert.deepEqual({ ...after, readAt: before.readAt }, before);
    assert.equal((await device.run(['kill', '-0', String(nodeRed.pid)])).code, 0);
  });

  it('many requests at once are made one after the other', async () => {
    const ports = Array.from({ length: 12 }, (_, index) => 30001 + index);
    const results = await Promise.all(
      ports.map((port) => post<ChangeResult>('/toggle', { service: `${port}/tcp`, action: 'open' })),
    );
    assert.ok(results.every(({ status, body }) => status === 200 && body.changed));
    const { rules, inSync } = await read();
    assert.ok(ports.every((port) => rules.some(({ to }) => to.port === String(port))));
    assert.equal(inSync, true);
  });

  it('show the report as a page', async () => {
    const response = await fetch(`${url}/firewall`);
    const html = await response.text();
    assert.equal(response.status, 200);
    assert.match(html, /SSH remote shell/);
  });

  it('lock the firewall down on an alarm, and only on an alarm', async () => {
    const publish = (cat: string, topic: string) =>
      device.ok(
        'mosquitto_pub',
        '-q',
        '1',
        '-t',
        topic,
        '-m',
        JSON.stringify({ cat, message: 'text', severity: null }),
      );
    await publish('warning', 'glp/0/sid/ev/alarm');
    await publish('alarm', 'glp/0/sid/ev/error');
    assert.equal(await knock(22), 'in');
    await publish('alarm', 'glp/0/sid/ev/alarm');
    while ((await read()).profile.name !== 'lockdown');
    assert.deepEqual([await knock(22), await knock(443)], ['filtered', 'in']);
  });
});
