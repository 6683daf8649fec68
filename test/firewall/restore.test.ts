/** The way back: undo, backups, confirmation, leases. Where a way in is cut, it is a real one, seen from the neighbour. */
import { strict as assert } from 'node:assert';
import { afterEach, before, beforeEach, describe, it } from 'mocha';
import { check } from '../../firewall/messages';
import { backupReport, changeResult, confirmation } from '../../firewall/results';
import { Engine } from '../device/engine';
import { page } from '../device/site';
import { useDevice, useFreshEngine, useShared } from '../device/suite';
import { assertReloadChangesNothing, everything, everythingAndSite, reset, STATE, UFW_FILES } from './stable';

describe('The way back', function () {
  this.timeout(120_000);
  const device = useDevice();
  before(() => device.startNginx());
  const factory = useShared(() => everythingAndSite(device));
  const engine = useFreshEngine(device);
  afterEach(() => reset(device, factory));

  const probe = async (port: number) => (await device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]))[0];
  const state = () => everythingAndSite(device);
  const rulesOf = () => device.ufw('status');

  describe('undo', () => {
    const changes: [string, () => Promise<unknown>][] = [
      ['a toggle', () => engine.toggleService({ action: 'close' })],
      ['a lockdown', () => engine.setProfile({ profile: 'lockdown' })],
      ['a profile with another policy', () => engine.setProfile({ profile: 'standard', optionalServices: 'open' })],
      ['moved web ports', () => engine.changeWebPorts({ http: 1780, https: 1443 })],
      ['web ports of which the old ones still answer', () => engine.changeWebPorts({ https: 1443, keepOldOpen: 600 })],
      ['a lease', () => engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 })],
    ];
    for (const [name, change] of changes) {
      it(`of ${name} gives back every byte, and undone itself makes it again`, async () => {
        const before = await state();
        await change();
        const changed = await state();
        assert.notDeepEqual(changed, before);
        const undone = check(changeResult, await engine.restore({ action: 'undo' }));
        assert.equal(undone.changed, true);
        assert.deepEqual(await state(), before);
        assert.deepEqual(undone.state.leases, []);
        await assertReloadChangesNothing(device);
        await engine.restore();
        assert.deepEqual(await state(), changed);
        await assertReloadChangesNothing(device);
      });
    }

    it('takes back only its own change where somebody has changed the rules since', async () => {
      await engine.toggleService({ action: 'close' });
      await device.ufw('allow', '9100/tcp');
      await device.ufw('delete', 'allow', 'out', '123/udp');
      const { warnings } = await engine.restore();
      const status = await rulesOf();
      assert.match(status, /^22\/tcp +ALLOW/m);
      assert.match(status, /9100\/tcp/);
      assert.doesNotMatch(status, /^123\/udp/m);
      assert.match(warnings.join(), /have changed since/);
      await assertReloadChangesNothing(device);
    });

    it('leaves alone what somebody has decided about the same ports since', async () => {
      await engine.toggleService({ action: 'close' });
      await device.ufw('deny', '22/tcp');
      await device.ufw('deny', '22');
      await engine.restore();
      assert.equal(await probe(22), 'filtered');
    });

    it('of the change that switched the firewall on switches it off', async () => {
      await device.ufw('disable');
      const off = await everything(device);
      await engine.setProfile({ profile: 'lockdown' });
      assert.equal(await probe(22), 'filtered');
      const { state: now } = await engine.restore();
      assert.deepEqual([now.active, now.enabledAtBoot], [false, false]);
      assert.equal(await probe(9100), 'in');
      assert.deepEqual(Object.fromEntries(UFW_FILES.map((path) => [path, off[path]])), await files());
      assert.match(await device.ufw('status'), /inactive/);
    });

    it('with nothing to take back says so', async () => {
      await assert.rejects(engine.restore(), { code: 'UNKNOWN_BACKUP' });
    });

    it('that would close the web pages needs force', async () => {
      await engine.toggleService({ service: 'https', action: 'close', force: true });
      await engine.toggleService({ service: 'https', action: 'open' });
      const before = await everything(device);
      await assert.rejects(engine.restore(), { code: 'LOCKOUT' });
      assert.deepEqual(await everything(device), before);
      assert.equal((await engine.restore({ force: true })).changed, true);
    });
  });

  const files = async () =>
    Object.fromEntries(await Promise.all(UFW_FILES.map(async (path) => [path, await device.read(path)])));

  describe('a backup', () => {
    it('is listed with id, time, action, reason and rules, the newest first', async () => {
      await engine.toggleService({ action: 'close' });
      await engine.setProfile({ profile: 'lockdown' });
      const list = check(backupReport.array(), await engine.backups());
      assert.deepEqual(
        list.map(({ action, reason }) => [action, reason]),
        [
          ['set-profile lockdown', 'requested'],
          ['toggle-service close ssh', 'requested'],
        ],
      );
      assert.equal((list[1]?.rules ?? 0) - (list[0]?.rules ?? 0), 2);
    });

    it('can be restored whatever came after it, and restoring it is itself undone', async () => {
      const first = await state();
      const { backup } = await engine.toggleService({ action: 'close' });
      await engine.changeWebPorts({ http: 1780, https: 1443 });
      await engine.setProfile({ profile: 'standard' });
      await device.ufw('logging', 'full');
      const last = await state();
      const restored = await engine.restore({ action: 'restore', backup });
      assert.equal(restored.changed, true);
      assert.deepEqual(await state(), first);
      assert.equal((await device.neighbour.fetch('https://192.0.2.1/')).body, page);
      await assertReloadChangesNothing(device);
      assert.equal((await engine.restore({ action: 'restore', backup })).changed, false);
      await engine.restore({ action: 'undo' });
      assert.deepEqual(await state(), last);
    });

    it('is kept for as many changes as asked for', async () => {
      const few = await Engine.start(device, { keepBackups: 3 });
      for (const action of ['close', 'open', 'close', 'open', 'close']) await few.toggleService({ action });
      const list = await few.backups();
      assert.deepEqual(
        list.map(({ place }) => place),
        ['request', 'request', 'request', 'factory'],
      );
      await few.stop();
    });

    it('of before an attack is still there after twenty leases and more requests than are kept, and restores', async () => {
      const before = await probe(22);
      const { backup } = await engine.toggleService({ action: before === 'in' ? 'close' : 'open' });
      const attacked = await probe(22);
      assert.notEqual(attacked, before);
      for (let port = 9101; port <= 9120; port++) {
        await engine.toggleService({ service: `${port}/tcp`, action: 'open', duration: 600 });
      }
      await engine.clock.advance(601);
      for (let time = 0; time < 21; time++) await engine.toggleService({ service: '9500/tcp', action: 'toggle' });
      const places = (await engine.backups()).map(({ place }) => place);
      const of = (wanted: string) => places.filter((place) => place === wanted).length;
      assert.deepEqual([of('factory'), of('request'), of('timer')], [1, 20, 20]);
      await engine.restore({ action: 'restore', backup });
      assert.equal(await probe(22), before);
    });

    it('with a name that is none is refused', async () => {
      await engine.toggleService({ action: 'close' });
      const before = await everything(device);
      for (const backup of ['', '../../etc/passwd', '20260101T000000000Z-000000', 'x'.repeat(200), '/etc/shadow']) {
        await assert.rejects(engine.restore({ action: 'restore', backup }), { code: 'UNKNOWN_BACKUP' });
      }
      for (const backup of [['latest'], { id: 1 }, 7, 'x'.repeat(201)]) {
        await assert.rejects(engine.restore({ action: 'restore', backup }), { code: 'INVALID_INPUT' });
      }
      assert.deepEqual(await everything(device), before);
    });

    it('is not written into a folder that others can write to, or through a link', async () => {
      const before = await everything(device);
      await device.ok('mkdir', '-p', STATE);
      await device.ok('chmod', '777', STATE);
      await assert.rejects(engine.toggleService({ action: 'close' }), { code: 'NOT_PERMITTED' });
      await device.remove(STATE);
      await device.ok('mkdir', '/var/lib/elsewhere');
      await device.ok('ln', '-s', '/var/lib/elsewhere', STATE);
      await assert.rejects(engine.toggleService({ action: 'close' }), { code: 'NOT_PERMITTED' });
      await device.ok('rm', STATE);
      assert.deepEqual(await everything(device), before);
    });
  });

  describe('what a killed ufw leaves behind', () => {
    beforeEach(async () => {
      await engine.toggleService({ action: 'close' });
    });

    const mended = async () => {
      const good = await state();
      return async () => {
        const result = await engine.restore({ action: 'restore', backup: 'latest' });
        assert.equal(result.changed, true);
        assert.deepEqual(result.state.leftovers, []);
        assert.equal(result.state.inSync, true);
        assert.deepEqual(await state(), good);
        await assertReloadChangesNothing(device);
        assert.equal((await engine.restore({ action: 'restore', backup: 'latest' })).changed, false);
      };
    };

    it('ENABLED=no beside live rules is told and put right', async () => {
      const check = await mended();
      await device.write('/etc/ufw/ufw.conf', (await device.read('/etc/ufw/ufw.conf')).replace('=yes', '=no'));
      const { leftovers } = await engine.read();
      assert.match(leftovers.join(), /off at the next boot/);
      await check();
    });

    it('an emptied rule file is told and put right', async () => {
      const check = await mended();
      await device.write('/etc/ufw/user.rules', '');
      await device.write('/etc/ufw/user6.rules', '*filter\n');
      await assert.rejects(engine.read(), (error: Error) => /UFW_FILES_UNREADABLE.*latest/.test(error.message));
      await check();
    });

    it('a missing rule file is put right', async () => {
      const check = await mended();
      await device.remove('/etc/ufw/user6.rules');
      await check();
    });

    it('a chain of ufw’s tests is told and removed', async () => {
      const check = await mended();
      await device.ok('iptables', '-N', 'ufw-caps-test-1');
      await device.ok('iptables', '-A', 'ufw-caps-test-1', '-p', 'tcp', '-j', 'ACCEPT');
      await device.ok('ip6tables', '-N', 'ufw6-caps-test');
      assert.match((await engine.read()).leftovers.join(), /ufw-caps-test-1.*ufw6-caps-test/);
      await check();
    });

    it('emptied chains under an enabled firewall are told and put right', async () => {
      const check = await mended();
      for (const chain of ['ufw-before-input', 'ufw-user-input']) await device.ok('iptables', '-F', chain);
      assert.match((await engine.read()).leftovers.join(), /nothing is filtered/);
      await check();
    });
  });

  describe('a change that waits to be confirmed', () => {
    it('goes back by itself: the way in that it cut is there again', async () => {
      assert.equal(await probe(443), 'in');
      const before = await state();
      const result = await engine.toggleService({ service: 'https', action: 'close', force: true, confirmWithin: 600 });
      assert.equal(result.pending?.guard, 'node-red');
      assert.ok(Date.parse(result.pending?.confirmBy ?? '') <= Date.now() + 600_000);
      assert.equal(result.state.pending?.id, result.id);
      await engine.clock.advance(500);
      assert.equal((await engine.read()).pending?.id, result.id);
      assert.equal(await probe(443), 'filtered');
      await engine.clock.advance(101);
      assert.equal((await engine.read()).pending, null);
      assert.equal(await probe(443), 'in');
      assert.deepEqual(await state(), before);
      assert.deepEqual(
        (await engine.backups()).map(({ reason }) => reason),
        ['unconfirmed', 'requested'],
      );
      assert.equal((await engine.read()).pending, null);
    });

    it('takes the web server back too', async () => {
      const before = await state();
      await engine.changeWebPorts({ http: 1780, https: 1443, confirmWithin: 600 });
      assert.deepEqual([await probe(443), await probe(1443)], ['filtered', 'in']);
      await engine.clock.advance(601);
      assert.equal((await engine.read()).pending, null);
      assert.equal(await probe(443), 'in');
      assert.deepEqual(await state(), before);
      assert.equal((await device.neighbour.fetch('https://192.0.2.1/')).body, page);
    });

    it('goes back although the web server does not run', async () => {
      const before = await state();
      await engine.changeWebPorts({ https: 1443, confirmWithin: 600 });
      await device.ok('nginx', '-s', 'stop');
      try {
        await engine.clock.advance(601);
        assert.equal((await engine.read()).pending, null);
        assert.deepEqual(await state(), before);
      } finally {
        await device.startNginx();
      }
    });

    it('stays when it is confirmed', async () => {
      const { id } = await engine.toggleService({ action: 'close', confirmWithin: 600 });
      await assert.rejects(engine.confirm({ id: 'another' }), { code: 'NOTHING_PENDING' });
      const said = check(confirmation, await engine.confirm({ id }));
      assert.deepEqual([said.id, said.action, said.state.pending], [id, 'toggle-service close ssh', null]);
      await assert.rejects(engine.confirm(), { code: 'NOTHING_PENDING' });
      await engine.clock.advance(601);
      assert.deepEqual(await engine.resume(), []);
      assert.equal(await probe(22), 'filtered');
    });

    it('keeps other changes waiting, but not a lockdown', async () => {
      const before = await everything(device);
      const { id } = await engine.changeWebPorts({ https: 1443, confirmWithin: 600 });
      const waiting = await state();
      for (const change of [
        engine.toggleService({ action: 'close' }),
        engine.setProfile({ profile: 'standard' }),
        engine.changeWebPorts({ https: 2443 }),
        engine.restore({ action: 'restore', backup: id }),
      ]) {
        await assert.rejects(change, { code: 'PENDING_CHANGE' });
      }
      assert.deepEqual(await state(), waiting);
      const dry = await engine.setProfile({ profile: 'lockdown', dryRun: true });
      assert.equal(dry.state.pending?.id, id);
      const { state: locked } = await engine.setProfile({ profile: 'lockdown' });
      assert.deepEqual([locked.pending, locked.webPorts?.https, locked.profile.name], [null, 443, 'lockdown']);
      await engine.restore();
      assert.deepEqual(await everything(device), before);
    });

    it('can be undone before its time', async () => {
      const before = await state();
      await engine.setProfile({ profile: 'lockdown', confirmWithin: 600 });
      const { state: now } = await engine.restore();
      assert.equal(now.pending, null);
      assert.deepEqual(await state(), before);
    });

    it('is not needed where nothing changes', async () => {
      const { changed, pending, files } = await engine.toggleService({ action: 'open', confirmWithin: 60 });
      assert.deepEqual([changed, pending, files], [false, null, []]);
    });

    it('goes back where it is only about when something ends', async () => {
      const opening = { service: '9100/tcp', action: 'open' };
      await engine.toggleService({ ...opening, duration: 3600 });
      await engine.toggleService({ ...opening, confirmWithin: 600 });
      assert.deepEqual((await engine.read()).leases, []);
      await engine.clock.advance(601);
      const { pending, leases } = await engine.read();
      assert.deepEqual([pending, leases.map(({ service }) => service)], [null, ['9100/tcp']]);
    });

    it('goes back although a lease has ended meanwhile and somebody has called ufw', async () => {
      const single = await Engine.start(device, { keepBackups: 1 });
      await single.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      await single.toggleService({ service: 'https', action: 'close', force: true, confirmWithin: 1200 });
      await device.ufw('allow', '9200/tcp');
      await single.clock.advance(601);
      assert.deepEqual((await single.read()).leases, []);
      assert.equal(await probe(443), 'filtered');
      await single.clock.advance(600);
      assert.equal((await single.read()).pending, null);
      assert.equal(await probe(443), 'in');
      const status = await rulesOf();
      assert.match(status, /9200/);
      assert.doesNotMatch(status, /9100/);
      await single.stop();
    });

    it('is tried again when it could not go back', async () => {
      await engine.toggleService({ service: 'https', action: 'close', force: true, confirmWithin: 600 });
      await device.ok('mount', '--bind', '/etc/ufw', '/etc/ufw');
      try {
        // A file that cannot be replaced: the way back fails, and is put back itself.
        await device.ok('mount', '-o', 'remount,bind,ro', '/etc/ufw');
        await engine.clock.advance(601);
        assert.notEqual((await engine.read()).pending, null);
        assert.equal(await probe(443), 'filtered');
      } finally {
        await device.ok('umount', '/etc/ufw');
      }
      await engine.clock.advance(11);
      assert.equal((await engine.read()).pending, null);
      assert.equal(await probe(443), 'in');
    });

    it('cannot go with a restart of the device', async () => {
      const request = { https: 1443, reload: 'reboot', confirmWithin: 90 };
      await assert.rejects(engine.changeWebPorts(request), { code: 'INVALID_INPUT' });
    });
  });

  describe('a lease', () => {
    it('ends by itself, and the rules are what they were', async () => {
      const before = await everything(device);
      const { state: leased } = await engine.toggleService({ service: 'ssh', action: 'close', duration: 600 });
      assert.deepEqual(
        leased.leases.map(({ service }) => service),
        ['ssh'],
      );
      assert.equal(await probe(22), 'filtered');
      await engine.clock.advance(601);
      assert.deepEqual((await engine.read()).leases, []);
      assert.equal(await probe(22), 'in');
      assert.deepEqual(await everything(device), before);
    });

    it('asked for again lasts from then on, without another backup', async () => {
      const before = await everything(device);
      const first = await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      const again = await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 1200 });
      assert.deepEqual([first.changed, again.changed, again.state.leases.length], [true, false, 1]);
      assert.equal((await engine.backups()).length, 1);
      await engine.clock.advance(601);
      await engine.resume();
      assert.equal(await probe(9100), 'in');
      await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 60 });
      await engine.clock.advance(61);
      assert.deepEqual((await engine.read()).leases, []);
      assert.equal(await probe(9100), 'filtered');
      assert.deepEqual(await everything(device), before);
    });

    it('under another of the same service gives way to it, and what comes back is what was before both', async () => {
      const before = await everything(device);
      await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      const { state: now } = await engine.toggleService({ service: '9100/tcp', action: 'limit', duration: 60 });
      assert.equal(now.leases.length, 1);
      await engine.clock.advance(61);
      assert.deepEqual((await engine.read()).leases, []);
      assert.deepEqual(await everything(device), before);
    });

    it('is over when somebody opens or closes the service for good', async () => {
      await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      const { state: stays } = await engine.toggleService({ service: '9100/tcp', action: 'open' });
      assert.deepEqual(stays.leases, []);
      assert.equal(await probe(9100), 'in');
      await engine.toggleService({ service: '9100/tcp', action: 'open', from: '192.0.2.0/24', duration: 600 });
      const { state: gone } = await engine.toggleService({ service: '9100/tcp', action: 'close' });
      assert.deepEqual(gone.leases, []);
      assert.equal(await probe(9100), 'filtered');
    });

    it('is over with a profile, which decides itself; and is back when the profile is undone', async () => {
      await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      const { state: locked, warnings } = await engine.setProfile({ profile: 'enhanced' });
      assert.deepEqual(locked.leases, []);
      assert.match(warnings.join(), /9100\/tcp/);
      assert.equal(await probe(9100), 'filtered');
      const { state: back } = await engine.restore();
      assert.equal(back.leases.length, 1);
      assert.equal(await probe(9100), 'in');
    });

    it('that came back with a backup after its time ends at once', async () => {
      await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      const { backup } = await engine.toggleService({ action: 'close' });
      await engine.clock.advance(601);
      assert.deepEqual((await engine.read()).leases, []);
      await engine.restore({ action: 'restore', backup });
      assert.deepEqual((await engine.read()).leases, []);
      assert.equal(await probe(9100), 'filtered');
      assert.equal(await probe(22), 'in');
    });

    it('ends as well where somebody has changed its rules by hand', async () => {
      await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      await device.ufw('delete', 'allow', '9100/tcp');
      await device.ufw('deny', '9100/tcp');
      await engine.clock.advance(601);
      assert.deepEqual((await engine.read()).leases, []);
      assert.match(await rulesOf(), /9100\/tcp +DENY/);
    });

    it('that ran out while nobody was there ends when flows start', async () => {
      await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
      await engine.process.kill('SIGKILL');
      const next = await Engine.start(device);
      await next.clock.advance(601);
      assert.equal((await next.read()).leases.length, 1);
      await next.resume();
      assert.equal(await probe(9100), 'filtered');
      await next.stop();
    });
  });

  describe('managementFrom', () => {
    it('keeps its way in to the web pages, whatever is asked for', async () => {
      const managed = await Engine.start(device, { managementFrom: '192.0.2.0/24' });
      await managed.setProfile({ profile: 'lockdown' });
      assert.equal(await probe(443), 'in');
      const before = await everything(device);
      await assert.rejects(managed.toggleService({ service: 'https', action: 'close', from: '192.0.2.0/24' }), {
        code: 'LOCKOUT',
      });
      await managed.toggleService({ service: 'https', action: 'open', from: '198.51.100.7' });
      const request = { service: 'https', action: 'close', from: '192.0.2.0/24' };
      await assert.rejects(managed.toggleService(request), { code: 'LOCKOUT' });
      await managed.restore();
      assert.deepEqual(await everything(device), before);
      assert.equal((await managed.toggleService({ ...request, force: true })).changed, true);
      await managed.stop();
    });
  });
});
