import assert from 'node:assert/strict';
import { changeWebPortsRequest, check } from '../../firewall/messages';
import { devices, nodeOf, send, start, stop } from './bench';

const node = (properties: object) => ({ id: 'toggle', type: 'toggle-service', action: 'close', ...properties });

/** The type of node that has the property. */
function typeWith(property: string): string {
  if (property === 'profile') return 'set-profile';
  return property.startsWith('http') ? 'change-web-ports' : 'toggle-service';
}

describe('a TypedInput', () => {
  afterEach(stop);

  const good: [string, string, unknown][] = [
    ['str', 'mqtt', 'mqtt'],
    ['num', '443', 443],
    ['json', '"22/tcp"', '22/tcp'],
    ['msg', 'payload.service', 'mqtt'],
    ['msg', 'port', 1883],
    ['flow', 'service', 'lon'],
    ['global', 'service', 'opcua'],
    ['env', 'SERVICE', 'mqtt'],
    ['jsonata', 'payload.service & "s"', 'mqtts'],
  ];
  for (const [serviceType, service, expected] of good) {
    it(`of type ${serviceType} gives the request the value itself (${service})`, async () => {
      await start([node({ service, serviceType })]);
      nodeOf('toggle').context().flow.set('service', 'lon');
      nodeOf('toggle').context().global.set('service', 'opcua');
      const { caught } = await send('toggle', { payload: { service: 'mqtt' }, port: 1883 });
      assert.equal(caught, null);
      assert.deepEqual(devices[0]?.requests, [{ service: expected, action: 'close' }]);
    });
  }

  it('supplies the profile, the action and the source in the same way', async () => {
    await start([
      node({ action: 'do', actionType: 'msg', from: 'who', fromType: 'msg' }),
      { id: 'profile', type: 'set-profile', profile: 'payload', profileType: 'msg' },
    ]);
    await send('toggle', { do: 'limit', who: '10.0.0.0/8' });
    await send('profile', { payload: 'standard' });
    assert.deepEqual(devices[0]?.requests, [{ action: 'limit', from: '10.0.0.0/8' }, { profile: 'standard' }]);
  });

  const ports: [string, string][] = [
    ['num', '1443'],
    ['msg', 'payload.https'],
    ['flow', 'https'],
    ['global', 'https'],
    ['env', 'HTTPS_PORT'],
    ['jsonata', '1000 + 443'],
  ];
  for (const [httpsType, https] of ports) {
    it(`of type ${httpsType} gives a port as a number (${https})`, async () => {
      process.env.HTTPS_PORT = '1443';
      await start([{ id: 'move', type: 'change-web-ports', http: '', https, httpsType }]);
      for (const context of ['flow', 'global'] as const) nodeOf('move').context()[context].set('https', 1443);
      const { caught } = await send('move', { payload: { https: 1443 } });
      delete process.env.HTTPS_PORT;
      assert.equal(caught, null);
      const [request] = devices[0]?.requests ?? [];
      assert.equal(check(changeWebPortsRequest, request).https, 1443);
    });
  }

  it('of type bool supplies a boolean, which is not a service', async () => {
    await start([node({ service: 'true', serviceType: 'bool' })]);
    const { caught } = await send('toggle', {});
    assert.match(caught?.error.message ?? '', /^INVALID_INPUT: "?service"?: /);
  });

  const missing: [string, string, string][] = [
    ['service', 'msg', 'payload.service'],
    ['http', 'msg', 'payload.http'],
    ['https', 'env', 'NOT_SET_ANYWHERE'],
    ['https', 'jsonata', 'nothing'],
    ['action', 'msg', 'payload.a.b.c'],
    ['from', 'msg', 'nothing'],
    ['from', 'env', 'NOT_SET_ANYWHERE'],
    ['from', 'flow', 'nothing'],
    ['from', 'global', 'nothing'],
    ['from', 'jsonata', 'nothing'],
  ];
  for (const [property, type, value] of missing) {
    it(`${property} from ${type} ${value}, where there is no value, is INVALID_INPUT and not the default`, async () => {
      await start([{ ...node({ [property]: value, [`${property}Type`]: type }), type: typeWith(property) }]);
      const { caught, sent } = await send('toggle', { payload: {} });
      assert.equal(sent, null);
      assert.match(caught?.error.message ?? '', new RegExp(`^INVALID_INPUT: ${property}: `));
      assert.match(caught?.error.message ?? '', /The firewall was not changed\./);
      assert.equal(devices[0]?.requests.length ?? 0, 0);
    });
  }

  for (const property of ['service', 'action', 'from', 'duration', 'profile']) {
    it(`${property} that a message is to give, in a flow that does not say where, is INVALID_INPUT`, async () => {
      await start([{ id: 'toggle', type: typeWith(property), [`${property}Type`]: 'msg' }]);
      const { caught, sent } = await send('toggle', { payload: 'open' });
      assert.equal(sent, null);
      assert.match(caught?.error.message ?? '', new RegExp(`^INVALID_INPUT: ${property}: `));
      assert.equal(devices[0]?.requests.length ?? 0, 0);
    });
  }

  const broken: [string, string][] = [
    ['json', '{ half'],
    ['jsonata', '((('],
    ['jsonata', '$error("no")'],
    ['jsonata', '$sum("a")'],
    ['msg', 'payload['],
    ['msg', ''],
    ['flow', '#:(nostore)::x'],
  ];
  for (const [type, value] of broken) {
    it(`that cannot be evaluated (${type} ${value}) is INVALID_INPUT naming the property`, async () => {
      await start([node({ service: value, serviceType: type })]);
      const { caught } = await send('toggle', { payload: {} });
      assert.equal(caught?.error.code, 'INVALID_INPUT');
      assert.match(caught?.error.message ?? '', /^INVALID_INPUT: "?service"?: /);
    });
  }

  const circular: { self?: unknown } = {};
  circular.self = circular;
  const hostile: [string, unknown][] = [
    ['null', null],
    ['a negative number', -1],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['port 0', 0],
    ['port 65536', 65536],
    ['a shell command', '22; id'],
    ['a number in scientific notation', '1e3'],
    ['Arabic digits', '٢٢'],
    ['a range backwards', '30:20/tcp'],
    ['an empty text', ''],
    ['a text with a line break', 'ssh\nhttps'],
    ['10 MB of text', 'x'.repeat(10_000_000)],
    ['a list in a list', [['ssh']]],
    ['an object', { service: 'ssh' }],
    ['an object with a forged prototype', JSON.parse('{"__proto__": {"service": "ssh"}, "constructor": 1}')],
    ['a circular object', circular],
    ['a buffer', Buffer.from('ssh')],
    ['a date', new Date(0)],
    ['a truth value', true],
    ['an object whose text throws', { toString: () => assert.fail('read') }],
    ['nineteen megabytes', Buffer.alloc(19 * 1024 * 1024)],
    ['a map', new Map([['ssh', 'ssh']])],
    ['an object that would be a promise', Object.fromEntries([['then', () => assert.fail('called')]])],
  ];
  for (const property of ['service', 'action', 'from', 'profile', 'http', 'https']) {
    for (const [what, value] of hostile) {
      // An empty source means anywhere; every other empty string is no value.
      if (property === 'from' && value === '') continue;
      // These are actions.
      if (property === 'action' && (value === true || value === 0)) continue;
      it(`with ${what} as ${property} ends in an error of one line, and nothing changes`, async () => {
        await start([{ id: 'node', type: typeWith(property), [property]: 'evil', [`${property}Type`]: 'msg' }]);
        const { caught, sent } = await send('node', { evil: value });
        assert.equal(sent, null);
        assert.match(caught?.error.code ?? '', /^(INVALID_INPUT|UNKNOWN_SERVICE|UNKNOWN_PROFILE)$/);
        assert.ok((caught?.error.message.length ?? 0) < 1000);
        assert.doesNotMatch(caught?.error.message ?? '', /\n/);
      });
    }
  }

  for (const [type, properties] of [
    ['toggle-service', { service: 'payload.service', serviceType: 'msg' }],
    ['set-profile', { profile: '$.payload', profileType: 'jsonata' }],
    ['confirm-change', {}],
    ['fleet-request', {}],
  ] as const) {
    it(`of a message whose payload throws when it is read is INVALID_INPUT (${type})`, async () => {
      await start([{ id: 'node', type, ...properties }]);
      const { caught } = await send('node', {
        _msgid: 'm1',
        get payload() {
          throw new Error('no');
        },
      });
      assert.deepEqual([caught?.error.code, caught?._msgid], ['INVALID_INPUT', 'm1']);
      assert.deepEqual(
        devices.flatMap(({ changes }) => changes),
        [],
      );
    });
  }

  it('with a list for its type or value, as in a hand-written flow, does no harm', async () => {
    await start([node({ service: ['ssh'], serviceType: { a: 1 } })]);
    const { caught, sent } = await send('toggle', {});
    assert.ok(sent ?? caught);
  });
});
