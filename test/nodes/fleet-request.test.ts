/** An operator's requests, as the node receives and answers them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { FirewallError, say } from '../../firewall/errors';
import { fleetResult, fleetState } from '../../firewall/fleet/answer';
import { check } from '../../firewall/messages';
import { arrivals, devices, nodeOf, send, start, stop, watchStatus } from './bench';

const FLEET = { id: 'fleet', type: 'fleet-request' };
const MINUTE = 60_000;

const NOW = Date.now();
const at = (offset: number): string => new Date(NOW + offset).toISOString();
/** A request issued so many ms from now. */
const request = (action: string, fields: object, issued = 0, id = `${action}${issued}`) => ({
  ...{ id, issued: at(issued), expires: at(issued + 10 * MINUTE), action, request: fields },
});
const lockdown = (issued = 0) => request('set-profile', { profile: 'lockdown' }, issued);

describe('fleet-request', () => {
  afterEach(stop);

  it('answers in the message it received, whether its payload is an object, JSON or bytes', async () => {
    await start([FLEET]);
    const payloads = [lockdown(-3), JSON.stringify(lockdown(-2)), Buffer.from(JSON.stringify(lockdown(-1)))];
    const outcomes: string[] = [];
    for (const payload of payloads) {
      const { sent, caught } = await send('fleet', { payload, topic: 'smartserver/all/firewall/request', qos: 1 });
      assert.equal(caught, null);
      assert.deepEqual([sent?.topic, (sent as { qos?: number } | null)?.qos], ['smartserver/all/firewall/request', 1]);
      outcomes.push(check(fleetResult, sent?.payload).outcome);
    }
    assert.deepEqual(outcomes, ['changed', 'unchanged', 'unchanged']);
  });

  it('has the engine carry out each action, with the properties of its node', async () => {
    await start([FLEET]);
    const asked = [
      request('set-profile', { profile: 'standard', ownRules: 'remove' }, 1),
      request('toggle-service', { service: 22, action: 'close', confirmWithin: 60 }, 2),
      request('confirm-change', { id: '1' }, 3),
      request('change-web-ports', { https: 1443 }, 4),
      request('restore-firewall', { action: 'undo' }, 5),
      request('read-firewall', {}, 6),
    ];
    const ended = [];
    for (const payload of asked) {
      const { sent } = await send('fleet', { payload });
      const { outcome, id, action } = check(fleetResult, sent?.payload);
      assert.deepEqual([id, action], [payload.id, payload.action]);
      ended.push(outcome);
    }
    assert.deepEqual(ended, ['changed', 'changed', 'confirmed', 'changed', 'changed', 'read']);
    const made = devices[0]?.requests.filter((one) => !('envelope' in (one as object))) as Record<string, unknown>[];
    assert.deepEqual(
      made.map(({ profile, service, id, https, action }) => profile ?? service ?? id ?? https ?? action),
      ['standard', '22', '1', 1443, 'undo'],
    );
  });

  it('shows the outcome of each in its status', async () => {
    await start([FLEET]);
    const looks = async (payload: unknown) => (await send('fleet', { payload })).statuses.slice(-1)[0];
    const [green, grey] = [
      { fill: 'green', shape: 'dot' },
      { fill: 'grey', shape: 'dot' },
    ];
    assert.deepEqual(await looks(lockdown(1)), { ...green, text: 'status.changed' });
    assert.deepEqual(await looks(lockdown(1)), { ...grey, text: 'status.repeated' });
    assert.deepEqual(await looks(lockdown(2)), { ...grey, text: 'status.unchanged' });
    assert.deepEqual(await looks(lockdown(0)), { ...grey, text: 'SUPERSEDED' });
    assert.deepEqual(await looks(lockdown(-20 * MINUTE)), { ...grey, text: 'EXPIRED' });
    const tried = request('set-profile', { profile: 'standard', dryRun: true }, 3);
    assert.deepEqual(await looks(tried), { ...grey, text: 'status.dryRun' });
    assert.deepEqual(await looks(request('read-firewall', {})), { ...green, text: 'status.read' });
    assert.deepEqual(await looks('nonsense'), { fill: 'red', shape: 'ring', text: 'INVALID_INPUT' });
  });

  it('sends the response to a failed request too, once, and reports the error to a Catch node', async () => {
    await start([FLEET]);
    const [device] = [await send('fleet', { payload: lockdown() }).then(() => devices[0])];
    assert.ok(device);
    device.failure = new FirewallError('LOCKOUT', { what: say`the last way in would be closed.` });
    const answers: unknown[] = [];
    const onAnswer = (msg: unknown) => answers.push(msg);
    arrivals.on('out', onAnswer);
    const { sent, caught } = await send('fleet', { payload: lockdown(1), topic: 'kept' });
    arrivals.removeListener('out', onAnswer);
    assert.equal(answers.length, 1);
    const { outcome, error } = check(fleetResult, sent?.payload);
    assert.deepEqual([outcome, error?.code, sent?.topic], ['failed', 'LOCKOUT', 'kept']);
    assert.equal(caught?.error.code, 'LOCKOUT');
    assert.equal(caught?.payload.outcome, 'failed');
    // Tried again when it arrives again.
    device.failure = undefined;
    assert.equal((await send('fleet', { payload: lockdown(1) })).sent?.payload.outcome, 'unchanged');
  });

  it('does not bother a Catch node with requests that arrive late or out of order', async () => {
    await start([FLEET]);
    await send('fleet', { payload: lockdown(1) });
    for (const payload of [lockdown(0), lockdown(-20 * MINUTE)]) {
      const { sent, caught } = await send('fleet', { payload });
      assert.equal(sent?.payload.outcome, 'failed');
      assert.equal(caught, null);
    }
  });

  const hostile: [kind: string, payload: unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['an empty text', ''],
    ['half an object', '{'],
    ['a list', []],
    ['a prototype', JSON.parse('{"__proto__":{"id":"x"}}')],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a date', new Date()],
    ['two megabytes', Buffer.alloc(2 << 20, '[')],
    ['a terminal’s commands', { ...lockdown(), id: '\x1b[2J<script>', action: 'rm -rf' }],
  ];
  for (const [kind, payload] of hostile) {
    it(`survives what is not a request (${kind}), and answers without repeating it`, async () => {
      await start([FLEET]);
      const { sent, caught } = await send('fleet', { payload });
      const result = check(fleetResult, sent?.payload);
      assert.deepEqual([result.id, result.action, result.error?.code], [null, null, 'INVALID_INPUT']);
      assert.equal(caught?.error.code, 'INVALID_INPUT');
      assert.equal((await send('fleet', { payload: lockdown() })).sent?.payload.outcome, 'changed');
    });
  }

  it('reports what is not a FirewallError as INTERNAL', async () => {
    await start([FLEET]);
    await send('fleet', { payload: lockdown() });
    (devices[0] as { failure: unknown }).failure = new TypeError('x is not a function');
    const { sent, caught } = await send('fleet', { payload: lockdown(1) });
    assert.deepEqual([sent?.payload.error.code, caught?.error.code], ['INTERNAL', 'INTERNAL']);
  });

  it('lets no request open anything if it may only tighten', async () => {
    await start([{ ...FLEET, onlyTighten: true }]);
    for (const fields of [{}, { onlyTighten: false }]) {
      await send('fleet', { payload: request('toggle-service', { service: 'ssh', action: 'open', ...fields }) });
      const [device] = devices;
      assert.ok(device);
      const [asked, made] = device.requests.splice(0) as { limits?: object; onlyTighten?: boolean }[];
      assert.deepEqual([asked?.limits, made?.onlyTighten], [{ onlyTighten: true }, true]);
      device.lastRequest = null;
    }
  });

  it('counts down while a change is pending, until a request confirms it', async () => {
    await start([FLEET]);
    const shown = watchStatus('fleet');
    const waits = request('set-profile', { profile: 'lockdown', confirmWithin: 90 }, 1);
    const { sent } = await send('fleet', { payload: waits });
    assert.equal(sent?.payload.pending.id, '1');
    // The test helper reports a status in a later tick.
    for (let tick = 0; tick < 2; tick++) await new Promise(setImmediate);
    assert.deepEqual(shown.slice(-1), [{ fill: 'yellow', shape: 'ring', text: 'status.waiting' }]);
    await send('fleet', { payload: request('confirm-change', { id: '1' }, 2) });
    assert.deepEqual(shown.slice(-1), [{ fill: 'green', shape: 'dot', text: 'status.confirmed' }]);
  });

  it('carries out one request at a time', async () => {
    await start([FLEET]);
    let left = 20;
    const all = new Promise<void>((resolve) => {
      arrivals.on('done', () => --left === 0 && resolve());
    });
    for (let issued = 1; issued <= 20; issued++) nodeOf('fleet').receive({ payload: lockdown(issued) });
    await all;
    arrivals.removeAllListeners('done');
    assert.equal(devices[0]?.overlap, 1);
  });
});

describe('read-firewall, with the summary for a fleet', () => {
  afterEach(stop);
  const { version } = JSON.parse(readFileSync(resolve(__dirname, '..', '..', '..', 'package.json'), 'utf8'));

  it('sends what a device publishes about itself, with the version of this package', async () => {
    await start([{ id: 'read', type: 'read-firewall', output: 'fleet' }, FLEET]);
    await send('fleet', { payload: lockdown() });
    const state = check(fleetState, (await send('read', {})).sent?.payload);
    assert.ok(state.online);
    assert.deepEqual(
      [state.version, state.profile, state.lastRequest?.id, state.lastRequest?.undone],
      [version, 'lockdown', lockdown().id, false],
    );
  });

  it('with onlyChanges sends nothing while only the time differs, but does when a request was carried out', async () => {
    await start([{ id: 'read', type: 'read-firewall', output: 'fleet', onlyChanges: true }, FLEET]);
    const sends = async () => (await send('read', {})).sent !== null;
    assert.deepEqual([await sends(), await sends()], [true, false]);
    await send('fleet', { payload: request('set-profile', { profile: 'enhanced' }) });
    assert.deepEqual([await sends(), await sends()], [true, false]);
  });
});
