/** What an operator asks of many devices, on one of them: done once, in the order of issue, in time, and never in half. */
import { strict as assert } from 'node:assert';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type FleetResult, fleetResult, fleetState } from '../../firewall/fleet/answer';
import { madePair, signedWith } from '../../firewall/fleet/signature';
import { check } from '../../firewall/messages';
import { Engine } from '../device/engine';
import { useDevice, useShared } from '../device/suite';
import { assertReloadChangesNothing, everything, reset, STATE } from './stable';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe('A request to a fleet', function () {
  this.timeout(120_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  let engine: Engine;
  let running: Engine[] = [];

  /** An engine whose clock is wrong by so many ms. */
  const begin = async (skewMs = 0): Promise<Engine> => {
    const started = await Engine.start(device);
    running.push(started);
    await started.clock.setWall(skewMs / 1000);
    return started;
  };

  beforeEach(async () => {
    engine = await begin();
  });
  afterEach(async () => {
    for (const one of running) await one.stop();
    running = [];
    await reset(device, factory);
  });

  /** What lies on disk and in the kernel, with every file of the state but the ledger, which has what was refused. */
  const all = async () => ({
    ...(await everything(device)),
    state: (await device.exists(STATE))
      ? await device.ok('sh', '-c', `cd ${STATE} && find . -type f ! -name ledger.jsonl -printf '%p %s %T@\n' | sort`)
      : '',
  });
  const at = (offset: number): string => new Date(Date.now() + offset).toISOString();
  let last = 0;
  /** A request issued so many ms from now. */
  const request = (action: string, fields: object = {}, issued = 0, id = `request-${++last}`) => ({
    ...{ id, issued: at(issued), expires: at(issued + 10 * MINUTE), action, request: fields },
  });
  const lockdown = (issued = 0) => request('set-profile', { profile: 'lockdown' }, issued);
  const enhanced = (issued = 0) => request('set-profile', { profile: 'enhanced', optionalServices: 'open' }, issued);
  const ssh = (action: string, issued = 0) => request('toggle-service', { service: 'ssh', action }, issued);
  const ask = async (envelope: unknown, asked = engine): Promise<FleetResult> =>
    check(fleetResult, await asked.fleet(envelope));
  const outcome = async (envelope: unknown, asked = engine): Promise<string> => {
    const { outcome: ended, error } = await ask(envelope, asked);
    return error ? error.code : ended;
  };
  const lastRequest = async () => (await engine.read()).lastRequest;

  it('is carried out once, however often it comes, whatever has ended meanwhile', async () => {
    const envelope = lockdown();
    const { outcome: ended, id, action, profile, error, backup } = await ask(envelope);
    assert.deepEqual([ended, id, action, profile, error], ['changed', envelope.id, 'set-profile', 'lockdown', null]);
    assert.equal((await engine.backups())[0]?.id, backup);
    const done = await all();
    assert.equal(await outcome(envelope), 'repeated');
    assert.equal(await outcome(JSON.stringify(envelope), await begin()), 'repeated');
    assert.deepEqual(await all(), done);
    assert.deepEqual(await lastRequest(), { id: envelope.id, issued: envelope.issued, undone: false, key: null });
    await assertReloadChangesNothing(device);
  });

  it('is remembered too where all is so already, in one file and without a backup', async () => {
    await engine.setProfile({ profile: 'enhanced', optionalServices: 'open' });
    await device.remove(STATE);
    const before = await everything(device);
    const envelope = enhanced();
    assert.deepEqual([await outcome(envelope), await outcome(envelope)], ['unchanged', 'repeated']);
    assert.deepEqual(await everything(device), before);
    assert.deepEqual((await device.ok('find', STATE, '-type', 'f')).trim(), `${STATE}/schedule.json`);
    assert.equal((await lastRequest())?.id, envelope.id);
    // The profile is wanted from now on.
    assert.match(await device.read(`${STATE}/schedule.json`), /"profile": "enhanced"/);
  });

  it('is refused after a later one, and both are told apart by when they were issued', async () => {
    const [older, newer] = [lockdown(-2 * MINUTE), enhanced(-MINUTE)];
    assert.match(await outcome(newer), /changed$/);
    const before = await all();
    const { error, outcome: ended } = await ask(older);
    assert.deepEqual([ended, error?.code], ['failed', 'SUPERSEDED']);
    assert.equal(await outcome({ ...lockdown(), issued: newer.issued }), 'SUPERSEDED');
    assert.deepEqual(await all(), before);
    assert.equal(await outcome(newer), 'repeated');
    assert.equal(await outcome(lockdown()), 'changed');
  });

  it('is refused when its time is over', async () => {
    const before = await all();
    for (const action of ['set-profile', 'read-firewall']) {
      const fields = action === 'set-profile' ? { profile: 'lockdown' } : {};
      const late = { ...request(action, fields, -DAY), expires: at(-1000) };
      assert.equal(await outcome(late), 'EXPIRED', action);
    }
    assert.deepEqual(await all(), before);
  });

  it('that was done is answered as done after its time, too', async () => {
    const envelope = { ...lockdown(-MINUTE), expires: at(30 * MINUTE) };
    assert.equal(await outcome(envelope), 'changed');
    assert.equal(await outcome(envelope, await begin(DAY)), 'repeated');
  });

  it('meets clocks that are a day off: late by one is refused, early by one is carried out', async () => {
    const ahead = await begin(DAY);
    const { error } = await ask(lockdown(), ahead);
    assert.equal(error?.code, 'EXPIRED');
    // Who reads it sees whose clock is wrong.
    assert.ok(error?.message.includes(at(DAY).slice(0, 13)), error?.message);
    const behind = await begin(-DAY);
    const envelope = lockdown();
    assert.equal(await outcome(envelope, behind), 'changed');
    // Once the clock is right again nothing has come out of order.
    assert.equal(await outcome(envelope), 'repeated');
    assert.equal(await outcome(lockdown(-MINUTE)), 'SUPERSEDED');
    assert.match(await outcome(enhanced(1000)), /changed$/);
  });

  it('from an operator whose clock is days ahead is refused, so that it does not block what follows', async () => {
    const before = await all();
    const { error } = await ask(lockdown(3 * DAY));
    assert.equal(error?.code, 'INVALID_INPUT');
    assert.match(error?.message ?? '', /^INVALID_INPUT: issued: /);
    assert.deepEqual(await all(), before);
    assert.equal(await outcome(lockdown(DAY)), 'changed');
  });

  it('that fails is not remembered, and is tried again when it comes again', async () => {
    await engine.toggleService({ service: '9100/tcp', action: 'open', confirmWithin: 600 });
    const envelope = ssh('close');
    assert.equal(await outcome(envelope), 'PENDING_CHANGE');
    assert.equal(await lastRequest(), null);
    await engine.confirm();
    assert.equal(await outcome(envelope), 'changed');
  });

  it('only tried is neither made nor remembered', async () => {
    const before = await all();
    const envelope = request('set-profile', { profile: 'lockdown', dryRun: true });
    assert.equal(await outcome(envelope), 'dry-run');
    assert.deepEqual(await all(), before);
    assert.equal(await lastRequest(), null);
  });

  it('stays done when its change is undone, by hand or by another request, and is not made again', async () => {
    const [first, second] = [ssh('close', -3 * MINUTE), ssh('limit', -2 * MINUTE)];
    assert.deepEqual([await outcome(first), await outcome(second)], ['changed', 'changed']);
    await engine.restore({ action: 'undo' });
    assert.deepEqual(await lastRequest(), { id: second.id, issued: second.issued, undone: true, key: null });
    const undone = await everything(device);
    const again = await ask(second);
    assert.deepEqual([again.outcome, again.warnings], ['repeated', ['Its change has been undone since.']]);
    assert.equal(await outcome(first), 'SUPERSEDED');
    assert.deepEqual(await everything(device), undone);
    const undo = request('restore-firewall', { action: 'undo' }, -MINUTE);
    assert.equal(await outcome(undo), 'changed');
    assert.deepEqual(await lastRequest(), { id: undo.id, issued: undo.issued, undone: false, key: null });
    assert.equal(await outcome(undo), 'repeated');
  });

  it('does not come back with a backup', async () => {
    const [first, second] = [ssh('close', -3 * MINUTE), enhanced(-2 * MINUTE)];
    assert.deepEqual([await outcome(first), await outcome(second)], ['changed', 'changed']);
    for (const { id } of (await engine.backups()).reverse()) {
      await engine.restore({ action: 'restore', backup: id });
      assert.equal((await lastRequest())?.id, second.id, id);
      assert.equal(await outcome(first), 'SUPERSEDED');
    }
    await engine.restore({ action: 'restore', backup: 'latest' });
    assert.equal((await lastRequest())?.id, second.id);
  });

  describe('with a confirmation', () => {
    const waiting = () => request('toggle-service', { service: 'ssh', action: 'close', confirmWithin: 600 }, -MINUTE);

    it('is confirmed by its own id or by its change’s, once', async () => {
      for (const byOwn of [true, false]) {
        const envelope = waiting();
        const { outcome: ended, pending, backup } = await ask(envelope);
        assert.deepEqual([ended, pending?.id], ['changed', backup]);
        assert.equal(await outcome(request('confirm-change', { id: 'another' })), 'NOTHING_PENDING');
        const confirm = request('confirm-change', { id: byOwn ? envelope.id : pending?.id });
        assert.deepEqual([await outcome(confirm), await outcome(confirm)], ['confirmed', 'repeated']);
        assert.deepEqual(await lastRequest(), { id: confirm.id, issued: confirm.issued, undone: false, key: null });
        assert.equal((await engine.read()).pending, null);
        await engine.restore({ action: 'undo' });
        assert.equal((await lastRequest())?.undone, true);
        await device.remove(STATE);
      }
    });

    it('that goes back stays done, and says so', async () => {
      const envelope = request('toggle-service', { service: 'ssh', action: 'close', confirmWithin: 600 }, -MINUTE);
      assert.equal(await outcome(envelope), 'changed');
      const later = await begin();
      await device.write(`${STATE}/schedule.json`, overdue(await device.read(`${STATE}/schedule.json`)), 0o600);
      assert.match((await later.resume()).join(), /was not confirmed and has been reverted/);
      assert.deepEqual(await everything(device), factory);
      assert.deepEqual(await lastRequest(), { id: envelope.id, issued: envelope.issued, undone: true, key: null });
      assert.equal(await outcome(envelope), 'repeated');
      assert.equal(await outcome(request('confirm-change', { id: envelope.id })), 'NOTHING_PENDING');
      assert.deepEqual(await everything(device), factory);
    });

    it('is not taken back by a lockdown that comes again, or too late', async () => {
      const first = lockdown(-2 * MINUTE);
      assert.equal(await outcome(first), 'changed');
      assert.equal(
        await outcome({
          ...waiting(),
          request: { service: 'dns', action: 'close', direction: 'out', confirmWithin: 600 },
        }),
        'changed',
      );
      const before = await all();
      assert.equal(await outcome(first), 'SUPERSEDED');
      assert.equal(await outcome({ ...lockdown(-DAY), expires: at(-1000) }), 'EXPIRED');
      assert.deepEqual(await all(), before);
      // One that is new takes it back, which is all that it changes.
      assert.equal(await outcome(lockdown()), 'changed');
      assert.equal((await engine.read()).pending, null);
    });
  });

  it('finds the kernel as it should be, although the files say already what it wants', async () => {
    const envelope = lockdown(-MINUTE);
    assert.equal(await outcome(envelope), 'changed');
    const done = await everything(device);
    await device.ok('iptables', '-F', 'ufw-user-input');
    assert.equal(await outcome(lockdown()), 'changed');
    assert.deepEqual(await everything(device), done);
  });

  it('is told of in short, and of a reading nothing is remembered', async () => {
    const { outcome: ended, state } = await ask(request('read-firewall'));
    assert.equal(ended, 'read');
    check(fleetState, { ...state, version: '1.0.0' });
    assert.ok(JSON.stringify(state).length < 1000);
    assert.equal(await lastRequest(), null);
    const { request: _, ...bare } = request('read-firewall');
    assert.equal(await outcome(bare), 'read');
  });

  it('may only tighten where the device says so, whatever it says itself', async () => {
    const open = request('toggle-service', { service: '9100/tcp', action: 'open', onlyTighten: false });
    const before = await all();
    const { error } = check(fleetResult, await engine.fleet(open, { onlyTighten: true }));
    assert.equal(error?.code, 'WOULD_OPEN');
    assert.deepEqual(await all(), before);
    assert.equal((await engine.fleet(lockdown(), { onlyTighten: true })).outcome, 'changed');
  });

  it('of which two come at once is carried out once', async () => {
    const envelope = lockdown();
    const others = [await begin(), await begin()];
    const ended = await Promise.all([engine, ...others].map((one) => outcome(envelope, one)));
    assert.deepEqual(ended.sort(), ['changed', 'repeated', 'repeated']);
    assert.equal((await engine.backups()).length, 1);
  });

  it('that nobody has signed is a finding, until the device has keys; then it is refused, and nothing is changed', async () => {
    const unsigned = async () =>
      (await engine.read()).findings.map(({ id }) => id).filter((id) => id === 'unsigned-requests');
    assert.deepEqual(await unsigned(), []);
    assert.equal(await outcome(ssh('close', -3 * MINUTE)), 'changed');
    assert.deepEqual(await unsigned(), ['unsigned-requests']);
    const pair = madePair();
    const key = { name: 'operator', publicKey: pair.publicKey };
    const keys = { operatorKeys: [key], fleetDevice: 'plant-7' };
    engine = await Engine.start(device, keys);
    running.push(engine);
    assert.deepEqual([await unsigned(), (await engine.read()).operatorKeys], [[], ['operator']]);
    const before = await all();
    const content = { ...ssh('limit', -2 * MINUTE), to: 'device/plant-7' };
    const envelope = signedWith(pair.privateKey, 'operator', JSON.stringify(content));
    const forged = signedWith(madePair().privateKey, 'operator', JSON.stringify(content));
    for (const one of [content, forged, { ...envelope, signature: forged.signature }]) {
      assert.equal(await outcome(one), 'NOT_SIGNED');
    }
    assert.deepEqual(await all(), before);
    assert.equal(await outcome(envelope), 'changed');
    const expected = { id: content.id, issued: content.issued, undone: false, key: 'operator' };
    assert.deepEqual(await lastRequest(), expected);
    // By whom it was signed is on disk with the change, for every process, and stays known when the change is undone.
    await engine.restore({ action: 'undo' });
    const later = await Engine.start(device, keys);
    running.push(later);
    assert.deepEqual((await later.read()).lastRequest, { ...expected, undone: true });
    assert.equal(await outcome(envelope, later), 'repeated');
    engine = await begin();
    assert.deepEqual(await unsigned(), []);
  });

  it('that is none changes nothing, fails with a code, and blocks nothing', async () => {
    const before = await all();
    const good = lockdown();
    const kinds = malformed(good);
    assert.ok(kinds.length >= 50, `${kinds.length} kinds`);
    for (const [kind, envelope] of kinds) {
      const result = await ask(envelope);
      assert.deepEqual([result.outcome, result.error?.code], ['failed', 'INVALID_INPUT'], kind);
      assert.ok(JSON.stringify(result).length < 1500, kind);
      assert.ok(result.id === null || result.id === good.id, kind);
    }
    assert.deepEqual(await all(), before);
    assert.equal(await outcome(good), 'changed');
  });
});

/** The schedule with a deadline that has passed. */
function overdue(text: string): string {
  const schedule = JSON.parse(text);
  schedule.pending.deadline.uptime = 0;
  return JSON.stringify(schedule);
}

/** What is no valid request, each in its own way. */
function malformed(good: { issued: string; expires: string; request: object }): [kind: string, envelope: unknown][] {
  const { request: fields, ...bare } = good;
  const without = (key: string) => Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
  const json = JSON.stringify(good);
  const values: Record<string, readonly unknown[]> = {
    id: ['', 7, null, ['a'], {}, 'a b', '../x', 'a/b', 'ä', 'x'.repeat(65), 'a\0', 'a\nb', '+', '#'],
    issued: ['', 0, null, 'yesterday', '2026-02-30T00:00:00Z', '2026-11-23', '2026-11-23T16:09:43+01:00', good.expires],
    expires: ['', 0, null, '2026-13-01T00:00:00Z', good.issued, '9999-12-31T23:59:59Z', '2026-11-23T16:09:43.1Z'],
    action: ['', 'reboot', 7, null, 'setProfile', '__proto__', 'toString', ['set-profile']],
    request: [null, [], 'lockdown', 7, {}, { profile: 7 }, { profile: 'lockdown', shell: 'id' }],
  };
  return [
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a list', [good]],
    ['an empty text', ''],
    ['no JSON', 'lockdown'],
    ['JSON that is cut off', json.slice(0, -1)],
    ['JSON twice', json + json],
    ['a text in JSON', JSON.stringify(json)],
    ['a megabyte', `${json}${' '.repeat(1024 * 1024)}`],
    ['deep JSON', '['.repeat(100_000)],
    ['a property more', { ...good, force: true }],
    ['a prototype', JSON.parse(`{"__proto__":{"id":"x"},${json.slice(1)}`)],
    ['a prototype within', { ...bare, request: JSON.parse('{"__proto__":{},"profile":"lockdown"}') }],
    ['a change’s option outside', { ...bare, ...fields }],
    ...Object.keys(good).map((key): [string, unknown] => [`no ${key}`, without(key)]),
    ...Object.entries(values).flatMap(([key, list]) =>
      list.map((value): [string, unknown] => [
        `${key} ${JSON.stringify(value).slice(0, 60)}`,
        { ...good, [key]: value },
      ]),
    ),
    ['a toggle of nothing', { ...bare, action: 'toggle-service', request: {} }],
    ['a toggle of a shell', { ...bare, action: 'toggle-service', request: { service: [['$(id)']], action: 'open' } }],
    ['a confirmation of whatever waits', { ...bare, action: 'confirm-change', request: {} }],
    ['a restore of nothing', { ...bare, action: 'restore-firewall', request: {} }],
    ['a port too high', { ...bare, action: 'change-web-ports', request: { https: 70000 } }],
    ['a reading with fields', { ...bare, action: 'read-firewall', request: { output: 'rules' } }],
  ];
}
