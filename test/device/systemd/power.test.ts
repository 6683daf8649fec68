import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { it } from 'mocha';
import { check } from '../processes';
import type { Target } from '../protocol';
import { powerCutAtStep } from './power';
import { describeAsRoot, useSystemdDevice } from './suite';

const ssh: Target[] = (['ipv4', 'ipv6'] as const).map((family) => ({ proto: 'tcp', port: 22, family }));
const journal = '/var/lib/smartserver-firewall/journal.json';

describeAsRoot('A power cut at a step', () => {
  const device = useSystemdDevice();

  it('comes before the step is done, or after', async () => {
    const path = '/home/apollo/made';
    const make = ['-e', `require('fs/promises').mkdir('${path}')`];
    for (const isAfter of [false, true]) {
      assert.equal(await powerCutAtStep(device, make, 1, { isAfter }), true);
      await assert.rejects(device.run(['true']), /The device is off/);
      await device.boot();
      assert.equal(await device.exists(path), isAfter);
    }
  });

  it('does not come where there are fewer steps, and a failure is told', async () => {
    assert.equal(await powerCutAtStep(device, ['-e', '0'], 1), false);
    assert.equal(await device.ok('echo', 'on'), 'on\n');
    await assert.rejects(powerCutAtStep(device, ['-e', 'console.log("why"); process.exit(3)'], 1), /code 3: why/);
  });

  it('interrupts the packaged agent anywhere in a change, which the next call takes back or finds done', async () => {
    const agent = join(device.packageFolder, 'dist/agent/agent.js');
    const requestOf = (method: string, request: object) => JSON.stringify({ settings: {}, call: { method, request } });
    const close = requestOf('toggleService', { service: 'ssh', action: 'close' });
    let interrupted = 0;
    let step = 1;
    for (; await powerCutAtStep(device, [agent], step, { input: close }); step += 6) {
      await device.boot();
      if (await device.exists(journal)) interrupted += 1;
      const argv = [device.node, agent];
      check(argv, await device.run(argv, { input: requestOf('settle', {}) }));
      assert.ok(!(await device.exists(journal)), `the journal of step ${step} is still there`);
      const [ipv4, ipv6] = await device.neighbour.probe(ssh);
      assert.equal(ipv4, ipv6, `after step ${step}`);
    }
    assert.ok(step > 20 && interrupted > 1, `${step} steps, interrupted ${interrupted} times`);
    assert.deepEqual(await device.neighbour.probe(ssh), ['filtered', 'filtered']);
  });
});
