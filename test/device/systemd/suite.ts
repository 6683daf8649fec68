/** Suites of tests on devices with systemd. */
import { strict as assert } from 'node:assert';
import { after, describe, it, type Suite } from 'mocha';
import { useShared } from '../suite';
import { SystemdDevice } from './systemd-device';

/**
 * `describe` for such tests. Only root can open a device with systemd; for an ordinary user the suite is one test, that
 * this is what he is told.
 */
export function describeAsRoot(title: string, tests: (this: Suite) => void): void {
  if (process.getuid?.() !== 0) {
    describe(title, () => {
      it('is for root, and an ordinary user is told so', async () => {
        await assert.rejects(SystemdDevice.open(), /needs root/);
      });
    });
    return;
  }
  describe(title, function () {
    // The first opening on a machine makes the base tree.
    this.timeout(180_000);
    after(() => SystemdDevice.closeAll());
    tests.call(this);
  });
}

/** A device with systemd for all tests of the suite this is called in. */
export const useSystemdDevice = (): SystemdDevice =>
  useShared(
    () => SystemdDevice.open(),
    (device) => device.close(),
  );
