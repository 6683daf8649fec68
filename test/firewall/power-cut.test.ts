/**
 * Power lost in the midst of a change, before each of its steps, on a device that boots: afterwards what was there before
 * is there again, or what was wanted is, entirely, with the firewall on and the pages answering.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { before, it } from 'mocha';
import { requestOf, setUp } from '../agent/as-apollo';
import { useShared } from '../device/suite';
import { powerCutAtStep } from '../device/systemd/power';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { assertEntriesAgree } from './ledger-of';
import { POWER_CUTS, type PowerCut } from './power-cuts';
import { everythingAndSite, reset, STATE } from './stable';
import { firstStep, STRIDE } from './stride';

const SCHEDULE = `${STATE}/schedule.json`;

describeAsRoot('Power lost in the midst of', function () {
  this.timeout(1_200_000);
  const device = useSystemdDevice();
  before(() => setUp(device));
  const factory = useShared(() => everythingAndSite(device));

  const state = (): Promise<Record<string, string>> => everythingAndSite(device);
  const program = (): string => join(device.packageFolder, 'dist/agent/agent.js');
  const make = async ({ method, request, order }: PowerCut['change']) => {
    const input = requestOf(method, request, {}, order);
    const { code, stdout } = await device.run([device.node, program()], { input });
    assert.equal(code, 0, stdout);
  };
  /** Whether an operator's request counts as carried out. */
  const isRemembered = async () =>
    (await device.exists(SCHEDULE)) && /"lastRequest": \{\s*"id": "request-1"/.test(await device.read(SCHEDULE));
  const begin = async (first: PowerCut['first']) => {
    await reset(device, factory);
    if (first) await make(first);
  };

  for (const [at, { name, first, change }] of POWER_CUTS.entries()) {
    it(`${name} leaves the old or the new state`, async () => {
      await begin(first);
      const old = await state();
      await make(change);
      const wanted = await state();
      assert.notDeepEqual(wanted, old);
      const outcomes = { old: 0, new: 0 };
      const input = requestOf(change.method, change.request, {}, change.order);
      for (let step = firstStep(at); ; step += STRIDE) {
        await begin(first);
        if (!(await powerCutAtStep(device, [program()], step, { input }))) break;
        await device.boot();
        const now = await state();
        const isNew = now.site === wanted.site && now['/etc/ufw/user.rules'] === wanted['/etc/ufw/user.rules'];
        assert.deepEqual(now, isNew ? wanted : old, `cut before step ${step}`);
        assert.equal(await isRemembered(), isNew && change.order !== undefined, `cut before step ${step}`);
        assert.match(await device.ufw('status'), /^Status: active/, `cut before step ${step}`);
        assert.equal(await device.exists(`${STATE}/journal.json`), false, `cut before step ${step}`);
        await assertEntriesAgree(device);
        const left = await device.ok('find', '/etc/ufw', '/etc/default', '/etc/nginx', '-name', '*smartserver*');
        assert.equal(left, '', `cut before step ${step}`);
        assert.equal(await device.ok('find', '/var/lib', '-name', '*smartserver-new*'), '', `cut before step ${step}`);
        const port = now.site === factory.site ? 443 : 1443;
        const { status } = await device.neighbour.fetch(`https://192.0.2.1:${port}/`);
        assert.equal(status, 200, `the pages, cut before step ${step}`);
        outcomes[isNew ? 'new' : 'old']++;
      }
      assert.ok(outcomes.old > 5 / STRIDE, JSON.stringify(outcomes));
      console.log(
        `      ${outcomes.old + outcomes.new} power cuts: ${outcomes.old} times the old state, ${outcomes.new} times the new`,
      );
    });
  }
});
