/** What programs that are run make known, whenever and however they end. */
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { run } from '../../../firewall/host/run';

/** More than a pipe holds, so that it cannot be written before the program has ended. */
const MUCH = 'x'.repeat(1 << 20);

describe('A program that is run', () => {
  for (const [what, input] of Object.entries({ 'much input': MUCH, 'little input': '{}\n' })) {
    it(`says why it ends, and with which code, without reading ${what}`, async () => {
      for (let round = 0; round < 30; round += 1) {
        const outcome = await run('sh', ['-c', 'exec <&-; echo no >&2; echo done; exit 3'], { input });
        assert.deepEqual(outcome, { code: 3, stdout: 'done\n', stderr: 'no\n' });
      }
    });

    it(`is missing, where it is given ${what}`, async () => {
      for (let round = 0; round < 30; round += 1) {
        await assert.rejects(run('no-such-program', [], { input }), { code: 'UFW_NOT_FOUND' });
      }
    });

    it(`is ended when its time is over, where it is given ${what}`, async () => {
      await assert.rejects(run('sleep', ['60'], { input, timeoutMs: 100 }), { code: 'TIMEOUT' });
    });
  }

  it('gets all of its input', async () => {
    const { code, stdout } = await run('cat', [], { input: MUCH });
    assert.deepEqual([code, stdout === MUCH], [0, true]);
  });
});
