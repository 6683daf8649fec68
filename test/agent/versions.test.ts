/**
 * Today's nodes with the program that version 1.0.0 has installed, and its requests with today's program: an update of the
 * package alone never leaves a device that cannot be locked down. The program of 1.0.0 is kept as that version built it.
 */
import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { before, beforeEach, it } from 'mocha';
import { madePair, signedWith } from '../../firewall/fleet/signature';
import { check } from '../../firewall/messages';
import { changeResult, state } from '../../firewall/results';
import { Engine } from '../device/engine';
import { useShared } from '../device/suite';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everythingAndSite, reset } from '../firewall/stable';
import { askAgent, requestOf, setUp } from './as-apollo';

const OLD = resolve(__dirname, '..', '..', '..', 'test', 'fixtures', 'agent', '1.0.0');
const INSTALLED = '/usr/lib/smartserver-firewall';

describeAsRoot('Nodes of this version', function () {
  this.timeout(120_000);
  const device = useSystemdDevice();
  const factory = useShared(() => everythingAndSite(device));
  let engine: Engine;

  before(async () => {
    await setUp(device);
  });

  const install = async (): Promise<void> => {
    for (const name of ['program', 'load']) {
      const text = gunzipSync(await readFile(join(OLD, `${name}.js.gz`))).toString('latin1');
      await device.write(`${INSTALLED}/${name}.js`, text);
    }
    await device.remove(`${INSTALLED}/program.cache`);
  };
  const start = () => Engine.start(device, {}, { uid: device.account.uid, gid: device.account.gid });
  const probe = async (port: number) => (await device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]))[0];

  beforeEach(async () => {
    await reset(device, factory);
    await install();
    engine = await start();
  });

  it('read the firewall through a program of 1.0.0, in the shape of this version, and say what to do', async () => {
    await engine.resume();
    check(state, await engine.read());
    assert.match(engine.said.join('\n'), /another version.*sudo npx smartserver-firewall setup/);
  });

  it('open, close and undo through it', async () => {
    check(changeResult, await engine.toggleService({ service: 'ssh', action: 'close' }));
    assert.equal(await probe(22), 'filtered');
    check(changeResult, await engine.restore({ action: 'undo' }));
    assert.equal(await probe(22), 'in');
  });

  it('lock down through it, whatever is asked and configured that it does not know', async () => {
    const asked = { profile: 'lockdown', overrideOthers: true, duration: 3600 };
    const { warnings } = check(changeResult, await engine.setProfile(asked));
    assert.equal(await probe(22), 'filtered');
    assert.match(warnings.join('\n'), /does not know overrideOthers, duration: done without.*setup/);
  });

  it('carry out what an operator has signed through it, and say whose keys there are', async () => {
    const { privateKey, publicKey } = madePair();
    const own = { operatorKeys: [{ name: 'office', publicKey }], fleetDevice: 'plant' };
    const signer = await Engine.start(device, own, { uid: device.account.uid, gid: device.account.gid });
    const times = { issued: new Date().toISOString(), expires: new Date(Date.now() + 60_000).toISOString() };
    const text = {
      to: 'device/plant',
      id: 'one',
      ...times,
      action: 'toggle-service',
      request: { service: 'ssh', action: 'close' },
    };
    const result = await signer.fleet(signedWith(privateKey, 'office', JSON.stringify(text)));
    assert.equal(result.outcome, 'changed', JSON.stringify(result));
    assert.equal(await probe(22), 'filtered');
    const { operatorKeys, lastRequest } = check(state, await signer.read());
    assert.deepEqual([operatorKeys, lastRequest?.id, lastRequest?.key], [['office'], 'one', null]);
  });

  it('refuse what it does not know otherwise, and change nothing', async () => {
    for (const request of [
      () => engine.toggleService({ service: 'ssh', action: 'close', afterwards: 'open', duration: 60 }),
      () => engine.setProfile({ profile: 'standard', duration: 3600 }),
      () =>
        engine.schedule({
          ...{ id: 'hours', subject: { kind: 'services', services: ['ssh'] } },
          calendar: { hours: [] },
        }),
    ]) {
      await assert.rejects(request(), (error: Error) =>
        /^OUTDATED: .* does not know \w+\. .*not changed\. Run "sudo npx smartserver-firewall setup"/.test(
          error.message,
        ),
      );
      assert.equal(await probe(22), 'in');
    }
  });

  it('use all that is new once setup has been run, without being restarted', async () => {
    await engine.toggleService({ service: 'ssh', action: 'close' });
    await setUp(device);
    const { lease } = await engine.toggleService({
      service: 'ssh',
      action: 'open',
      afterwards: 'closed',
      duration: 60,
    });
    assert.ok(lease);
  });

  it('of 1.0.0 are answered by the program of this version', async () => {
    await setUp(device);
    const all = { dryRun: false, confirmWithin: 0, cutConnections: false, onlyTighten: false, force: false };
    const asked = { ...all, profile: 'lockdown', optionalServices: 'keep', ownRules: 'keep' };
    const { stdout } = await askAgent(device, requestOf('setProfile', asked));
    assert.equal(JSON.parse(stdout).result.changed, true, stdout);
    assert.equal(await probe(22), 'filtered');
  });

  it('of a later version are told what the program of this version does not know', async () => {
    await setUp(device);
    const request = JSON.parse(requestOf('read', {}, { later: 1 }));
    const { stdout } = await askAgent(device, JSON.stringify({ version: '9.0.0', ...request }));
    assert.match(JSON.parse(stdout).error.message, /^INVALID_INPUT: settings: Unrecognized key: "later" \(/);
  });
});
