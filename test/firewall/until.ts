/** Waits for what happens by itself; rejects where it does not in time, which is half a minute if nobody says otherwise. */
import { strict as assert } from 'node:assert';

const PATIENCE_MS = 30_000;

export async function until(holds: () => Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `This has not come true within ${patienceMs / 1000} s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
