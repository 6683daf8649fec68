/** Moving the web ports the vendor's way, with a restart of the device. */
import { strict as assert } from 'node:assert';
import { it } from 'mocha';
import { Engine } from '../device/engine';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { assertReloadChangesNothing } from './stable';

describeAsRoot('Moving the web ports with a restart', () => {
  const device = useSystemdDevice();

  it('restarts the device, and the pages answer on the new ports', async () => {
    const engine = await Engine.start(device);
    const booted = device.nextBoot();
    // The engine may be ended before it has answered.
    await Promise.all([booted, engine.changeWebPorts({ http: 1780, https: 1443, reload: 'reboot' }).catch(() => null)]);
    assert.equal((await device.neighbour.fetch('https://192.0.2.1:1443/')).status, 200);
    const redirect = await device.neighbour.fetch('http://192.0.2.1:1780/');
    assert.equal(redirect.headers.location, 'https://192.0.2.1:1443/');
    const answers = await device.neighbour.probe(
      [80, 443].map((port) => ({ proto: 'tcp' as const, port, family: 'ipv4' as const })),
    );
    assert.deepEqual(answers, ['filtered', 'filtered']);
    const again = await Engine.start(device);
    const { webPorts, inSync } = await again.read();
    assert.deepEqual([webPorts?.https, webPorts?.consistent, inSync], [1443, true, true]);
    await again.stop();
    await assertReloadChangesNothing(device);
  });
});
