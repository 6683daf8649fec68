/** Every form of rule that `ufw` takes survives what the engine does, and ufw finds everything as it would have it. */
import { strict as assert } from 'node:assert';
import { before, beforeEach, describe, it } from 'mocha';
import { useDevice, useEngine, useShared } from '../device/suite';
import { APPLICATION_FILE } from './commands';
import { FORMS } from './rule-forms';
import { assertReloadChangesNothing, everything, restore } from './stable';

describe(`A rule set of ${FORMS.length} rules, each given to ufw in another form`, function () {
  this.timeout(120_000);
  const device = useDevice();

  before(async () => {
    await device.write('/etc/ufw/applications.d/tests', APPLICATION_FILE, 0o644);
    const refused: string[] = [];
    for (const form of FORMS) {
      const { code, stdout, stderr } = await device.run(['ufw', ...form]);
      // A rule that is there already is no form of its own.
      if (code !== 0 || /Skipping/.test(stdout)) refused.push(`${form.join(' ')}: ${stdout}${stderr}`);
    }
    assert.deepEqual(refused, []);
    await device.ufw('reload');
  });
  const whole = useShared(() => everything(device));
  const engine = useEngine(device);

  beforeEach(() => restore(device, whole));

  const isWhole = async () => assert.deepEqual(await everything(device), whole);

  it('is in sync and read without a line that is not understood', async () => {
    const { inSync, unreadable, rules } = await engine.read();
    assert.deepEqual({ inSync, unreadable }, { inSync: true, unreadable: [] });
    assert.ok(rules.length > FORMS.length);
  });

  it('goes under lockdown, and comes back with undo', async () => {
    const { changed, state } = await engine.setProfile({ profile: 'lockdown', force: true });
    assert.deepEqual({ changed, inSync: state.inSync }, { changed: true, inSync: true });
    await assertReloadChangesNothing(device);
    const undone = await engine.restore({ action: 'undo' });
    assert.equal(undone.state.inSync, true);
    await isWhole();
    await assertReloadChangesNothing(device);
  });

  it('is there when a lease ends, and around it meanwhile', async () => {
    const tuples = (text: string | undefined) => text?.split('\n').filter((line) => line.startsWith('### tuple'));
    const { state } = await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
    assert.equal(state.inSync, true);
    for (const path of ['/etc/ufw/user.rules', '/etc/ufw/user6.rules']) {
      const now = tuples(await device.read(path));
      for (const tuple of tuples(whole[path]) ?? []) assert.ok(now?.includes(tuple), tuple);
    }
    await engine.clock.advance(601);
    assert.deepEqual((await engine.read()).leases, []);
    await isWhole();
    await assertReloadChangesNothing(device);
  });

  it('is there again when a change was not confirmed', async () => {
    const { state } = await engine.setProfile({ profile: 'enhanced', ownRules: 'remove', confirmWithin: 600 });
    assert.equal(state.inSync, true);
    await engine.clock.advance(601);
    assert.equal((await engine.read()).pending, null);
    await isWhole();
    await assertReloadChangesNothing(device);
  });
});
