/**
 * Power lost in the midst of a change, before each of its steps, on a device that boots: afterwards what was there before
 * is there again, or what was wanted is, entirely, with the firewall on and the pages answering.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { after, before, it } from 'mocha';
import { requestOf, setUp } from '../agent/as-apollo';
import { powerCutAtStep } from '../device/systemd/power';
import { describeAsRoot } from '../device/systemd/suite';
import { SystemdDevice } from '../device/systemd/systemd-device';
import { POWER_CUTS, type PowerCut } from './power-cuts';
import { everything, restore } from './stable';

const SITE = '/etc/nginx/sites-available/apollo.conf';
const STATE = '/var/lib/smartserver-firewall';
const SCHEDULE = `${STATE}/schedule.json`;

describeAsRoot('Power lost in the midst of', function () {
  this.timeout(1_200_000);
  let device: SystemdDevice;
  let factory: Record<string, string>;

  const state = async (): Promise<Record<string, string>> => ({
    ...(await everything(device)),
    site: await device.read(SITE),
  });
  const program = (): string => join(device.packageFolder, 'dist/agent/agent.js');
  const make = async ({ method, request, order }: PowerCut['change']) => {
    const input = requestOf(method, request, {}, order);
    const { code, stdout } = await device.run([device.node, program()], { input });
    assert.equal(code, 0, stdout);
  };
  /** Whether an operator's request counts as carried out. */
  const isRemembered = async () =>
    (await device.exists(SCHEDULE)) && /"lastRequest": \{\s*"id": "request-1"/.test(await device.read(SCHEDULE));
  const reset = async (first: PowerCut['first']) => {
    await device.write(SITE, factory.site as string);
    await device.remove(STATE);
    await device.ok('nginx', '-s', 'reload');
    await restore(device, factory);
    if (first) await make(first);
  };

  before(async () => {
    device = await SystemdDevice.open();
    await setUp(device);
    factory = await state();
  });

  after(() => device?.close());

  for (const { name, first, change } of POWER_CUTS) {
    it(`${name} leaves the old or the new state`, async () => {
      await reset(first);
      const old = await state();
      await make(change);
      const wanted = await state();
      assert.notDeepEqual(wanted, old);
      const outcomes = { old: 0, new: 0 };
      const input = requestOf(change.method, change.request, {}, change.order);
      for (let step = 1; ; step++) {
        await reset(first);
        if (!(await powerCutAtStep(device, [program()], step, { input }))) break;
        await device.boot();
        const now = await state();
        const isNew = now.site === wanted.site && now['/etc/ufw/user.rules'] === wanted['/etc/ufw/user.rules'];
        assert.deepEqual(now, isNew ? wanted : old, `cut before step ${step}`);
        assert.equal(await isRemembered(), isNew && change.order !== undefined, `cut before step ${step}`);
        assert.match(await device.ufw('status'), /^Status: active/, `cut before step ${step}`);
        assert.equal(await device.exists(`${STATE}/journal.json`), false, `cut before step ${step}`);
        const left = await device.ok('find', '/etc/ufw', '/etc/default', '/etc/nginx', '-name', '*smartserver*');
        assert.equal(left, '', `cut before step ${step}`);
        const port = now.site === factory.site ? 443 : 1443;
        const { status } = await device.neighbour.fetch(`https://192.0.2.1:${port}/`);
        assert.equal(status, 200, `the pages, cut before step ${step}`);
        outcomes[isNew ? 'new' : 'old']++;
      }
      assert.ok(outcomes.old > 5, JSON.stringify(outcomes));
      console.log(
        `      ${outcomes.old + outcomes.new} power cuts: ${outcomes.old} times the old state, ${outcomes.new} times the new`,
      );
    });
  }
});
