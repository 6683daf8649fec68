/** ufw of other ages: rule files of any layout in a real kernel, and a ufw that keeps its lock elsewhere or has none. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { makeRule } from '../../firewall/rules/rule';
import { AGES } from '../device/ages';
import { Engine } from '../device/engine';
import { useDevice, useEngine, useShared } from '../device/suite';
import { LAYOUTS } from './layouts';
import { everything, restore } from './stable';

const RULES = { ipv4: '/etc/ufw/user.rules', ipv6: '/etc/ufw/user6.rules' } as const;
const FAMILIES = ['ipv4', 'ipv6'] as const;
/** As at boot: what lies on disk is loaded, and nothing written. */
const BOOT = ['/lib/ufw/ufw-init', 'force-reload'];

// The first and the last: each ufw and each iptables once, and every second layout on each.
for (const [at, { name: age, ufw, iptables }] of ([AGES[0], AGES[3]] as (typeof AGES)[number][]).entries()) {
  describe(`With ${age}`, () => {
    const device = useDevice({ ufw, iptables });
    const engine = useEngine(device);
    const factory = useShared(() => everything(device));

    const texts = async () => ({ ipv4: await device.read(RULES.ipv4), ipv6: await device.read(RULES.ipv6) });
    const assertBootChangesNothing = async (): Promise<void> => {
      const now = await everything(device);
      await device.ok(...BOOT);
      assert.deepEqual(await everything(device), now);
    };

    for (const { name, files } of LAYOUTS.filter((_, index) => index % 2 === at)) {
      it(`a rule file of ufw ${name} stays one, and is what the kernel holds`, async () => {
        for (const family of FAMILIES) await device.write(RULES[family], files[family]);
        await device.ok(...BOOT);
        const { inSync, unreadable } = await engine.read();
        assert.deepEqual({ inSync, unreadable }, { inSync: true, unreadable: [] });

        const rules = FAMILIES.map((family) => makeRule(family, { protocol: 'tcp', dport: '8080' }));
        await engine.edit(rules.map((rule) => ({ kind: 'insert', rule, position: 1 })));
        for (const family of FAMILIES) {
          const [head = '', end = ''] = (await device.read(RULES[family])).split(
            /### RULES ###[\s\S]*### END RULES ###/,
          );
          const parts = files[family].split(/### RULES ###[\s\S]*### END RULES ###/);
          assert.deepEqual([head, end], parts);
        }
        assert.equal((await engine.read()).inSync, true);
        assert.deepEqual(await device.neighbour.probe([{ proto: 'tcp', port: 8080, family: 'ipv6' }]), ['in']);
        await assertBootChangesNothing();

        await engine.edit(rules.map((rule) => ({ kind: 'delete', rule })));
        assert.deepEqual(await texts(), files);

        const limit = makeRule('ipv6', { action: 'limit', log: 'log', protocol: 'tcp', dport: '8081' });
        await engine.edit([{ kind: 'add', rule: limit }]);
        assert.deepEqual(await device.neighbour.probe([{ proto: 'tcp', port: 8081, family: 'ipv6' }]), ['in']);

        // The policies too, which the logging lines depend on, and everything is loaded.
        await device.ok('iptables', '-F', 'ufw-user-input');
        const { state } = await engine.setProfile({ profile: 'standard' });
        assert.deepEqual([state.inSync, state.profile.name], [true, 'standard']);
        await assertBootChangesNothing();
        // ufw goes on from there in its own layout, and leaves it to the next start to have all of it in the kernel.
        await device.ufw('allow', '8082/tcp');
        const { state: last } = await engine.toggleService({ service: '8083/tcp', action: 'open' });
        assert.equal(last.inSync, true);
        await restore(device, factory);
      });
    }

    if (ufw !== '0.36') return;
    it('a rule that it deletes in the wrong place is told, and the next change puts the kernel right', async () => {
      for (const port of ['2222', '2222/tcp']) await device.ufw('allow', port);
      await device.ufw('delete', 'allow', '2222/tcp');
      assert.equal((await engine.read()).inSync, false);
      const { state } = await engine.toggleService({ service: '8083/tcp', action: 'open' });
      assert.equal(state.inSync, true);
      await restore(device, factory);
    });
  });
}

describe('A ufw with another lock', () => {
  const device = useDevice({ iptables: 'nft' });

  const HOLD =
    'import fcntl, sys; f = open(sys.argv[1], "w"); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); sys.stdin.read()';
  const hold = async (path: string) => {
    const holder = await device.spawn(['python3', '-c', HOLD, path]);
    await holder.until(/^1$/m);
    return holder;
  };

  it('or without one needs no file of it', async () => {
    await device.remove('/run/ufw.lock');
    const engine = await Engine.start(device);
    const { changed, state } = await engine.toggleService({ action: 'close' });
    assert.deepEqual([changed, state.inSync], [true, true]);
    await engine.restore();
    await engine.stop();
  });

  it('that knows none may write what it read before while a change is made, and the change is made again', async () => {
    const engine = await Engine.start(device);
    await device.ok('cp', RULES.ipv4, '/run/stale');
    // It has ended before anybody could see it: here it is part of the program that loads the rules.
    const program = `#!/bin/sh
if [ -e /run/stale ]; then cat /run/stale > ${RULES.ipv4}; rm /run/stale; fi
exec /usr/sbin/iptables-nft-restore "$@"
`;
    await device.write('/run/restore', program, 0o755);
    await device.ok('ln', '-sf', '/run/restore', '/etc/alternatives/iptables-restore');
    const { state } = await engine.toggleService({ service: '20001/tcp', action: 'open' });
    await device.ok('ln', '-sf', '/usr/sbin/iptables-nft-restore', '/etc/alternatives/iptables-restore');
    assert.equal(await device.exists('/run/stale'), false);
    assert.ok((await device.read(RULES.ipv4)).includes(' tcp 20001 '));
    assert.deepEqual([state.inSync, state.rules.some(({ to }) => to.port === '20001')], [true, true]);
    await engine.restore();
    await engine.stop();
  });

  it('that knows none may run beside changes, of which none is lost', async () => {
    // As ufw before 0.36 works: the same programs, and nobody waits for anybody.
    const program = `#!/usr/bin/python3
import runpy, ufw.util
ufw.util.create_lock = lambda **settings: None
runpy.run_path('/usr/sbin/ufw', run_name='__main__')
`;
    await device.write('/run/ufw', program, 0o755);
    const engine = await Engine.start(device);
    const ports = [20001, 20002, 20003];
    const foreign = Promise.all(ports.map((port) => device.run(['/run/ufw', 'allow', `${port + 1000}/tcp`])));
    for (const port of ports) await engine.toggleService({ service: `${port}/tcp`, action: 'open' });
    await foreign;
    const text = await device.read(RULES.ipv4);
    for (const port of ports) assert.ok(text.includes(` tcp ${port} `), `our rule for ${port} is there`);
    assert.equal((await engine.toggleService({ service: '20001/tcp', action: 'close' })).state.inSync, true);
    await engine.stop();
  });

  it('in a data folder of its own is waited for there, and not where it usually is', async () => {
    const data = '/var/lib/firewall';
    await device.ok(
      'sh',
      '-c',
      `mkdir -p ${data}/lib/ufw ${data}/etc/default && cp -a /etc/ufw ${data}/etc/ && cp /etc/default/ufw ${data}/etc/default/`,
    );
    const engine = await Engine.start(device, { etcUfw: `${data}/etc/ufw`, defaultUfw: `${data}/etc/default/ufw` });
    const usual = await hold('/run/ufw.lock');
    const { changed } = await engine.toggleService({ action: 'close' });
    assert.equal(changed, true);

    const own = await hold(`${data}/lib/ufw/ufw.lock`);
    let isDone = false;
    const change = engine.toggleService({ action: 'open' }).finally(() => {
      isDone = true;
    });
    // Both are at their locks; of the engine's holder the kernel tells that it waits.
    while (!/->/.test(await device.ok('cat', '/proc/locks')));
    assert.equal(isDone, false);
    own.endInput();
    assert.equal((await change).changed, true);
    usual.endInput();
    await engine.stop();
  });
});
