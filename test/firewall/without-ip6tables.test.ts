/** A device whose ip6tables cannot be used: where ufw leaves IPv6 alone, everything works as it does with ufw. */
import { strict as assert } from 'node:assert';
import { afterEach, before, describe, it } from 'mocha';
import { useDevice, useEngine, useShared } from '../device/suite';

const KINDS = {
  fails: '#!/bin/sh\necho "ip6tables: Could not fetch rule set generation id: Invalid argument" >&2\nexit 3\n',
  'is not there': null,
};

for (const [kind, stub] of Object.entries(KINDS))
  describe(`Without IPv6 in ufw, on a device whose ip6tables ${kind}`, () => {
    // Of this iptables the device has its own links.
    const device = useDevice({ ipv6: false, iptables: 'nft' });

    before(async () => {
      if (stub !== null) await device.write('/run/ip6tables', stub, 0o755);
      for (const name of ['ip6tables', 'ip6tables-save', 'ip6tables-restore']) {
        await device.ok('ln', '-sf', '/run/ip6tables', `/etc/alternatives/${name}`);
      }
      const { code } = await device.run(['ip6tables-save']).catch(() => ({ code: null }));
      assert.notEqual(code, 0);
    });
    const files = useShared(async (): Promise<Record<string, string>> => {
      const paths = ['/etc/ufw/user.rules', '/etc/default/ufw', '/etc/ufw/ufw.conf'];
      return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await device.read(path)] as const)));
    });
    const engine = useEngine(device);

    afterEach(async () => {
      const before = await device.save('ipv4');
      await device.ufw('reload');
      assert.equal(await device.save('ipv4'), before);
      for (const [path, text] of Object.entries(files)) await device.write(path, text);
      await device.ufw('reload');
    });

    it('the firewall is read', async () => {
      const { active, ipv6, inSync, profile, rules } = await engine.read();
      assert.deepEqual(
        { active, ipv6, inSync, profile: profile.name },
        { active: true, ipv6: false, inSync: true, profile: 'enhanced' },
      );
      assert.ok(rules.every(({ family }) => family === 'ipv4'));
    });

    it('changes are made, taken back and repeated', async () => {
      const { changed, state } = await engine.setProfile({ profile: 'lockdown' });
      assert.deepEqual([changed, state.inSync, state.profile.name], [true, true, 'lockdown']);
      const undone = await engine.restore({ action: 'undo' });
      assert.deepEqual([undone.changed, undone.state.inSync], [true, true]);
      assert.equal((await engine.toggleService({ action: 'close' })).changed, true);
      assert.equal((await engine.toggleService({ action: 'close' })).changed, false);
    });

    it('a firewall that is off is switched on', async () => {
      await device.ufw('disable');
      assert.equal((await engine.read()).active, false);
      const { changed, state } = await engine.setProfile({ profile: 'enhanced' });
      assert.deepEqual([changed, state.active, state.inSync], [true, true, true]);
    });

    it('an error says so where ufw manages IPv6 all the same', async () => {
      const path = '/etc/default/ufw';
      await device.write(path, (files[path] as string).replace(/^IPV6=.*$/m, 'IPV6=yes'));
      await assert.rejects(engine.read(), /ip6tables-save/);
      await device.write(path, files[path] as string);
    });
  });
