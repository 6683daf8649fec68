/** Waits for what happens by itself; rejects where it does not in time, which is a minute if nobody says otherwise. */
import { strict as assert } from 'node:assert';
import type { Device } from '../device/device';

const PATIENCE_MS = 60_000;

export async function until(holds: () => Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `This has not come true within ${patienceMs / 1000} s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** In what the kernel says of locks: somebody waits for one that another holds. */
const AWAITED = /^\d+: -> POSIX/m;

/** A program on the device waits for a lock, as a change does that has been planned while a ufw command runs. */
export const untilLockIsAwaited = (device: Pick<Device, 'read'>): Promise<void> =>
  until(async () => AWAITED.test(await device.read('/proc/locks')));
