import assert from 'node:assert/strict';
import { FirewallError } from '../../firewall/errors';
import { changeResult, check } from '../../firewall/messages';
import { arrivals, devices, nodeOf, send, start, stop, watchStatus } from './bench';

const TOGGLE = { id: 'toggle', type: 'toggle-service', service: 'ssh', serviceType: 'str', action: 'toggle' };
const PROFILE = { id: 'profile', type: 'set-profile', profile: 'lockdown', profileType: 'str' };

describe('a changing node', () => {
  afterEach(stop);

  it('replaces the payload with the result and keeps all other properties of the same message', async () => {
    await start([TOGGLE]);
    const { sent } = await send('toggle', { topic: 'evening', payload: 'x', req: { a: 1 }, _msgid: 'm1' });
    assert.equal(sent?.topic, 'evening');
    assert.deepEqual(sent?.req, { a: 1 });
    assert.equal(sent?._msgid, 'm1');
    assert.equal(check(changeResult, sent?.payload).changed, true);
  });

  it('shows at once that it is ready', async () => {
    await start([TOGGLE]);
    const { status } = nodeOf('toggle') as unknown as { status: { firstCall: { args: unknown[] } } };
    assert.deepEqual(status.firstCall.args, [{ fill: 'grey', shape: 'dot', text: 'status.ready' }]);
  });

  it('shows that it is at work and has changed something, then that nothing was to change', async () => {
    await start([{ ...TOGGLE, action: 'close' }]);
    assert.deepEqual((await send('toggle', {})).statuses, [
      { fill: 'blue', shape: 'ring', text: 'status.working' },
      { fill: 'green', shape: 'dot', text: 'status.changed' },
    ]);
    const again = await send('toggle', {});
    assert.equal(again.sent?.payload.changed, false);
    assert.deepEqual(again.statuses[1], { fill: 'grey', shape: 'dot', text: 'status.unchanged' });
  });

  it('shows a dry run as one and changes nothing', async () => {
    await start([{ ...TOGGLE, dryRun: true }]);
    const { sent, statuses } = await send('toggle', {});
    assert.equal(sent?.payload.dryRun, true);
    assert.deepEqual(statuses[1], { fill: 'grey', shape: 'dot', text: 'status.dryRun' });
  });

  it('gives an error to the Catch node with its code, its message starting with it, and sends nothing on', async () => {
    await start([TOGGLE]);
    await send('toggle', {});
    (devices[0] as { failure: unknown }).failure = new FirewallError('LOCKOUT', { what: 'this was the last way in.' });
    const { sent, caught, statuses } = await send('toggle', { payload: 'kept' });
    assert.equal(sent, null);
    assert.equal(caught?.error.code, 'LOCKOUT');
    assert.match(caught?.error.message ?? '', /^LOCKOUT: this was the last way in\. /);
    assert.equal(caught?.error.source.id, 'toggle');
    assert.equal(caught?.payload, 'kept');
    assert.deepEqual(statuses[1], { fill: 'red', shape: 'ring', text: 'LOCKOUT' });
  });

  for (const failure of [new TypeError('x is not a function'), 'text', null, { toString: () => 'object' }]) {
    it(`reports a failure that is no FirewallError (${String(failure)}) as INTERNAL`, async () => {
      await start([PROFILE]);
      await send('profile', {});
      (devices[0] as { failure: unknown }).failure = failure;
      const { caught } = await send('profile', {});
      assert.equal(caught?.error.code, 'INTERNAL');
      assert.match(caught?.error.message ?? '', /^INTERNAL: /);
    });
  }

  it('works with nothing configured, leaving every default to the engine', async () => {
    await start([
      { id: 'toggle', type: 'toggle-service' },
      { id: 'profile', type: 'set-profile' },
    ]);
    assert.equal((await send('toggle', {})).sent?.payload.action, 'toggle-service toggle ssh');
    assert.equal((await send('profile', {})).sent?.payload.action, 'set-profile enhanced');
    assert.deepEqual(devices[0]?.requests, [{}, {}]);
  });

  it('hands on every property it has, under the name it has in the request', async () => {
    await start([
      {
        ...TOGGLE,
        action: 'open',
        actionType: 'str',
        direction: 'both',
        interface: 'eth0',
        from: '192.168.1.0/24',
        fromType: 'str',
        dryRun: true,
        onlyTighten: true,
        force: true,
      },
      { ...PROFILE, optionalServices: 'close', ownRules: 'remove', dryRun: false, onlyTighten: true, force: false },
    ]);
    await send('toggle', {});
    await send('profile', {});
    assert.deepEqual(devices[0]?.requests, [
      {
        service: 'ssh',
        action: 'open',
        direction: 'both',
        interface: 'eth0',
        from: '192.168.1.0/24',
        dryRun: true,
        onlyTighten: true,
        force: true,
      },
      {
        profile: 'lockdown',
        optionalServices: 'close',
        ownRules: 'remove',
        dryRun: false,
        onlyTighten: true,
        force: false,
      },
    ]);
  });

  it('names no direction where the editor has "as the service needs"', async () => {
    await start([{ ...TOGGLE, direction: '' }]);
    await send('toggle', {});
    assert.deepEqual(Object.keys(devices[0]?.requests[0] as object), ['service', 'action']);
  });

  it('clears its status when closed, and shows nothing for a change that ends afterwards', async () => {
    await start([TOGGLE]);
    await send('toggle', {});
    const release = devices[0]?.hold();
    const statuses = watchStatus('toggle');
    const done = new Promise((resolve) => arrivals.once('done', resolve));
    nodeOf('toggle').receive({});
    await nodeOf('toggle').close(false);
    release?.();
    await done;
    assert.deepEqual(
      statuses.map(({ text }) => text),
      ['status.working', undefined],
    );
    assert.deepEqual(statuses[1], {});
  });
});

describe('the queue', () => {
  afterEach(stop);

  const both = (device?: string) => [
    { ...TOGGLE, device },
    { ...PROFILE, device },
    { id: 'read', type: 'read-firewall', device },
  ];

  async function sendToAll(): Promise<void> {
    let left = 3;
    const done = new Promise<void>((resolve) => {
      const count = () => {
        left -= 1;
        if (left > 0) return;
        arrivals.removeListener('done', count);
        resolve();
      };
      arrivals.on('done', count);
    });
    for (const id of ['toggle', 'profile', 'read']) nodeOf(id).receive({});
    await done;
  }

  it('is one for all nodes without a configuration', async () => {
    await start(both());
    await sendToAll();
    assert.equal(devices.length, 1);
    assert.equal(devices[0]?.overlap, 1);
  });

  it('is one for all nodes with the same configuration', async () => {
    await start([{ id: 'device', type: 'smartserver', keepBackups: 5 }, ...both('device')]);
    await sendToAll();
    assert.equal(devices.length, 1);
    assert.equal(devices[0]?.overlap, 1);
    assert.equal(devices[0]?.settings.keepBackups, 5);
  });

  it('is not shared by nodes of different configurations', async () => {
    await start([
      { id: 'one', type: 'smartserver' },
      { id: 'two', type: 'smartserver', etcUfw: '/srv/other' },
      { ...TOGGLE, device: 'one' },
      { ...PROFILE, device: 'two' },
    ]);
    await send('toggle', {});
    await send('profile', {});
    assert.deepEqual(
      devices.map(({ settings }) => settings.etcUfw),
      ['/etc/ufw', '/srv/other'],
    );
  });
});

describe('the configuration', () => {
  afterEach(stop);

  it('gives the engine each setting, the number that the form stored as text too', async () => {
    const custom = {
      privilege: 'sudo',
      servicePorts: { opcua: '55001/tcp' },
      customServices: [{ id: 'scada', label: 'SCADA', ports: ['9100/tcp'], direction: 'in' }],
      customProfiles: [{ name: 'plant', incoming: 'deny', outgoing: 'deny', open: [] }],
      managementFrom: '192.168.1.0/24',
      etcUfw: '/a',
      defaultUfw: '/b',
      webSite: '/c',
      stateDir: '/d',
    };
    await start([
      { id: 'device', type: 'smartserver', name: 'Plant', version: 1, keepBackups: '7', ...custom },
      { ...PROFILE, profile: 'plant', device: 'device' },
    ]);
    assert.equal((await send('profile', {})).sent?.payload.action, 'set-profile plant');
    assert.deepEqual(devices[0]?.settings, { ...custom, keepBackups: 7 });
  });

  const wrong: [string, unknown][] = [
    ['keepBackups', 'many'],
    ['keepBackups', ''],
    ['etcUfw', 'etc/ufw'],
    ['customProfiles', '[ half'],
    ['servicePorts', { opcua: '0/tcp' }],
    ['managementFrom', '300.1.1.1'],
    ['privilege', ['root']],
  ];
  for (const [property, value] of wrong) {
    it(`with ${property} ${JSON.stringify(value)} is INVALID_INPUT at each message, and never another device`, async () => {
      await start([
        { id: 'device', type: 'smartserver', [property]: value },
        { ...TOGGLE, device: 'device' },
      ]);
      for (const _ of [1, 2]) {
        const { caught } = await send('toggle', {});
        assert.match(caught?.error.message ?? '', new RegExp(`^INVALID_INPUT: "?${property}"?[.:]`));
      }
      assert.equal(devices.length, 0);
    });
  }

  for (const device of ['gone', 'toggle', '__proto__']) {
    it(`that is no configuration (${device}) is INVALID_INPUT, and never the factory device`, async () => {
      await start([{ ...TOGGLE, device }]);
      const { caught } = await send('toggle', {});
      assert.match(caught?.error.message ?? '', /^INVALID_INPUT: device: /);
      assert.equal(devices.length, 0);
    });
  }

  it('of the web ports leaves out empty ports, and names none in a repair', async () => {
    const web = {
      type: 'change-web-ports',
      httpType: 'num',
      httpsType: 'num',
      keepOldOpen: '600',
      fixRedirect: true,
      reload: 'reload',
    };
    await start([
      { id: 'move', ...web, mode: 'change', http: '', https: '1443', repairTo: 'nginx' },
      { id: 'repair', ...web, mode: 'repair', http: '1780', https: '1443', repairTo: 'firewall' },
    ]);
    assert.equal((await send('move', {})).sent?.payload.changed, true);
    await send('repair', {});
    assert.deepEqual(devices[0]?.requests, [
      { https: 1443, mode: 'change', fixRedirect: true, reload: 'reload', keepOldOpen: 600 },
      { mode: 'repair', fixRedirect: true, reload: 'reload', repairTo: 'firewall' },
    ]);
  });

  it('of the web ports takes them from the message, and refuses what is no port', async () => {
    await start([{ id: 'move', type: 'change-web-ports', http: '', https: 'payload', httpsType: 'msg' }]);
    assert.deepEqual((await send('move', { payload: 1443 })).sent?.payload.changed, true);
    for (const payload of ['1443', 1443.5, 0, 65536, null, [], {}]) {
      assert.match((await send('move', { payload })).caught?.error.message ?? '', /^INVALID_INPUT: https/);
    }
  });

  it('of the web ports has its device do what came due while flows were stopped', async () => {
    await start([{ id: 'move', type: 'change-web-ports', http: '', https: '1443', httpsType: 'num' }]);
    await send('move', {});
    assert.equal(devices[0]?.resumed, 1);
  });
});
