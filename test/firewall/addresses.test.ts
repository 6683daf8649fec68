/** Addresses and interfaces in requests and settings, in each form in which people write them. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import { Engine } from '../device/engine';
import { useDevice, useEngine, useShared } from '../device/suite';
import { assertReloadChangesNothing, everything, restore } from './stable';

/** What is written, what is stored, and whether that is told because it is not what was written. */
const FORMS = [
  ['10.1.2.3/8', '10.0.0.0/8', true],
  ['192.0.2.7/32', '192.0.2.7', false],
  ['10.1.2.3/0', '0.0.0.0/0', true],
  ['2001:db8:1::2/64', '2001:db8:1::/64', true],
  ['2001:DB8:0:0::1/128', '2001:db8::1', false],
  ['::ffff:10.0.0.1', '10.0.0.1', false],
  ['::ffff:10.0.0.1/104', '10.0.0.0/8', true],
  ['::ffff:0:0/96', '0.0.0.0/0', false],
  ['::10.0.0.1', '::10.0.0.1', false],
  ['::a00:2', '::10.0.0.2', false],
  ['::/0', '::/0', false],
] as const;

describe('An address in a request or a setting', () => {
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useEngine(device);

  afterEach(async () => {
    await assertReloadChangesNothing(device);
    await restore(device, factory);
  });

  it('is stored in its one form, is the same however it is written, and is told where it was taken otherwise', async () => {
    for (const [from, stored, isTold] of FORMS) {
      const { changed, added, warnings, state } = await engine.toggleService({
        service: '9100/tcp',
        action: 'open',
        from,
      });
      assert.deepEqual([changed, state.inSync], [true, true], from);
      assert.deepEqual(
        added.map((rule) => rule.from.address),
        [stored],
      );
      const said = `from: ${from} was taken as ${stored}.`;
      assert.deepEqual(warnings, isTold ? [said] : [], from);
      const again = await engine.toggleService({ service: '9100/tcp', action: 'open', from: stored });
      assert.deepEqual([again.changed, again.warnings], [false, []], stored);
      const gone = await engine.toggleService({ service: '9100/tcp', action: 'close', from: stored });
      assert.ok(
        gone.removed.some((rule) => rule.from.address === stored),
        stored,
      );
      await restore(device, factory);
    }
  });

  it('of an operator’s request is told like any other', async () => {
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    const order = { id: 'a', issued: at(0), expires: at(60_000) };
    const request = { service: '9100/tcp', action: 'open', from: '2001:DB8::9/64' };
    const { outcome, warnings } = await engine.fleet({ ...order, action: 'toggle-service', request });
    assert.deepEqual([outcome, warnings], ['changed', ['from: 2001:DB8::9/64 was taken as 2001:db8::/64.']]);
  });

  it('alone reaches the web pages under lockdown, however managementFrom has it', async () => {
    for (const [managementFrom, stored] of FORMS) {
      const own = await Engine.start(device, { managementFrom });
      const { state } = await own.setProfile({ profile: 'lockdown', force: true });
      assert.deepEqual([state.profile.name, state.inSync], ['lockdown', true], managementFrom);
      const ways = state.rules.filter(({ to, direction }) => direction === 'in' && to.port === '443');
      assert.deepEqual([...new Set(ways.map(({ from }) => from.address))], [stored]);
      assert.equal((await own.setProfile({ profile: 'lockdown' })).changed, false);
      await own.stop();
      await restore(device, factory);
    }
  });

  it('is where a custom profile opens what it names, and no rule comes twice', async () => {
    const open = FORMS.map(([from]) => ({ service: '9100/tcp', from }));
    const own = await Engine.start(device, {
      customProfiles: [{ name: 'places', incoming: 'deny', outgoing: 'deny', open: [{ service: 'https' }, ...open] }],
    });
    const { state } = await own.setProfile({ profile: 'places' });
    const places = state.rules.filter(({ to }) => to.port === '9100').map(({ from }) => from.address);
    const stored: readonly string[] = FORMS.map(([, one]) => one);
    for (const place of places) assert.ok(place && stored.includes(place), String(place));
    assert.ok(places.includes('2001:db8:1::/64') && places.includes('::10.0.0.2'));
    assert.equal(places.length, new Set(places).size);
    assert.equal((await own.setProfile({ profile: 'places' })).changed, false);
    await own.stop();
  });

  it('is on the interfaces whose names begin so, where the interface ends in +', async () => {
    const { state } = await engine.toggleService({ service: '9100/tcp', action: 'open', interface: 'eth+' });
    assert.equal(state.inSync, true);
    const probe = (on: 'eth0' | 'eth1') => ({
      proto: 'tcp' as const,
      port: 9100,
      family: 'ipv4' as const,
      interface: on,
    });
    assert.deepEqual(await device.neighbour.probe([probe('eth0'), probe('eth1')]), ['in', 'in']);
  });
});
