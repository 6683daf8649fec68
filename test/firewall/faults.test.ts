/** What a change needs and does not get, on a device whose programs can really be missing: an error, and the old state. */
import { strict as assert } from 'node:assert';
import { basename } from 'node:path';
import { afterEach, beforeEach, it } from 'mocha';
import { useEngine, useShared } from '../device/suite';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything } from './stable';
import { untilLockIsAwaited } from './until';

const HOLD =
  "import fcntl,time; f=open('/run/ufw.lock','w'); fcntl.lockf(f,fcntl.LOCK_EX); print(1,flush=True); time.sleep(600)";
const AWAY = '.away';

describeAsRoot('A change that does not get what it needs', () => {
  const device = useSystemdDevice();
  const engine = useEngine(device);
  const old = useShared(() => everything(device));
  let moved: string[] = [];

  beforeEach(() => {
    moved = [];
  });

  afterEach(async () => {
    for (const path of moved) await device.ok('mv', '-f', `${path}${AWAY}`, path);
    assert.deepEqual(await everything(device), old);
    assert.equal(await device.exists('/var/lib/smartserver-firewall/journal.json'), false);
    // With everything there again it is made, and taken back.
    assert.equal((await engine.toggleService({ action: 'close' })).changed, true);
    await engine.restore();
    assert.deepEqual(await everything(device), old);
  });

  const moveAway = async (path: string): Promise<void> => {
    await device.ok('mv', path, `${path}${AWAY}`);
    moved.push(path);
  };
  /** From now on the program fails at its given call, counted from 1, and works otherwise. */
  const failAt = async (path: string, call: number): Promise<void> => {
    // One program under many names, the first argument of which may say which is meant.
    const real = (await device.ok('readlink', '-f', path)).trim();
    await moveAway(path);
    await device.remove('/run/calls');
    const fails = `echo >> /run/calls\n[ "$(wc -l < /run/calls)" = ${call} ] && exit 1\n`;
    await device.write(path, `#!/bin/sh\n${fails}exec ${real} ${basename(path)} "$@"\n`, 0o755);
  };

  it('says that the lock is held, where somebody holds it for ever', async () => {
    const holder = await device.spawn(['python3', '-c', HOLD]);
    await holder.until(/^1$/m);
    const refused = assert.rejects(engine.toggleService({ action: 'close' }), { code: 'BUSY' });
    await untilLockIsAwaited(device);
    await engine.clock.advance(31);
    await refused;
    await holder.kill('SIGKILL');
  });

  it('says what is missing, where perl is', async () => {
    const real = (await device.ok('readlink', '-f', '/usr/bin/perl')).trim();
    await moveAway(real);
    await assert.rejects(engine.toggleService({ action: 'close' }), { code: 'UFW_NOT_FOUND' });
    await device.ok('mv', '-f', `${real}${AWAY}`, real);
    moved = [];
  });

  for (const [name, path, calls] of [
    ['of the first family', '/usr/sbin/iptables-restore', 1],
    ['of the second family, after the first is loaded', '/usr/sbin/ip6tables-restore', 1],
    ['that tells what the kernel holds', '/usr/sbin/iptables-save', 2],
  ] as const) {
    it(`puts everything back where the program fails ${name}`, async () => {
      for (let call = 1; call <= calls; call++) {
        await failAt(path, call);
        await assert.rejects(engine.setProfile({ profile: 'lockdown' }), { code: 'INTERNAL' }, `call ${call}`);
        assert.deepEqual(await everything(device), old);
        await device.ok('mv', '-f', `${path}${AWAY}`, path);
        moved = [];
      }
    });
  }

  it('says exactly what is not as it was, where it cannot be put back either, and the next change takes it back', async () => {
    const [ipv4, ipv6] = ['/usr/sbin/iptables-restore', '/usr/sbin/ip6tables-restore'];
    const real = (await device.ok('readlink', '-f', ipv4)).trim();
    await moveAway(ipv4);
    await moveAway(ipv6);
    // The first family is loaded; then nothing can be loaded any more.
    const works = `[ -e /run/broken ] && exit 1\nexec ${real} iptables-restore "$@"\n`;
    await device.write(ipv4, `#!/bin/sh\n${works}`, 0o755);
    await device.write(ipv6, '#!/bin/sh\ntouch /run/broken\nexit 1\n', 0o755);
    await assert.rejects(engine.setProfile({ profile: 'lockdown' }), (error: Error) => {
      assert.match(error.message, /^VERIFY_FAILED: .*could not be rolled back/);
      assert.match(error.message, /Not as before are: the kernel \(ipv4, chain ufw-user-input: [^)]*\)\./);
      return true;
    });
    const { ipv4: kernel, ...others } = await everything(device);
    assert.notEqual(kernel, old.ipv4);
    assert.deepEqual({ ...others, ipv4: old.ipv4 }, old);
    for (const path of moved) await device.ok('mv', '-f', `${path}${AWAY}`, path);
    moved = [];
    const { changed, warnings } = await engine.toggleService({ action: 'close' });
    assert.equal(changed, true);
    assert.match(warnings.join(), /"set-profile lockdown" .* had not finished and was taken back/);
    await engine.restore();
  });
});
