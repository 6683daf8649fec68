/** A real Node-RED on the device, its flows driven over HTTP and MQTT, the result verified by probes. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import type { ChangeResult, State } from '../../firewall/results';
import type { InsideProcess } from '../device/inside-process';
import { example, startNodeRed } from '../device/node-red';
import { probeServices } from '../device/probe-services';
import { useDevice } from '../device/suite';

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

/** The broker node of the example `lockdown-on-alarm`. */
const BROKER = '5afe0a1a0000000c';

/** POST /toggle, /profile and GET /read: the request's body is the message, the response what the node or the Catch node sent. */
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
  // Through the example's broker node, and so in the order in which the example receives the messages.
  node(
    'events',
    'mqtt in',
    { topic: 'glp/#', qos: '1', datatype: 'utf8', broker: BROKER, nl: false, rap: true, rh: 0, inputs: 0 },
    'seen',
  ),
  node('seen', 'debug', { active: true, tosidebar: false, console: true, complete: 'payload', targetType: 'msg' }),
];

describe('Flows in a real Node-RED on the device', () => {
  const device = useDevice();
  let nodeRed: InsideProcess;
  let url: string;

  before(async () => {
    await device.startMosquitto();
    nodeRed = await startNodeRed(device, [
      ...flows,
      ...(await example('lockdown-on-alarm')),
      ...(await example('firewall-report')),
    ]);
    await nodeRed.until(/Connected to broker/);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  });

  const post = async <Body>(path: string, body: unknown): Promise<{ status: number; body: Body }> => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Body };
  };
  const read = async (): Promise<State> => (await (await fetch(`${url}/read`)).json()) as State;
  const probe = (port: number) =>
    device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]).then(([answer]) => answer);

  /** The neighbour's probes agree with the flow's read-firewall for every service. */
  const assertAgreement = async (): Promise<State> => {
    const state = await read();
    for (const { service, ...found } of await probeServices(device, state.services)) {
      assert.equal(found.in, service.in, `${service.id}, under ${state.profile.name}`);
    }
    return state;
  };

  it('read, close, open and apply a profile, as the neighbour’s probes confirm', async () => {
    assert.equal((await assertAgreement()).profile.name, 'enhanced');
    const closed = await post<ChangeResult>('/toggle', { service: 'ssh', action: 'close' });
    assert.deepEqual([closed.status, closed.body.changed, await probe(22)], [200, true, 'filtered']);
    await assertAgreement();
    const opened = await post<ChangeResult>('/toggle', { service: 'ssh', action: 'open' });
    assert.deepEqual([opened.body.changed, await probe(22)], [true, 'in']);
    for (const profile of ['standard', 'lockdown', 'enhanced']) {
      const { body } = await post<ChangeResult>('/profile', { profile });
      assert.equal(body.state.profile.name, profile);
      await assertAgreement();
    }
  });

  it('respond to hostile messages with the error code, and Node-RED keeps running', async () => {
    const before = await read();
    const hostile: [path: string, body: unknown, code: string][] = [
      ['/toggle', { service: '22; id', action: 'open' }, 'UNKNOWN_SERVICE'],
      ['/toggle', { service: [['ssh']], action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { service: { toString: 'ssh' }, action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { service: 'x'.repeat(10 * 1024 * 1024), action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { action: 'open' }, 'INVALID_INPUT'],
      ['/toggle', { service: 'ssh', action: '__proto__' }, 'INVALID_INPUT'],
      // JSON.parse makes it an own property, which a literal does not.
      ['/toggle', JSON.parse('{ "service": { "__proto__": { "open": true } }, "action": "open" }'), 'INVALID_INPUT'],
      ['/toggle', JSON.parse('{ "__proto__": { "service": "ssh", "action": "open" } }'), 'INVALID_INPUT'],
      ['/toggle', [{ service: 'ssh', action: 'open' }], 'INVALID_INPUT'],
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
    // What was refused is in the ledger, and nothing else has changed.
    const { readAt, ledger } = before;
    assert.deepEqual({ ...(await read()), readAt, ledger }, before);
    // The process that was started still responds, and no other.
    const listening = await device.ok('ss', '-Hltnp', 'sport = :1880');
    assert.match(listening, new RegExp(`pid=${nodeRed.pid},`));
  });

  it('carry out concurrent requests one after the other', async () => {
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
    const publish = (cat: string, event: string, message = 'text') =>
      device.ok(
        'mosquitto_pub',
        ...['-q', '1', '-t', `glp/0/sid/ev/${event}`, '-m', JSON.stringify({ cat, message, severity: null })],
      );
    await publish('warning', 'alarm');
    await publish('alarm', 'error');
    await publish('warning', 'warning', 'the last of those that are none');
    await nodeRed.until(/the last of those that are none/);
    assert.equal((await read()).profile.name, 'enhanced');
    assert.equal(await probe(22), 'in');
    await publish('alarm', 'alarm');
    await nodeRed.until(/\[debug:What changed\]/);
    assert.equal((await read()).profile.name, 'lockdown');
    await assertAgreement();
    assert.deepEqual([await probe(22), await probe(443)], ['filtered', 'in']);
  });
});
