import assert from 'node:assert/strict';
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import type { ScheduleReport } from '../../firewall/results';
import {
  arrivals,
  type Caught,
  deploy,
  devices,
  failResumingWith,
  type Message,
  nodeOf,
  type Stored,
  send,
  start,
  stop,
  watchStatus,
} from './bench';
import { FakeFirewall } from './fake-firewall';

const HOURS = [{ days: ['mon', 'tue'], from: '07:00', to: '19:00' }];
const NODE = { id: 'night', type: 'schedule-service', name: 'SSH by day', service: 'ssh', hours: HOURS };
const READ = { id: 'read', type: 'read-firewall' };

interface Registration {
  id: string;
  owner: string;
  siblings?: string[];
  subject: object;
  calendar: object;
}

describe('schedule-service', () => {
  let sent: Message[];
  let caught: Caught[];
  const onSent = (message: Message) => sent.push(message);
  const onCaught = (message: Caught) => caught.push(message);

  beforeEach(() => {
    [sent, caught] = [[], []];
    arrivals.on('out', onSent).on('caught', onCaught);
  });
  afterEach(async () => {
    arrivals.removeListener('out', onSent).removeListener('caught', onCaught);
    await stop();
  });

  const device = (): FakeFirewall => devices[0] ?? assert.fail('no device');
  const requests = (at = 0) => (devices[at]?.requests ?? []) as Registration[];
  const registrations = () => requests().filter((request) => 'subject' in request);
  /** Waits until everything that has begun has ended, registrations and what is read from files included. */
  const settled = async (): Promise<void> => {
    for (let turns = 0; turns < 10; turns++) {
      // What the status reads was asked for before this.
      await realpath('/etc/localtime').catch(() => '');
      await new Promise(setImmediate);
    }
  };
  const begin = async (nodes: readonly Stored[]): Promise<void> => {
    await start(nodes);
    await settled();
  };
  /** What the schedule says from now on, as the device would at an edge. */
  const say = async (change: Partial<ScheduleReport>): Promise<void> => {
    for (const one of FakeFirewall.schedules) Object.assign(one, change);
    device().see({});
    await settled();
  };

  describe('registers its schedule when flows start', () => {
    it('of services, in the engine’s terms', async () => {
      const exceptions = [{ date: '2026-12-24', hours: [] }];
      const scope = { direction: 'in', interface: 'eth0', from: '10.0.0.0/8' };
      const more = { exceptions, timeZone: 'Europe/Berlin', whenRemoved: 'close', cutConnections: true };
      await begin([{ ...NODE, service: 'ssh, mqtt ,9100/tcp', ...scope, ...more }]);
      const [{ owner, ...request } = assert.fail()] = requests();
      assert.match(owner, /^[0-9a-f]{32}$/);
      assert.deepEqual(request, {
        ...{ id: 'night', name: 'SSH by day', siblings: ['night'], whenRemoved: 'close', cutConnections: true },
        subject: { kind: 'services', services: ['ssh', 'mqtt', '9100/tcp'], ...scope },
        calendar: { hours: HOURS, exceptions, timeZone: 'Europe/Berlin' },
      });
      assert.deepEqual(caught, []);
    });

    it('of profiles, and of services in the direction that they require', async () => {
      const profile = { about: 'profile', profile: 'enhanced', otherwise: 'lockdown' };
      await begin([
        { ...NODE, direction: '', from: '' },
        { ...NODE, id: 'other', ...profile },
      ]);
      assert.deepEqual(
        registrations().map(({ subject }) => subject),
        [
          { kind: 'services', services: ['ssh'], from: '' },
          { kind: 'profile', profile: 'enhanced', otherwise: 'lockdown' },
        ],
      );
    });

    it('naming all that run as its siblings, and none that is disabled', async () => {
      await begin([NODE, { ...NODE, id: 'day', service: 'mqtt' }, { ...NODE, id: 'off', service: 'mqtts', d: true }]);
      assert.deepEqual(
        registrations().map(({ id, siblings }) => [id, siblings?.sort()]),
        [
          ['night', ['day', 'night']],
          ['day', ['day', 'night']],
        ],
      );
      assert.equal(new Set(registrations().map(({ owner }) => owner)).size, 1);
    });

    it('with an id that the engine understands, the same after each start', async () => {
      const ids: string[] = [];
      for (const long of ['a'.repeat(65), 'über', 'a'.repeat(65)]) {
        await begin([{ ...NODE, id: long }]);
        ids.push(registrations()[0]?.id ?? '');
        await stop();
      }
      for (const id of ids) assert.match(id, /^[A-Za-z0-9._-]{1,64}$/);
      assert.equal(ids[0], ids[2]);
      assert.notEqual(ids[0], ids[1]);
    });

    it('with a name as long as the engine takes', async () => {
      await begin([{ ...NODE, name: 'n'.repeat(300) }]);
      assert.deepEqual(caught, []);
      assert.equal(FakeFirewall.schedules[0]?.name, 'n'.repeat(200));
    });

    it('with the settings of its configuration', async () => {
      await begin([
        { id: 'plant', type: 'smartserver', keepBackups: 7 },
        { ...NODE, device: 'plant' },
      ]);
      assert.equal(device().settings.keepBackups, 7);
      assert.equal(registrations().length, 1);
    });

    it('and a deploy of other nodes does not touch it', async () => {
      await begin([NODE, READ]);
      await deploy([NODE, { ...READ, name: 'other' }], 'nodes');
      await settled();
      assert.equal(registrations().length, 1);
    });

    it('and a deploy that changes it registers it anew, without removing it first', async () => {
      await begin([NODE, READ]);
      await deploy([{ ...NODE, service: 'mqtt' }, READ], 'nodes');
      await settled();
      assert.deepEqual(
        requests().map((request) => request.subject),
        ['ssh', 'mqtt'].map((service) => ({ kind: 'services', services: [service] })),
      );
    });

    for (const [name, wrong, code] of [
      ['no service', { service: ' , ' }, /^INVALID_INPUT: service: /],
      ['a service that there is not', { service: 'nowhere' }, /^UNKNOWN_SERVICE: /],
      ['hours without a day', { hours: [{ days: [], from: '07:00', to: '19:00' }] }, /^INVALID_INPUT: calendar\.hours/],
      ['no hours', { hours: undefined }, /^INVALID_INPUT: calendar\.hours/],
      ['hostile hours', { hours: { length: 1e9 } }, /^INVALID_INPUT: calendar\.hours/],
      ['an unknown zone', { timeZone: 'Europe/Nowhere' }, /^INVALID_INPUT: calendar\.timeZone/],
      [
        'a date twice',
        { exceptions: [1, 2].map(() => ({ date: '2026-12-24', hours: [] })) },
        /^INVALID_INPUT: calendar\.exceptions/,
      ],
      ['another subject', { about: 'weather' }, /^INVALID_INPUT: about: /],
      ['another end', { whenRemoved: 'explode' }, /^INVALID_INPUT: whenRemoved/],
      ['a missing configuration', { device: 'missing' }, /^INVALID_INPUT: device: /],
    ] as const) {
      it(`or with ${name} tells a Catch node why not, once, and shows the code`, async () => {
        await start([{ ...NODE, ...wrong }, READ]);
        const statuses = watchStatus('night');
        await settled();
        assert.equal(caught.length, 1);
        assert.match(String(caught[0]?.error.message), code);
        assert.equal(caught[0]?.error.source.id, 'night');
        await deploy(
          [
            { ...NODE, ...wrong },
            { ...READ, name: 'other' },
          ],
          'nodes',
        );
        await settled();
        assert.equal(caught.length, 1);
        assert.ok(statuses.every(({ text }) => !String(text).startsWith('status.open')));
        assert.deepEqual(sent, []);
      });
    }

    it('and tries again when flows start the next time', async () => {
      await begin([{ ...NODE, device: 'plant' }, READ]);
      assert.equal(caught.length, 1);
      await deploy([{ id: 'plant', type: 'smartserver' }, { ...NODE, device: 'plant' }, READ], 'nodes');
      await settled();
      assert.equal(sent.length, 1);
      assert.equal(caught.length, 1);
    });

    it('and again when the device does not have it any more', async () => {
      await begin([NODE]);
      FakeFirewall.schedules = [];
      device().see({});
      await settled();
      assert.equal(registrations().length, 2);
      assert.equal(FakeFirewall.schedules.length, 1);
      assert.equal(sent.length, 1);
    });
  });

  describe('removes its schedule', () => {
    const removed = () => devices.flatMap((one) => one.requests).filter((one) => !('subject' in (one as object)));

    for (const kind of ['full', 'flows', 'nodes'] as const) {
      it(`when a deploy (${kind}) removes the node, even if nobody else uses the device`, async () => {
        await begin([NODE]);
        await deploy([], kind);
        assert.deepEqual(removed(), [{ id: 'night' }]);
        assert.deepEqual(FakeFirewall.schedules, []);
        assert.ok(devices.every(({ closed }) => closed));
      });
    }

    it('with its configuration', async () => {
      await begin([
        { id: 'plant', type: 'smartserver' },
        { ...NODE, device: 'plant' },
      ]);
      await deploy([READ], 'full');
      assert.deepEqual(removed(), [{ id: 'night' }]);
    });

    it('when the node is disabled', async () => {
      await begin([NODE, READ]);
      await deploy([{ ...NODE, d: true }, READ], 'nodes');
      assert.deepEqual(removed(), [{ id: 'night' }]);
    });

    it('not when flows stop', async () => {
      await begin([NODE]);
      const all = devices;
      await stop();
      assert.deepEqual(
        all.flatMap((one) => one.requests).filter((one) => !('subject' in (one as object))),
        [],
      );
    });

    it('and a failure of that holds no deploy up', async () => {
      await begin([NODE, READ]);
      failResumingWith(new Error('no'));
      await deploy([READ], 'nodes');
      assert.equal(FakeFirewall.schedules.length, 1);
    });
  });

  describe('sends', () => {
    const EDGE = '2026-01-01T19:00:00.000Z';

    it('the state as found, then each change, and nothing in between', async () => {
      await begin([NODE]);
      assert.deepEqual(
        sent.map(({ payload }) => payload),
        [{ service: 'ssh', open: true, by: 'schedule', until: EDGE, next: EDGE }],
      );
      await say({});
      assert.equal(sent.length, 1);
      await say({ open: false, until: null });
      await say({ open: false, until: null });
      assert.deepEqual(sent[1]?.payload, { service: 'ssh', open: false, by: 'schedule', until: null, next: EDGE });
      assert.equal(sent.length, 2);
      assert.ok(sent.every((message) => !('topic' in message)));
    });

    it('nothing because an end that is measured anew differs by milliseconds', async () => {
      await begin([NODE]);
      await say({ until: new Date(Date.parse(EDGE) + 15).toISOString() });
      assert.equal(sent.length, 1);
      await say({ until: new Date(Date.parse(EDGE) + 60_000).toISOString() });
      assert.equal(sent.length, 2);
    });

    it('of a schedule in a subflow, and each instance has its own', async () => {
      const template = { ...NODE, id: 'inner', z: 'sub', x: 0, y: 0, wires: [[]] };
      await begin([
        { ...NODE, service: 'mqtt' },
        { ...template, service: 'mqtts' },
        ...['first', 'second'].map((id) => ({ id, type: 'subflow:sub' })),
        // Not on the canvas.
        { id: 'sub', type: 'subflow', name: 'Sub', in: [], out: [], z: '' },
      ]);
      assert.equal(registrations().length, 3);
      for (const { siblings } of registrations()) assert.equal(siblings?.length, 3);
      assert.equal(new Set(registrations().map(({ id }) => id)).size, 3);
    });

    it('copies, which later nodes may modify', async () => {
      await begin([NODE]);
      Object.assign(sent[0]?.payload, { open: 'spoilt' });
      await say({});
      assert.equal(sent.length, 1);
      await send('night', { payload: 'status' });
      assert.equal(sent[1]?.payload.open, true);
    });

    it('the names of several services, or of a profile', async () => {
      await begin([
        { ...NODE, service: 'ssh,mqtt' },
        { ...NODE, id: 'other', about: 'profile', profile: 'enhanced', otherwise: 'lockdown' },
      ]);
      assert.deepEqual(
        sent.map(({ payload }) => [payload.service, payload.profile]),
        [
          ['ssh, mqtt', undefined],
          [null, 'enhanced'],
        ],
      );
    });
  });

  describe('takes a message', () => {
    for (const [action, forms] of Object.entries({
      open: ['open', 'OPEN', ' on ', 'On', true, 'true', 'TRUE', 1, '1'],
      close: ['close', 'Close', 'closed', 'off', false, 'False', 0, '0'],
      auto: ['auto', 'AUTO'],
      status: ['status'],
    })) {
      for (const payload of forms) {
        it(`${JSON.stringify(payload)} for ${action}, and answers once, in the same message`, async () => {
          await begin([NODE]);
          const outcome = await send('night', { payload, topic: 'kept', extra: { deep: 1 } });
          await settled();
          assert.deepEqual(requests()[1], { id: 'night', action });
          assert.equal(outcome.caught, null);
          assert.deepEqual(
            [outcome.sent?.topic, (outcome.sent as { extra?: unknown } | null)?.extra],
            ['kept', { deep: 1 }],
          );
          assert.equal(outcome.sent?.payload.open, action !== 'close');
          assert.equal(outcome.sent?.payload.by, action === 'open' || action === 'close' ? 'override' : 'schedule');
          assert.equal(sent.length, 2);
        });
      }
    }

    const hostile = [undefined, null, '', 'toggle', 2, -1, Number.NaN, 1700000000000, {}, [], ['open'], { open: true }];
    for (const payload of [...hostile, { toString: () => 'open' }, 'x'.repeat(1e6), '__proto__', 'constructor']) {
      it(`${JSON.stringify(payload)?.slice(0, 40)} for none: INVALID_INPUT, and nothing changes`, async () => {
        await begin([NODE]);
        const outcome = await send('night', { payload });
        assert.match(String(outcome.caught?.error.message), /^INVALID_INPUT: action: /);
        assert.ok(String(outcome.caught?.error.message).length < 500);
        assert.equal(requests().length, 1);
        assert.equal(outcome.statuses[outcome.statuses.length - 1]?.text, 'INVALID_INPUT');
      });
    }

    it('with a duration, also from the message', async () => {
      await begin([{ ...NODE, duration: '600', durationType: 'num' }]);
      await send('night', { payload: 'open' });
      assert.deepEqual(requests()[1], { id: 'night', action: 'open', duration: 600 });
      await stop();
      await begin([{ ...NODE, action: 'close', actionType: 'str', duration: 'seconds', durationType: 'msg' }]);
      await send('night', { payload: 'anything', seconds: '60' });
      assert.deepEqual(requests()[1], { id: 'night', action: 'close', duration: 60 });
      for (const seconds of [undefined, -1, 1.5, 604801, 'soon', {}]) {
        const { caught: got } = await send('night', { seconds });
        assert.match(String(got?.error.message), /^INVALID_INPUT: duration: /);
      }
    });

    it('before it is registered, registers first, and says if it cannot', async () => {
      await begin([{ ...NODE, service: 'nowhere' }]);
      const { caught: got } = await send('night', { payload: 'open' });
      assert.match(String(got?.error.message), /^UNKNOWN_SERVICE: /);
    });

    it('and passes an error of the device on, while what is seen later is still sent', async () => {
      await begin([NODE]);
      device().failure = new Error('disk full');
      const { caught: got } = await send('night', { payload: 'open' });
      assert.match(String(got?.error.message), /^INTERNAL: /);
      device().failure = undefined;
      await say({ open: false });
      assert.equal(sent.length, 2);
    });
  });

  describe('shows', () => {
    const soon = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    for (const [name, change, looks] of [
      ['an open service', { until: soon(0) }, ['green', 'dot', 'status.openUntil']],
      ['a closed one', { open: false, until: soon(48) }, ['grey', 'dot', 'status.closedUntil']],
      ['what never ends', { until: null }, ['green', 'dot', 'status.alwaysOpen']],
      ['what never begins', { open: false, until: null }, ['grey', 'dot', 'status.alwaysClosed']],
      ['an override', { by: 'override', until: soon(0) }, ['green', 'dot', 'status.handOpen']],
      ['one that closes', { open: false, by: 'override', until: soon(0) }, ['grey', 'dot', 'status.handClosed']],
      ['one without end', { by: 'override', until: null }, ['green', 'dot', 'status.handOpenAlways']],
      [
        'one that closes without end',
        { open: false, by: 'override', until: null },
        ['grey', 'dot', 'status.handClosedAlways'],
      ],
      ['a lockdown', { open: false, by: 'lockdown' }, ['yellow', 'ring', 'status.lockdown']],
      ['a wrong clock', { open: false, by: 'clock' }, ['yellow', 'ring', 'status.clock']],
      ['a temporary opening', { by: 'lease' }, ['yellow', 'ring', 'status.leaseOpen']],
      ['a temporary closing', { open: false, by: 'lease' }, ['yellow', 'ring', 'status.leaseClosed']],
      ['a pending change', { by: 'pending' }, ['yellow', 'ring', 'status.pending']],
      ['a profile', { profile: 'lockdown', until: null }, ['green', 'dot', 'lockdown']],
    ] as const) {
      it(`${name}`, async () => {
        await begin([{ ...NODE, timeZone: 'UTC' }]);
        const statuses = watchStatus('night');
        // Something else before, so that each is news.
        await say({ open: false, by: 'pending', until: null });
        await say({ by: 'schedule', open: true, ...change });
        const { fill, shape, text } = statuses[statuses.length - 1] as { fill: string; shape: string; text: string };
        if (name === 'a pending change') return assert.equal(text, 'status.pending');
        assert.deepEqual([fill, shape, text], looks);
      });
    }
  });

  it('passes no message of its own on while it answers one', async () => {
    await begin([NODE]);
    const release = device().hold();
    const answered = once(arrivals, 'out');
    nodeOf('night').receive({ payload: 'close' });
    device().see({});
    release();
    await answered;
    await settled();
    assert.deepEqual(
      sent.map(({ payload }) => payload.open),
      [true, false],
    );
  });
});
