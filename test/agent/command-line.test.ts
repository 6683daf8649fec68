/** The command line of a technician on the console: what it prints, and its exit codes. */
import { strict as assert } from 'node:assert';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, describe, it } from 'mocha';
import { check } from '../../firewall/messages';
import { backupReport, changeResult, state } from '../../firewall/results';
import { Device } from '../device/device';
import { Engine } from '../device/engine';
import { everything, putBack } from '../firewall/stable';

const PROGRAM = join(resolve(__dirname, '..', '..'), 'agent', 'smartserver-firewall.js');

describe('The command line', function () {
  this.timeout(60_000);
  let device: Device;
  let engine: Engine;
  let factory: Record<string, string>;

  before(async () => {
    device = await Device.open();
    factory = await everything(device);
    engine = await Engine.start(device);
  });

  after(async () => {
    await engine?.stop();
    await device?.close();
  });

  beforeEach(async () => {
    await device.remove('/var/lib/smartserver-firewall');
    await putBack(device, factory);
  });

  const command = (...args: string[]) => device.run([process.execPath, PROGRAM, ...args]);

  it('tells the state in words and as JSON', async () => {
    await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
    await engine.toggleService({ action: 'close', confirmWithin: 600 });
    const { code, stdout } = await command('status');
    assert.equal(code, 0);
    assert.match(stdout, /^Firewall: on now, on at the next boot$/m);
    assert.match(stdout, /^ {2}https: 443\/tcp$/m);
    assert.doesNotMatch(stdout, /^ {2}ssh/m);
    assert.match(stdout, /^Waits to be confirmed until 2.*Z: toggle-service close ssh/m);
    assert.match(stdout, /^For a while, until 2.*Z: 9100\/tcp$/m);
    const json = await command('--json', 'status');
    assert.equal(check(state, JSON.parse(json.stdout)).pending?.action, 'toggle-service close ssh');
  });

  it('confirms, undoes, lists and restores', async () => {
    const { id } = await engine.toggleService({ action: 'close', confirmWithin: 600 });
    assert.deepEqual(await command('confirm', 'another').then(({ code, stderr }) => [code, stderr.slice(0, 16)]), [
      1,
      'NOTHING_PENDING:',
    ]);
    assert.match((await command('confirm', id)).stdout, /^Confirmed: toggle-service close ssh$/m);
    const list = check(backupReport.array(), JSON.parse((await command('backups', '--json')).stdout));
    assert.deepEqual(
      list.map((backup) => backup.id),
      [id],
    );
    assert.match((await command('backups')).stdout, /45 rules, before: toggle-service close ssh$/m);
    const undone = await command('undo');
    assert.match(undone.stdout, /^Done: undo toggle-service close ssh/m);
    assert.match(undone.stdout, /^\+ allow in 22\/tcp \(ipv4\)$/m);
    assert.deepEqual(await everything(device), factory);
    assert.match((await command('restore', id)).stdout, /^Nothing to do/m);
    assert.equal(check(changeResult, JSON.parse((await command('--json', 'undo')).stdout)).changed, true);
    assert.equal((await command('restore', id)).code, 0);
    assert.deepEqual(await everything(device), factory);
  });

  it('lists a damaged backup as such, and says that a file of its own is damaged', async () => {
    const { id } = await engine.toggleService({ action: 'close' });
    await device.write(`/var/lib/smartserver-firewall/backups/${id}.json`, '{');
    assert.match((await command('backups')).stdout, new RegExp(`^${id} .*  damaged, cannot be restored: it holds no`));
    const { code, stderr } = await command('undo');
    assert.deepEqual([code, stderr.slice(0, 15)], [1, 'UNKNOWN_BACKUP:']);
    await device.write('/var/lib/smartserver-firewall/schedule.json', '{');
    assert.match((await command('status')).stdout, /^! .*schedule\.json cannot be understood/m);
    assert.match((await command('settle')).stdout, /schedule\.json cannot be understood .* was set aside as/);
    assert.doesNotMatch((await command('status')).stdout, /cannot be understood/);
  });

  it('does what has come due, and fails where it cannot', async () => {
    const program = await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 1 });
    assert.equal(program.changed, true);
    await new Promise((wake) => setTimeout(wake, 1200));
    assert.equal((await command('settle')).code, 0);
    assert.deepEqual((await engine.read()).leases, []);
  });

  it('tells failures by code on its error output, and as JSON', async () => {
    const { code, stdout, stderr } = await command('undo');
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^UNKNOWN_BACKUP: there is no backup/);
    const json = await command('--json', 'restore', '../../etc/shadow');
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.stdout).error.code, 'UNKNOWN_BACKUP');
  });

  it('does not guess what was meant', async () => {
    for (const args of [['open', 'ssh'], ['undo', '--every'], ['restore'], ['confirm', 'a', 'b'], []]) {
      const { code, stderr } = await command(...args);
      assert.equal(code, 2, args.join(' '));
      assert.notEqual(stderr, '');
    }
    for (const settings of ['{', '{"stateDir":"relative"}', '[]', '{"unknown":1}']) {
      const { code, stderr } = await command('--settings', settings, 'status');
      assert.deepEqual([code, stderr.slice(0, 14)], [1, 'INVALID_INPUT:'], settings);
    }
    assert.equal((await command('--help')).code, 0);
    assert.deepEqual(await everything(device), factory);
  });
});
