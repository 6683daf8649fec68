/** Waits for what happens by itself; rejects where it does not within half a minute. */
import { strict as assert } from 'node:assert';

const PATIENCE_MS = 30_000;

export async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `This has not come true within ${PATIENCE_MS / 1000} s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
