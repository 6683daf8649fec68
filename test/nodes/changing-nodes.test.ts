import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { NodeMessage } from 'node-red';
import { FirewallError, say } from '../../firewall/errors';
import { check } from '../../firewall/messages';
import { changeResult } from '../../firewall/results';
import { arrivals, type Caught, devices, failResumingWith, nodeOf, send, start, stop, watchStatus } from './bench';

const TOGGLE = { id: 'toggle', type: 'toggle-service', service: 'ssh', serviceType: 'str', action: 'toggle' };
const PROFILE = { id: 'profile', type: 'set-profile', profile: 'lockdown', profileType: 'str' };

/** The warnings of a node. */
const warningsOf = (id: string): unknown[] =>
  (nodeOf(id) as unknown as { warn: { args: unknown[][] } }).warn.args.map(([text]) => text);

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

  it('answers in a copy of a message that cannot be written to, and in nothing else than the answer', async () => {
    const fixed = {
      topic: 'evening',
      get payload() {
        return 'kept';
      },
    };
    const deaf = {
      topic: 'evening',
      get payload() {
        return 'kept';
      },
      set payload(_: string) {},
    };
    const refusing = {
      topic: 'evening',
      set payload(_: unknown) {
        throw new Error('no');
      },
    };
    for (const msg of [Object.freeze({ topic: 'evening', _msgid: 'm1' }), fixed, deaf, refusing]) {
      await start([TOGGLE]);
      const { sent, caught } = await send('toggle', msg);
      assert.equal(caught, null);
      assert.deepEqual([sent?.topic, check(changeResult, sent?.payload).changed], ['evening', true]);
      await stop();
    }
  });

  it('answers with the payload alone where the rest of the message cannot be read or copied', async () => {
    const deep = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    const hostile = Object.defineProperty({ _msgid: 'm1' }, 'topic', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    for (const msg of [{ deep, _msgid: 'm1' }, hostile]) {
      await start([
        { ...TOGGLE, wires: [['out', 'more']] },
        { id: 'more', type: 'helper' },
      ]);
      let count = 0;
      const counted = () => {
        count += 1;
      };
      nodeOf('more').on('input', counted);
      nodeOf('out').on('input', counted);
      const sent = once(arrivals, 'out');
      nodeOf('toggle').receive(msg as NodeMessage);
      const [{ _msgid, payload, ...rest }] = await sent;
      await new Promise(setImmediate);
      assert.deepEqual([_msgid, payload.changed, rest, count], ['m1', true, {}, 2]);
      assert.deepEqual(warningsOf('toggle'), ['log.incomplete']);
      await stop();
    }
  });

  it('shows at once that it is ready', async () => {
    await start([TOGGLE]);
    const { status } = nodeOf('toggle') as unknown as { status: { firstCall: { args: unknown[] } } };
    assert.deepEqual(status.firstCall.args, [{ fill: 'grey', shape: 'dot', text: 'status.ready' }]);
  });

  it('shows that it is working and has changed something, then that nothing had to be changed', async () => {
    await start([{ ...TOGGLE, action: 'close' }]);
    assert.deepEqual((await send('toggle', {})).statuses, [
      { fill: 'blue', shape: 'ring', text: 'status.working' },
      { fill: 'green', shape: 'dot', text: 'status.closed' },
    ]);
    const again = await send('toggle', {});
    assert.equal(again.sent?.payload.changed, false);
    assert.deepEqual(again.statuses[1], { fill: 'grey', shape: 'dot', text: 'status.unchanged' });
  });

  it('shows a dry run as one and changes nothing', async () => {
    await start([{ ...TOGGLE, dryRun: true }]);
    const { sent, statuses } = await send('toggle', {});
    assert.equal(sent?.payload.dryRun, true);
    assert.deepEqual(statuses[1], { fill: 'grey', shape: 'dot', text: 'status.unchanged' });
  });

  it('passes an error to the Catch node, its message starting with the code, and sends nothing on', async () => {
    await start([TOGGLE]);
    await send('toggle', {});
    (devices[0] as { failure: unknown }).failure = new FirewallError('LOCKOUT', {
      what: say`this was the last way in.`,
    });
    const { sent, caught, statuses } = await send('toggle', { payload: 'kept' });
    assert.equal(sent, null);
    assert.equal(caught?.error.code, 'LOCKOUT');
    assert.match(caught?.error.message ?? '', /^LOCKOUT: this was the last way in\. /);
    assert.equal(caught?.error.source.id, 'toggle');
    assert.equal(caught?.payload, 'kept');
    assert.deepEqual(statuses[1], { fill: 'red', shape: 'ring', text: 'LOCKOUT' });
  });

  it('reports an error to a Catch node although the message is nested too deeply to be copied', async () => {
    await start([TOGGLE]);
    await send('toggle', {});
    (devices[0] as { failure: unknown }).failure = new FirewallError('LOCKOUT', {
      what: say`this was the last way in.`,
    });
    const payload = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    const { caught } = await send('toggle', { payload, _msgid: 'deep' });
    assert.deepEqual([caught?.error.code, caught?._msgid, caught?.payload], ['LOCKOUT', 'deep', undefined]);
  });

  for (const failure of [new TypeError('x is not a function'), 'text', null, { toString: () => 'object' }]) {
    it(`reports a failure that is not a FirewallError (${String(failure)}) as INTERNAL`, async () => {
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

  it('passes on every property it has, under its name in the request', async () => {
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

  it('omits the direction if the editor has "as the service requires"', async () => {
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

describe('what waits', () => {
  afterEach(stop);

  /** Waits until so many messages are done, and gives the codes of those that failed. */
  const outcomes = (count: number): Promise<string[]> =>
    new Promise((resolve) => {
      const codes: string[] = [];
      let left = count;
      const caught = ({ error }: Caught) => codes.push(error.code);
      const done = () => {
        left -= 1;
        if (left > 0) return;
        arrivals.removeListener('caught', caught).removeListener('done', done);
        resolve(codes);
      };
      arrivals.on('caught', caught).on('done', done);
    });

  it('of a closed node is dropped and told, and what had begun ends', async () => {
    await start([TOGGLE, PROFILE, { ...TOGGLE, id: 'other' }]);
    const [device] = devices;
    const release = device?.hold();
    const done = outcomes(4);
    for (const id of ['toggle', 'toggle', 'toggle', 'other']) nodeOf(id).receive({});
    await new Promise(setImmediate);
    await nodeOf('toggle').close(false);
    assert.deepEqual(warningsOf('toggle'), ['log.cancelled']);
    release?.();
    assert.deepEqual(await done, ['STOPPED', 'STOPPED']);
    assert.equal(device?.changes.length, 2);
  });

  it('through a configuration that is gone is dropped, though its node is not', async () => {
    await start([
      { id: 'device', type: 'smartserver' },
      { ...TOGGLE, device: 'device' },
    ]);
    const [device] = devices;
    const release = device?.hold();
    const done = outcomes(2);
    for (const _ of [1, 2]) nodeOf('toggle').receive({});
    await new Promise(setImmediate);
    await nodeOf('device').close(true);
    release?.();
    assert.deepEqual(await done, ['STOPPED']);
    assert.equal(device?.changes.length, 1);
  });

  it('is not what a node asks for that is closed before it knows what', async () => {
    await start([{ ...TOGGLE, service: '$flowContext("service")', serviceType: 'jsonata' }]);
    await new Promise(setImmediate);
    const done = outcomes(1);
    nodeOf('toggle').receive({});
    await nodeOf('toggle').close(false);
    await done;
    assert.deepEqual(
      devices.map(({ requests }) => requests),
      [[]],
    );
  });

  it('is overruled by a lockdown that is asked for later, whoever asks for it', async () => {
    await start([
      { id: 'one', type: 'smartserver' },
      { id: 'two', type: 'smartserver', keepBackups: 5 },
      { ...TOGGLE, device: 'one' },
      { ...PROFILE, device: 'two' },
    ]);
    const release = devices[0]?.hold();
    const done = outcomes(4);
    nodeOf('toggle').receive({});
    await new Promise(setImmediate);
    // What the last one asks for takes longer to find out than the lockdown, and counts from when its message came.
    for (const id of ['toggle', 'toggle', 'profile']) nodeOf(id).receive({});
    await new Promise(setImmediate);
    release?.();
    assert.deepEqual(await done, ['SUPERSEDED', 'SUPERSEDED']);
    assert.deepEqual(
      devices.map(({ changes }) => changes),
      [['toggle-service toggle ssh'], ['set-profile lockdown']],
    );
  });
});

/** As "smartserver-firewall key make" prints it. */
const PUBLIC_KEY = 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=';

describe('the configuration', () => {
  afterEach(stop);

  it('passes each setting to the engine, including the number that the form stored as text', async () => {
    const custom = {
      privilege: 'sudo',
      servicePorts: { opcua: '55001/tcp' },
      customServices: [{ id: 'scada', label: 'SCADA', ports: ['9100/tcp'], direction: 'in' }],
      customProfiles: [{ name: 'plant', incoming: 'deny', outgoing: 'deny', open: [] }],
      managementFrom: '192.168.1.0/24',
      managementTo: '8883/tcp',
      operatorKeys: [{ name: 'operator', publicKey: PUBLIC_KEY, onlyTighten: true, force: false }],
      fleetDevice: 'plant-7',
      fleetGroup: 'north',
      firmware: '4.60.009',
      peers: { lon: ['192.168.10.0/24'] },
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
    ['managementTo', 'broker.example:8883'],
    ['operatorKeys', [{ name: 'operator', publicKey: 'operator' }]],
    ['fleetDevice', 'plant/7'],
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
    it(`that is not a configuration (${device}) is INVALID_INPUT, and never the factory device`, async () => {
      await start([{ ...TOGGLE, device }]);
      const { caught } = await send('toggle', {});
      assert.match(caught?.error.message ?? '', /^INVALID_INPUT: device: /);
      assert.equal(devices.length, 0);
    });
  }
});

const WEB = { type: 'change-web-ports', httpType: 'num', httpsType: 'num', mode: 'change' };
const MOVE = { ...WEB, id: 'move', http: '1780', https: '1443' };

describe('change-web-ports', () => {
  afterEach(stop);

  it('works with nothing configured, leaving every default to the engine', async () => {
    await start([{ id: 'move', type: 'change-web-ports' }]);
    assert.equal((await send('move', {})).sent?.payload.changed, false);
    assert.deepEqual(devices[0]?.requests, [{}]);
  });

  it('passes on every property it has in a change', async () => {
    const options = { fixRedirect: false, reload: 'none', dryRun: true, onlyTighten: true, force: true };
    await start([{ ...MOVE, ...options, keepOldOpen: 600, repairTo: 'firewall' }]);
    await send('move', {});
    assert.deepEqual(devices[0]?.requests, [{ mode: 'change', http: 1780, https: 1443, keepOldOpen: 600, ...options }]);
  });

  it('passes on what a repair goes by, and nothing that a repair does not use', async () => {
    const options = { fixRedirect: true, reload: 'reload', dryRun: false, onlyTighten: false, force: false };
    await start([{ ...MOVE, ...options, mode: 'repair', keepOldOpen: 600, repairTo: 'firewall' }]);
    await send('move', {});
    assert.deepEqual(devices[0]?.requests, [{ mode: 'repair', repairTo: 'firewall', ...options }]);
  });

  for (const type of ['num', 'msg', 'env', 'jsonata']) {
    it(`omits a port whose field is empty (${type})`, async () => {
      await start([{ ...MOVE, http: '', httpType: type }]);
      await send('move', {});
      assert.deepEqual(devices[0]?.requests, [{ mode: 'change', https: 1443 }]);
    });
  }

  it('takes the seconds as the form stores them', async () => {
    await start([
      { ...MOVE, keepOldOpen: '600' },
      { ...MOVE, id: 'wrong', keepOldOpen: 'soon' },
    ]);
    await send('move', {});
    assert.deepEqual(devices[0]?.requests, [{ mode: 'change', http: 1780, https: 1443, keepOldOpen: 600 }]);
    assert.match((await send('wrong', {})).caught?.error.message ?? '', /^INVALID_INPUT: keepOldOpen: /);
  });

  const wrong: [string, unknown][] = [
    ['mode', 'move'],
    ['reload', 'restart'],
    ['fixRedirect', 'yes'],
    ['keepOldOpen', 604801],
    ['keepOldOpen', -1],
    ['keepOldOpen', [600]],
  ];
  for (const [property, value] of wrong) {
    it(`with ${property} ${JSON.stringify(value)} in a hand-written flow is INVALID_INPUT`, async () => {
      await start([{ ...MOVE, [property]: value }]);
      const { caught } = await send('move', {});
      assert.match(caught?.error.message ?? '', new RegExp(`^INVALID_INPUT: ${property}: `));
    });
  }

  it('does what is due as flows start, once for all nodes of a device', async () => {
    await start([
      { id: 'device', type: 'smartserver' },
      MOVE,
      { ...MOVE, id: 'back' },
      { ...MOVE, id: 'own', device: 'device' },
      { ...MOVE, id: 'own-back', device: 'device' },
      TOGGLE,
    ]);
    assert.deepEqual(
      devices.map(({ resumed, readied }) => [resumed, readied]),
      [
        [1, 1],
        [1, 1],
      ],
    );
  });

  it('is not alone in that: every changing node may have a deadline to meet, a reading one has not', async () => {
    for (const node of [TOGGLE, PROFILE, { id: 'restore', type: 'restore-firewall' }]) {
      await start([node]);
      assert.equal(devices[0]?.resumed, 1, node.type);
      await stop();
    }
    await start([{ id: 'read', type: 'read-firewall' }]);
    assert.equal(devices[0]?.resumed ?? 0, 0);
  });

  const failures: [unknown, RegExp][] = [
    [new FirewallError('NOT_PERMITTED', { what: say`sudo refused.` }), /^NOT_PERMITTED: sudo refused\. /],
    [new TypeError('x is not a function'), /^INTERNAL: /],
    [null, /^INTERNAL: /],
  ];
  for (const [failure, expected] of failures) {
    it(`warns if that fails (${String(failure)}), and works all the same`, async () => {
      failResumingWith(failure);
      await start([MOVE]);
      const { warn } = nodeOf('move') as unknown as { warn: { args: [string][] } };
      assert.equal(warn.args.length, 1);
      assert.match(warn.args[0]?.[0] ?? '', expected);
      (devices[0] as { failure: unknown }).failure = undefined;
      assert.equal((await send('move', {})).sent?.payload.changed, true);
    });
  }

  it('warns about a configuration that is invalid or missing', async () => {
    await start([
      { id: 'device', type: 'smartserver', webSite: 'apollo.conf' },
      { ...MOVE, device: 'device' },
      { ...MOVE, id: 'lost', device: 'gone' },
    ]);
    // The test helper watches all nodes with one spy.
    const { warn } = nodeOf('move') as unknown as { warn: { args: [string][] } };
    assert.deepEqual(
      warn.args.map(([text]) => text.split(' ').slice(0, 2).join(' ')),
      ['INVALID_INPUT: webSite:', 'INVALID_INPUT: device:'],
    );
  });
});

describe('a device', () => {
  afterEach(stop);

  it('without a configuration is closed with the last node that uses it', async () => {
    await start([MOVE, TOGGLE, { id: 'read', type: 'read-firewall' }]);
    await nodeOf('move').close(false);
    await nodeOf('read').close(false);
    assert.equal(devices[0]?.closed, false);
    await nodeOf('toggle').close(false);
    assert.equal(devices[0]?.closed, true);
  });

  it('is a new one when flows start again, and again does what is due', async () => {
    await start([MOVE]);
    const [first] = devices;
    await stop();
    assert.equal(first?.closed, true);
    await start([MOVE]);
    assert.notEqual(devices[0], first);
    assert.deepEqual([devices.length, devices[0]?.resumed], [1, 1]);
  });

  it('with a configuration is closed with it', async () => {
    await start([{ id: 'device', type: 'smartserver' }, { ...MOVE, device: 'device' }, TOGGLE]);
    await send('toggle', {});
    const [own, shared] = devices;
    await nodeOf('device').close(false);
    assert.deepEqual([own?.closed, shared?.closed], [true, false]);
  });
});
