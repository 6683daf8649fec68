/** `cutConnections` and `systemService`, with the real sshd, observed from the neighbour. */
import { strict as assert } from 'node:assert';
import { beforeEach, describe, it } from 'mocha';
import type { ChangeResult } from '../../firewall/results';
import { useEngine, useShared } from '../device/suite';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything, reset } from '../firewall/stable';
import { until } from '../firewall/until';

/** There when a session need not wait any longer. */
const OVER = '/run/session-is-over';

describeAsRoot('A session over SSH', function () {
  this.timeout(120_000);
  const device = useSystemdDevice();
  const engine = useEngine(device);
  const factory = useShared(() => everything(device));

  beforeEach(() => reset(device, factory));

  const count = async () => Number(await device.ok('sh', '-c', "ss -Htn state established '( sport = :22 )' | wc -l"));
  const sshd = async () =>
    Promise.all(
      ['is-enabled', 'is-active'].map(async (what) =>
        (await device.run(['systemctl', what, 'ssh.service'])).stdout.trim(),
      ),
    );

  /** How a session that is open during a change ends, which outlives the change if it may. */
  const during = async (change: () => Promise<ChangeResult>) => {
    await device.remove(OVER);
    const session = device.ssh(`echo ready; while [ ! -e ${OVER} ]; do sleep 0.1; done; echo done`);
    await until(async () => (await count()) === 1);
    const result = await change();
    await device.write(OVER, '');
    return { result, session: await session };
  };

  it('survives a lockdown', async () => {
    const { result, session } = await during(() => engine.setProfile({ profile: 'lockdown' }));
    assert.deepEqual([result.cut, session.code, session.stdout], [0, 0, 'ready\ndone\n']);
  });

  it('is terminated by a lockdown that cuts connections', async () => {
    const { result, session } = await during(() => engine.setProfile({ profile: 'lockdown', cutConnections: true }));
    const said = result.impact.find(({ service, direction }) => service === 'ssh' && direction === 'in');
    assert.deepEqual([result.cut, said?.connectionsNow], [1, 1]);
    assert.deepEqual(
      result.warnings.filter((one) => !one.includes('stays open to everybody')),
      [],
    );
    assert.equal(session.code, 255);
    assert.doesNotMatch(session.stdout, /done/);
  });

  it('from an address that stays allowed survives', async () => {
    await device.ufw('allow', 'from', '192.0.2.0/24', 'to', 'any', 'port', '22', 'proto', 'tcp');
    const close = { service: 'ssh', action: 'close', from: '198.51.100.0/24', cutConnections: true };
    const { result, session } = await during(() => engine.toggleService(close));
    assert.deepEqual([result.cut, session.code], [0, 0]);
  });

  describe('that began in the meantime ends with', () => {
    const ended = async (change: Record<string, unknown>, end: () => Promise<unknown>) => {
      await engine.toggleService({ action: 'close' });
      await engine.toggleService({ service: 'ssh', action: 'open', cutConnections: true, ...change });
      const { session } = await during(async () => {
        await end();
        return engine.toggleService({ action: 'close' });
      });
      assert.equal(session.code, 255);
      assert.doesNotMatch(session.stdout, /done/);
    };

    it('a temporary opening', () =>
      ended({ duration: 600 }, async () => {
        await engine.clock.advance(601);
        assert.deepEqual((await engine.read()).leases, []);
      }));

    it('an opening that nobody confirms', () =>
      ended({ confirmWithin: 600 }, async () => {
        await engine.clock.advance(601);
        assert.equal((await engine.read()).pending, null);
      }));

    it('a temporary profile', async () => {
      await engine.toggleService({ action: 'close' });
      const temporary = await engine.setProfile({ profile: 'enhanced', duration: 600, cutConnections: true });
      assert.notEqual(temporary.lease, null);
      const { session } = await during(async () => {
        await engine.clock.advance(601);
        assert.deepEqual((await engine.read()).leases, []);
        return engine.toggleService({ action: 'close' });
      });
      assert.equal(session.code, 255);
    });

    it('the hours of a schedule', async () => {
      const at = (time: string) => engine.clock.setWall((Date.parse(`2026-11-30T${time}:00Z`) - Date.now()) / 1000);
      await at('18:00');
      const hours = [{ days: ['mon'], from: '07:00', to: '19:00' }];
      await engine.schedule({
        ...{ id: 'day', subject: { kind: 'services', services: ['ssh'] }, cutConnections: true },
        calendar: { hours, timeZone: 'UTC' },
      });
      const { session } = await during(async () => {
        await at('19:00');
        await engine.resume();
        return engine.toggleService({ action: 'close' });
      });
      await engine.unschedule({ id: 'day' });
      await engine.clock.setWall(0);
      assert.equal(session.code, 255);
    });
  });

  it('that somebody else’s rule would let begin again survives', async () => {
    const rule = ['INPUT', '-p', 'tcp', '--dport', '22', '-j', 'ACCEPT'];
    await device.ok('iptables', '-I', ...rule);
    const { result, session } = await during(() => engine.setProfile({ profile: 'lockdown', cutConnections: true }));
    await device.ok('iptables', '-D', ...rule);
    assert.deepEqual([result.cut, session.code, session.stdout], [0, 0, 'ready\ndone\n']);
  });

  it('is unreachable, now and after a boot, when its server is stopped with the rule; and back when the lease ends', async () => {
    const request = { action: 'close', systemService: true, duration: 600 };
    const closed = await engine.toggleService(request);
    assert.equal(closed.changed, true);
    assert.deepEqual(await sshd(), ['disabled', 'inactive']);
    await engine.clock.advance(601);
    assert.deepEqual((await engine.read()).leases, []);
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
