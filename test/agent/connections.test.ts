/** `cutConnections` and `systemService`, with the real sshd, observed from the neighbour. */
import { strict as assert } from 'node:assert';
import { after, before, beforeEach, it } from 'mocha';
import type { ChangeResult } from '../../firewall/results';
import { Engine } from '../device/engine';
import { describeAsRoot } from '../device/systemd/suite';
import { SystemdDevice } from '../device/systemd/systemd-device';
import { everything, restore } from '../firewall/stable';
import { until } from '../firewall/until';

describeAsRoot('A session over SSH', function () {
  this.timeout(120_000);
  let device: SystemdDevice;
  let engine: Engine;
  let factory: Record<string, string>;

  before(async () => {
    device = await SystemdDevice.open();
    engine = await Engine.start(device);
    factory = await everything(device);
  });

  after(async () => {
    await engine?.stop();
    await device?.close();
  });

  beforeEach(async () => {
    await device.remove('/var/lib/smartserver-firewall');
    await restore(device, factory);
  });

  const count = async () => Number(await device.ok('sh', '-c', "ss -Htn state established '( sport = :22 )' | wc -l"));
  const sshd = async () =>
    Promise.all(
      ['is-enabled', 'is-active'].map(async (what) =>
        (await device.run(['systemctl', what, 'ssh.service'])).stdout.trim(),
      ),
    );

  /** How a session that is open during a change ends, once its input ends. */
  const during = async (change: () => Promise<ChangeResult>) => {
    const session = device.ssh('echo ready; sleep 4; echo done');
    await until(async () => (await count()) === 1);
    const result = await change();
    return { result, session: await session };
  };

  it('survives a lockdown', async () => {
    const { result, session } = await during(() => engine.setProfile({ profile: 'lockdown' }));
    assert.deepEqual([result.cut, session.code, session.stdout], [0, 0, 'ready\ndone\n']);
  });

  it('is terminated by a lockdown that cuts connections', async () => {
    const { result, session } = await during(() => engine.setProfile({ profile: 'lockdown', cutConnections: true }));
    assert.deepEqual([result.cut, result.warnings], [1, []]);
    assert.equal(session.code, 255);
    assert.doesNotMatch(session.stdout, /done/);
  });

  it('from an address that stays allowed survives', async () => {
    await device.ufw('allow', 'from', '192.0.2.0/24', 'to', 'any', 'port', '22', 'proto', 'tcp');
    const close = { service: 'ssh', action: 'close', from: '198.51.100.0/24', cutConnections: true };
    const { result, session } = await during(() => engine.toggleService(close));
    assert.deepEqual([result.cut, session.code], [0, 0]);
  });

  it('is unreachable, now and after a boot, when its server is stopped with the rule; and back when the lease ends', async () => {
    const request = { action: 'close', systemService: true, duration: 3 };
    const closed = await engine.toggleService(request);
    assert.equal(closed.changed, true);
    assert.deepEqual(await sshd(), ['disabled', 'inactive']);
    await until(async () => (await engine.read()).leases.length === 0);
    await engine.resume();
    assert.deepEqual(await sshd(), ['enabled', 'active']);
    assert.equal((await device.ssh('true')).code, 0);
    assert.deepEqual(await everything(device), factory);
  });

  it('follows its rule: the same request twice stops it once, and undo starts it again', async () => {
    await engine.toggleService({ action: 'close', systemService: true });
    const again = await engine.toggleService({ action: 'close', systemService: true });
    assert.deepEqual([again.changed, again.files], [false, []]);
    await device.ok('systemctl', 'start', 'ssh.service');
    assert.equal((await engine.toggleService({ action: 'close', systemService: true })).changed, true);
    assert.deepEqual(await sshd(), ['disabled', 'inactive']);
    await engine.restore();
    assert.equal((await sshd())[1], 'active');
    await engine.toggleService({ action: 'open', systemService: true });
    assert.deepEqual(await sshd(), ['enabled', 'active']);
  });

  it('is the only service whose server can be stopped', async () => {
    await assert.rejects(engine.toggleService({ service: 'https', action: 'open', systemService: true }), {
      code: 'INVALID_INPUT',
    });
  });
});
