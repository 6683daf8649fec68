/** Temporary changes that really end: a profile for a while, and what holds after a service's time; by probes. */
import { strict as assert } from 'node:assert';
import { beforeEach, describe, it } from 'mocha';
import { useDevice, useEngine, useShared } from '../device/suite';
import { everything, reset } from './stable';

describe('A temporary change', function () {
  this.timeout(120_000);
  const device = useDevice();
  const engine = useEngine(device);
  const factory = useShared(() => everything(device));
  beforeEach(() => reset(device, factory));

  const probe = async (port: number) => (await device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]))[0];
  const [OPEN, CLOSED] = ['in', 'filtered'];
  /** So many seconds pass, and what is due then is done. */
  const pass = async (seconds: number) => {
    await engine.clock.advance(seconds);
    await engine.resume();
  };
  const leases = async () => (await engine.read()).leases.map(({ service }) => service);

  describe('of the profile', () => {
    it('ends, and all is as it was, byte for byte', async () => {
      await device.ufw('allow', '9100/tcp');
      const before = await everything(device);
      const { changed, lease, state } = await engine.setProfile({ profile: 'lockdown', duration: 1800 });
      assert.deepEqual([changed, lease !== null, state.profile.name], [true, true, 'lockdown']);
      assert.deepEqual(await leases(), ['profile lockdown']);
      assert.deepEqual([await probe(22), await probe(9100), await probe(443)], [CLOSED, CLOSED, OPEN]);
      await pass(1801);
      assert.deepEqual(await leases(), []);
      assert.deepEqual([await probe(22), await probe(9100)], [OPEN, OPEN]);
      assert.deepEqual(await everything(device), before);
    });

    it('is lengthened by the next alarm, and goes back to what was before the first', async () => {
      const before = await everything(device);
      await engine.setProfile({ profile: 'lockdown', duration: 1800 });
      await pass(1700);
      assert.equal(
        (await engine.setProfile({ profile: 'lockdown', duration: 1800, onlyTighten: true })).changed,
        false,
      );
      await pass(1700);
      assert.equal(await probe(22), CLOSED);
      await pass(101);
      assert.deepEqual(await leases(), []);
      assert.deepEqual(await everything(device), before);
    });

    it('is lifted earlier by another profile, and what it had closed besides is back', async () => {
      await device.ufw('allow', '9100/tcp');
      await engine.setProfile({ profile: 'lockdown', duration: 1800 });
      await engine.setProfile({ profile: 'enhanced' });
      assert.deepEqual(await leases(), []);
      assert.deepEqual([await probe(22), await probe(9100)], [OPEN, OPEN]);
      await pass(1801);
      assert.equal((await engine.read()).profile.name, 'enhanced');
    });

    it('keeps what somebody has changed since', async () => {
      await engine.setProfile({ profile: 'lockdown', duration: 1800 });
      await engine.toggleService({ service: '9100/tcp', action: 'open' });
      await device.ufw('allow', '9200/tcp');
      await pass(1801);
      assert.deepEqual([await probe(22), await probe(9100), await probe(9200)], [OPEN, OPEN, OPEN]);
    });

    it('of other policies gives these back, but where somebody has set them since', async () => {
      await engine.setProfile({ profile: 'standard', duration: 600 });
      assert.equal((await engine.read()).policies.outgoing, 'allow');
      await pass(601);
      assert.equal((await engine.read()).policies.outgoing, 'deny');
      await engine.setProfile({ profile: 'standard', duration: 600 });
      await device.ufw('default', 'reject', 'outgoing');
      await pass(601);
      assert.equal((await engine.read()).policies.outgoing, 'reject');
    });

    it('that is in effect already has nothing to end, and says so', async () => {
      const { changed, lease, warnings } = await engine.setProfile({ profile: 'enhanced', duration: 600 });
      assert.deepEqual([changed, lease], [false, null]);
      assert.match(warnings.join('\n'), /nothing ends after the duration/);
    });

    it('goes back to a firewall that is off', async () => {
      await device.ufw('disable');
      await engine.setProfile({ profile: 'lockdown', duration: 600 });
      assert.equal((await engine.read()).active, true);
      await pass(601);
      assert.equal((await engine.read()).active, false);
    });

    it('lets no more in later than there was before it', async () => {
      await engine.toggleService({ action: 'close' });
      assert.equal((await engine.setProfile({ profile: 'lockdown', duration: 600, onlyTighten: true })).changed, true);
      await pass(601);
      assert.equal(await probe(22), CLOSED);
      await assert.rejects(engine.setProfile({ profile: 'enhanced', duration: 600, onlyTighten: true }), /WOULD_OPEN/);
    });
  });

  describe('of a service that is to be closed afterwards', () => {
    const visit = { service: 'ssh', action: 'open', duration: 1800, afterwards: 'closed' };

    it('closes it although it was open, as on a device from the factory', async () => {
      const without = await engine.toggleService({ ...visit, afterwards: 'before' });
      assert.deepEqual([without.lease, without.warnings.length], [null, 1]);
      const { lease, warnings } = await engine.toggleService(visit);
      assert.deepEqual([lease !== null, warnings], [true, []]);
      assert.equal(await probe(22), OPEN);
      await pass(1801);
      assert.deepEqual(await leases(), []);
      assert.equal(await probe(22), CLOSED);
      const { rules, inSync } = await engine.read();
      await device.ufw('reload');
      assert.deepEqual([(await engine.read()).rules, inSync], [rules, true]);
    });

    it('opens it, and closes it', async () => {
      await engine.toggleService({ action: 'close' });
      const before = await everything(device);
      await engine.toggleService(visit);
      assert.equal(await probe(22), OPEN);
      await pass(1801);
      assert.equal(await probe(22), CLOSED);
      assert.deepEqual(await everything(device), before);
    });

    it('or open', async () => {
      await engine.toggleService({ action: 'close' });
      await engine.toggleService({ service: 'ssh', action: 'close', duration: 600, afterwards: 'open' });
      await pass(601);
      assert.equal(await probe(22), OPEN);
    });

    it('of several at once, each', async () => {
      await engine.toggleService({ ...visit, service: ['ssh', '9100/tcp'] });
      assert.deepEqual(await leases(), ['ssh', '9100/tcp']);
      await pass(1801);
      assert.deepEqual([await probe(22), await probe(9100)], [CLOSED, CLOSED]);
    });
  });
});
