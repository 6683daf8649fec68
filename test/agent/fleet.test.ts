/** An operator's requests where Node-RED is an unprivileged user, across a reboot, and with a clock that jumps. */
import { strict as assert } from 'node:assert';
import { afterEach, before, it } from 'mocha';
import { madePair, signedWith } from '../../firewall/fleet/signature';
import { Engine } from '../device/engine';
import { useShared } from '../device/suite';
import { makeClock } from '../device/systemd/clock';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything, reset } from '../firewall/stable';
import { setUp } from './as-apollo';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** All requests are issued around one moment, however long the device takes for one of them. */
const NOW = Date.now();
const at = (offset: number): string => new Date(NOW + offset).toISOString();
/** A request about SSH, issued this many ms after that and valid for an hour. */
const ssh = (action: string, issued: number, options: object = {}) => ({
  ...{ id: `${action}${issued}`, issued: at(issued), expires: at(issued + HOUR) },
  ...{ action: 'toggle-service', request: { service: 'ssh', action, ...options } },
});

describeAsRoot('An operator’s request', function () {
  this.timeout(240_000);
  const device = useSystemdDevice();
  let engine: Engine | undefined;

  before(() => setUp(device));
  const factory = useShared(() => everything(device));
  afterEach(async () => {
    await engine?.stop();
    engine = undefined;
    await reset(device, factory);
  });

  const asApollo = async (): Promise<Engine> => {
    engine = await Engine.start(device, {}, { uid: device.account.uid, gid: device.account.gid });
    return engine;
  };
  const outcome = async (one: Engine, envelope: unknown): Promise<string> => {
    const { outcome: ended, error } = await one.fleet(envelope);
    return error?.code ?? ended;
  };

  it('keeps its place in the order through sudo and across a reboot', async () => {
    const [older, newer] = [ssh('limit', -2000), ssh('close', -1000, { confirmWithin: 600 })];
    let user = await asApollo();
    assert.equal(await outcome(user, newer), 'changed');
    const confirm = { ...ssh('', 0), action: 'confirm-change', request: { id: newer.id } };
    assert.equal(await outcome(user, confirm), 'confirmed');
    assert.equal(await outcome(user, older), 'SUPERSEDED');
    await user.stop();
    await device.reboot();
    user = await asApollo();
    assert.deepEqual([await outcome(user, confirm), await outcome(user, newer)], ['repeated', 'SUPERSEDED']);
    const { lastRequest } = await user.read();
    assert.deepEqual(lastRequest, { id: confirm.id, issued: confirm.issued, undone: false, key: null });
  });

  it('that has to be signed is so in Node-RED, and through sudo the key is recorded with the change', async () => {
    const pair = madePair();
    const settings = { operatorKeys: [{ name: 'operator', publicKey: pair.publicKey }] };
    const { uid, gid } = device.account;
    engine = await Engine.start(device, settings, { uid, gid });
    const content = { ...ssh('close', -1000), to: 'all' };
    assert.equal(await outcome(engine, content), 'NOT_SIGNED');
    assert.equal(await outcome(engine, signedWith(pair.privateKey, 'operator', JSON.stringify(content))), 'changed');
    assert.equal((await engine.read()).lastRequest?.key, 'operator');
  });

  it('that nobody confirms before a reboot is reverted by it, still counts as carried out, and is reported as undone', async () => {
    const envelope = ssh('close', -1000, { confirmWithin: 600 });
    let user = await asApollo();
    assert.equal(await outcome(user, envelope), 'changed');
    await user.stop();
    await device.reboot();
    user = await asApollo();
    assert.deepEqual((await user.read()).lastRequest, {
      id: envelope.id,
      issued: envelope.issued,
      undone: true,
      key: null,
    });
    assert.equal(await outcome(user, envelope), 'repeated');
    assert.deepEqual(await everything(device), factory);
  });

  it('is judged by the clock at the moment it is carried out, and a clock that jumps does not change the order', async () => {
    const clock = await makeClock(device);
    engine = await Engine.start(device, {}, { env: clock.env });
    await clock.set(-DAY / 1000);
    const first = ssh('close', -2000);
    assert.equal(await outcome(engine, first), 'changed');
    await clock.set(DAY / 1000);
    assert.equal(await outcome(engine, ssh('open', -1000)), 'EXPIRED');
    assert.equal(await outcome(engine, first), 'repeated');
    await clock.set((-3 * DAY) / 1000);
    assert.equal(await outcome(engine, ssh('open', -900)), 'INVALID_INPUT');
    await clock.set(0);
    assert.equal(await outcome(engine, ssh('limit', -3000)), 'SUPERSEDED');
    const second = ssh('open', -800);
    assert.equal(await outcome(engine, second), 'changed');
    assert.equal((await engine.read()).lastRequest?.id, second.id);
  });
});
