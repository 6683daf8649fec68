/**
 * The guards, held against packets: what a change may not let in or close, now and later by itself, whatever way led there.
 */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import { Engine } from '../device/engine';
import { useDevice, useFreshEngine, useShared } from '../device/suite';
import { everything, reset, STATE } from './stable';

describe('The guards', function () {
  this.timeout(120_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useFreshEngine(device);
  afterEach(() => reset(device, factory));

  const probe = async (port: number) => (await device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]))[0];
  /** Refused with that code, and nothing at all is other than it was. */
  const refuses = async (code: string, work: () => Promise<unknown>) => {
    const was = [await everything(device), await device.read(`${STATE}/schedule.json`).catch(() => '')];
    await assert.rejects(work(), { code });
    assert.deepEqual([await everything(device), await device.read(`${STATE}/schedule.json`).catch(() => '')], was);
  };

  describe('onlyTighten', () => {
    it('refuses an undo that switches the firewall off', async () => {
      await device.ufw('disable');
      await engine.setProfile({ profile: 'standard' });
      await refuses('WOULD_OPEN', () => engine.restore({ action: 'undo', onlyTighten: true }));
      assert.equal((await engine.read()).active, true);
      assert.equal(await probe(9100), 'filtered');
    });

    for (const [what, next] of [
      ['a profile', () => engine.setProfile({ profile: 'enhanced', onlyTighten: true })],
      ['a limit', () => engine.toggleService({ action: 'limit', onlyTighten: true })],
      ['an opening for a while', () => engine.toggleService({ action: 'open', duration: 60, onlyTighten: true })],
    ] as const) {
      it(`refuses ${what} that opens what is closed for a while`, async () => {
        await engine.toggleService({ action: 'close', duration: 3600 });
        await refuses('WOULD_OPEN', next);
        assert.equal(await probe(22), 'filtered');
      });
    }

    it('refuses to bring back a lease that would end with something open that is closed for good', async () => {
      await engine.toggleService({ action: 'close', duration: 600 });
      const { backup } = await engine.toggleService({ service: '9100/tcp', action: 'open' });
      await engine.toggleService({ service: '9100/tcp', action: 'close' });
      await engine.toggleService({ action: 'close' });
      await refuses('WOULD_OPEN', () =>
        engine.restore({ action: 'restore', backup: String(backup), onlyTighten: true }),
      );
    });

    it('refuses a lockdown before what waits to be confirmed is reverted for it', async () => {
      await engine.toggleService({ action: 'close', confirmWithin: 600 });
      await engine.toggleService({ service: 'https', action: 'close', dryRun: true, force: true });
      await device.ufw('deny', '2541/udp');
      await refuses('WOULD_OPEN', () => engine.setProfile({ profile: 'lockdown', onlyTighten: true }));
      assert.equal(await probe(22), 'filtered');
      assert.notEqual((await engine.read()).pending, null);
    });

    it('holds what the kernel does against a change, whatever ufw.conf says of it', async () => {
      const conf = await device.read('/etc/ufw/ufw.conf');
      await device.write('/etc/ufw/ufw.conf', conf.replace('ENABLED=yes', 'ENABLED=no'));
      const open = { name: 'open', incoming: 'allow', outgoing: 'allow', open: [] };
      const lax = await Engine.start(device, { customProfiles: [open] });
      await refuses('WOULD_OPEN', () => lax.setProfile({ profile: 'open', onlyTighten: true }));
      await lax.stop();
      await device.write('/etc/ufw/ufw.conf', conf);
    });

    it('lets what only tightens through, and what is closed for a while open again as it was', async () => {
      const { changed } = await engine.toggleService({ action: 'close', duration: 600, onlyTighten: true });
      assert.equal(changed, true);
      assert.equal((await engine.setProfile({ profile: 'lockdown', onlyTighten: true })).changed, true);
    });
  });

  describe('the way in to the web pages', () => {
    it('is not closed by halves', async () => {
      const halves = ['0.0.0.0/1', '::/1', '8000::/1'];
      for (const from of halves) await engine.toggleService({ service: 'https', action: 'close', from });
      await refuses('LOCKOUT', () => engine.toggleService({ service: 'https', action: 'close', from: '128.0.0.0/1' }));
      assert.notEqual(await probe(443), 'filtered');
    });

    it('is not closed by the end of a lease', async () => {
      const only = { name: 'one', open: [{ service: 'https', from: '10.9.9.9' }] };
      const narrow = await Engine.start(device, { customProfiles: [only] });
      await narrow.setProfile({ profile: 'one', force: true });
      await narrow.toggleService({ service: 'https', action: 'open', from: '10.9.9.8', duration: 600 });
      await refuses('LOCKOUT', () => narrow.toggleService({ service: 'https', action: 'close', from: '10.9.9.9' }));
      await narrow.stop();
    });

    it('does not move to a port that the kernel keeps closed, whatever ufw.conf says of it', async () => {
      const conf = await device.read('/etc/ufw/ufw.conf');
      await device.write('/etc/ufw/ufw.conf', conf.replace('ENABLED=yes', 'ENABLED=no'));
      await refuses('LOCKOUT', () => engine.changeWebPorts({ https: 1443 }));
      await device.write('/etc/ufw/ufw.conf', conf);
    });

    it('stays where a lease would close it because somebody has closed the other way meanwhile', async () => {
      const only = { name: 'one', open: [{ service: 'https', from: '10.9.9.9' }] };
      const narrow = await Engine.start(device, { customProfiles: [only] });
      await narrow.setProfile({ profile: 'one', force: true });
      await narrow.toggleService({ service: 'https', action: 'open', from: '192.0.2.0/24', duration: 600 });
      for (const rule of (await narrow.read()).rules.filter(({ from }) => from.address === '10.9.9.9').reverse())
        await device.ufw('--force', 'delete', String(rule.number));
      await narrow.clock.advance(601);
      assert.deepEqual((await narrow.read()).leases, []);
      assert.equal((await narrow.read()).services.find(({ id }) => id === 'https')?.in, 'partial');
      await narrow.stop();
    });
  });

  it('what is asked for last lasts, by whatever name it is asked for', async () => {
    await engine.toggleService({ action: 'close', duration: 600 });
    await engine.toggleService({ service: '22/tcp', action: 'close' });
    const { leases } = await engine.read();
    assert.deepEqual(leases, []);
    assert.equal(await probe(22), 'filtered');
  });
});
