/**
 * Deadlines on a device with systemd, where Node-RED runs as an unprivileged user: they are met without Node-RED, across
 * boots, whatever the clock says. Each test really locks itself out, and waits until it can get in again.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { before, beforeEach, it } from 'mocha';
import type { Answers, BackupReport, ChangeResult, State } from '../../firewall/results';
import { useShared } from '../device/suite';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { project } from '../device/systemd/tree';
import { ledgerOf } from '../firewall/ledger-of';
import { everything, everythingAndSite, reset, STATE } from '../firewall/stable';
import { until } from '../firewall/until';
import { askAgent, COMMAND, requestOf, setUp } from './as-apollo';

const DAY = 24 * 3600;
/** The kernel tells its uptime in hundredths of a second; one more than that. */
const UPTIME_MS = 20;

describeAsRoot('A deadline', function () {
  this.timeout(240_000);
  const device = useSystemdDevice();
  before(() => setUp(device));
  const factory = useShared(() => everythingAndSite(device));
  beforeEach(() => reset(device, factory));

  const state = () => everythingAndSite(device);
  const ask = async <Answer = ChangeResult>(method: string, request: unknown = {}): Promise<Answer> => {
    const { stdout, stderr } = await askAgent(device, requestOf(method, request));
    const { result, error } = JSON.parse(stdout) as { result?: Answers[keyof Answers]; error?: { message: string } };
    assert.equal(error, undefined, `${error?.message} ${stderr}`);
    return result as unknown as Answer;
  };
  const probe = async (port: number) => (await device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]))[0];
  const becomes = (port: number, answer: string) => until(async () => (await probe(port)) === answer);
  const settled = () =>
    until(async () => {
      const { pending, leases } = await ask<State>('read');
      return pending === null && leases.length === 0 && !(await device.exists(`${STATE}/journal.json`));
    });
  /** The units that the package has had systemd make, timers among them. */
  const units = () => device.ok('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'smartserver-firewall-*');
  /** What the ledger's last entry is about, and by whom. */
  const lastEntry = async () => {
    const [{ type, source } = { type: null, source: null }] = (await ledgerOf(device)).slice(-1);
    return [type, source?.kind];
  };
  /** Waits until a deadline has come, as its text has it. */
  const passed = (deadline = '') => until(async () => Date.now() > Date.parse(deadline) + UPTIME_MS);
  /** The result of `settle` with another clock; systemd's own clock is left alone. */
  const settleAt = (offset: string) =>
    device.run([COMMAND, 'settle'], {
      env: { LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1', FAKETIME: offset, DONT_FAKE_MONOTONIC: '1' },
    });

  it('is met by systemd when Node-RED, which had set it as an unprivileged user, is killed', async () => {
    const flow = [
      { id: 'tab', type: 'tab', label: 'Flow' },
      { id: 'in', type: 'http in', z: 'tab', url: '/lock', method: 'get', wires: [['lock']] },
      {
        id: 'lock',
        type: 'toggle-service',
        z: 'tab',
        service: 'https',
        action: 'close',
        force: true,
        confirmWithin: 4,
        wires: [['out']],
      },
      { id: 'out', type: 'http response', z: 'tab', wires: [] },
    ];
    const userDir = '/home/apollo/.node-red';
    await device.ok('install', '-d', '-o', 'apollo', '-g', 'apollo', userDir, `${userDir}/node_modules`);
    await device.ok('install', '-d', '-o', 'apollo', `${userDir}/node_modules/@smartserver`);
    await device.ok('ln', '-sfn', device.packageFolder, `${userDir}/node_modules/@smartserver/node-red-firewall`);
    await device.write(`${userDir}/flows.json`, JSON.stringify(flow));
    await device.write(`${userDir}/package.json`, '{"dependencies":{"@smartserver/node-red-firewall":"*"}}');
    const red = device.inside(join(project, 'node_modules/node-red/red.js'));
    const argv = [device.node, red, '--userDir', userDir, '--port', '1880', 'flows.json'];
    const nodeRed = await device.spawnAs('apollo', argv);
    await nodeRed.until(/Started flows/);
    const before = await state();
    const { stdout } = await device.run([device.node, '-e', GET, 'http://127.0.0.1:1880/lock']);
    const result = JSON.parse(stdout) as ChangeResult;
    assert.equal(result.pending?.guard, 'systemd', stdout);
    await nodeRed.kill('SIGKILL');
    assert.equal(await probe(443), 'filtered');
    await becomes(443, 'in');
    await settled();
    assert.deepEqual(await state(), before);
    const [undone] = await ask<BackupReport[]>('backups');
    assert.equal(undone?.reason, 'unconfirmed');
  });

  it('of a change that was confirmed passes without effect', async () => {
    const { id } = await ask('toggleService', { action: 'close', confirmWithin: 3 });
    await ask('confirm', { id });
    assert.match(await units(), /\.timer /);
    await until(async () => (await units()) === '');
    assert.equal(await probe(22), 'filtered');
    assert.equal((await device.run(['systemctl', '--failed', '--no-legend', '--plain'])).stdout, '');
  });

  it('of a confirmation does not survive a power cut: the change is reverted before the network is up', async () => {
    const before = await state();
    await ask('changeWebPorts', { http: 1780, https: 1443, confirmWithin: 3600 });
    await device.powerCut();
    await device.boot();
    assert.deepEqual(await state(), before);
    assert.deepEqual(await lastEntry(), ['reversal', 'boot']);
    assert.equal((await device.neighbour.fetch('https://192.0.2.1/')).status, 200);
    const order = await device.ok('systemctl', 'show', '-p', 'After', '-p', 'Before', 'smartserver-firewall.service');
    assert.match(order, /^After=.*ufw\.service/m);
    assert.match(order, /^Before=.*network-pre\.target/m);
    const entered = async (unit: string) =>
      Number((await device.ok('systemctl', 'show', '-p', 'ActiveEnterTimestampMonotonic', '--value', unit)).trim());
    const [done = 0, network = 0] = [
      Number(
        (
          await device.ok(
            'systemctl',
            'show',
            '-p',
            'ExecMainExitTimestampMonotonic',
            '--value',
            'smartserver-firewall.service',
          )
        ).trim(),
      ),
      await entered('cables.service'),
    ];
    assert.ok(done > 0 && network > done, `${done} ${network}`);
  });

  it('that falls within a reboot is met by it', async () => {
    const before = await state();
    await ask('toggleService', { service: 'https', action: 'close', force: true, confirmWithin: 1 });
    await device.reboot();
    assert.equal(await probe(443), 'in');
    assert.deepEqual(await state(), before);
  });

  it('of a lease is kept across a power cut, and met after it', async () => {
    const before = await everything(device);
    await ask('toggleService', { service: '9100/tcp', action: 'open', duration: 6 });
    await device.powerCut();
    await device.boot();
    assert.equal(await probe(9100), 'in');
    await becomes(9100, 'filtered');
    await settled();
    assert.deepEqual(await everything(device), before);
  });

  it('of a lease that passed while the device was off is met at boot', async () => {
    const { state: leased } = await ask('toggleService', { service: '9100/tcp', action: 'open', duration: 2 });
    await device.powerCut();
    await passed(leased.leases[0]?.until);
    await device.boot();
    assert.equal(await probe(9100), 'filtered');
    assert.deepEqual(await lastEntry(), ['lease-end', 'boot']);
  });

  it('does not move when the clock jumps by a day, forward or back', async () => {
    const { id } = await ask('toggleService', { action: 'close', confirmWithin: 6 });
    await ask<BackupReport[]>('backups');
    for (const offset of [`+${DAY}s`, `-${DAY}s`]) {
      const { code, stdout, stderr } = await settleAt(offset);
      assert.deepEqual([code, stdout], [0, ''], stderr);
      assert.equal((await ask<State>('read')).pending?.id, id);
    }
    await becomes(22, 'in');
    await settled();
  });

  it('is met although the clock has jumped by a day, forward or back', async () => {
    await device.ok('systemctl', 'mask', '--runtime', '--now', 'smartserver-firewall.service');
    for (const offset of [`+${DAY}s`, `-${DAY}s`]) {
      const { state: leased } = await ask('toggleService', { service: '9100/tcp', action: 'open', duration: 2 });
      await device.ok('systemctl', 'stop', 'smartserver-firewall-*.timer');
      await passed(leased.leases[0]?.until);
      assert.equal(await probe(9100), 'in');
      assert.equal((await settleAt(offset)).code, 0);
      assert.equal(await probe(9100), 'filtered');
    }
    await device.ok('systemctl', 'unmask', '--runtime', 'smartserver-firewall.service');
  });

  it('of a lease is met at once by a boot whose clock is a day behind', async () => {
    await device.ok('systemctl', 'disable', '-q', 'smartserver-firewall.service');
    await ask('toggleService', { service: '9100/tcp', action: 'open', duration: 3600 });
    await device.powerCut();
    await device.boot();
    assert.equal(await probe(9100), 'in');
    assert.equal((await settleAt(`-${DAY}s`)).code, 0);
    assert.equal(await probe(9100), 'filtered');
    await device.ok('systemctl', 'enable', '-q', 'smartserver-firewall.service');
  });

  it('is retried by systemd if it could not be met', async () => {
    await ask('toggleService', { service: 'https', action: 'close', force: true, confirmWithin: 3 });
    // A file that cannot be replaced: the revert fails, and is itself rolled back.
    await device.ok('mount', '--bind', '/etc/ufw', '/etc/ufw');
    await device.ok('mount', '-o', 'remount,bind,ro', '/etc/ufw');
    await until(async () => /NOT_PERMITTED/.test(await device.ok('journalctl', '-b', '--no-pager', '-o', 'cat')));
    assert.equal(await probe(443), 'filtered');
    await device.ok('umount', '/etc/ufw');
    await becomes(443, 'in');
    await settled();
  });

  it('leaves no unit behind', async () => {
    assert.equal(await units(), '');
  });
});

const GET = `require('http').get(process.argv[1], (answer) => answer.pipe(process.stdout))`;
