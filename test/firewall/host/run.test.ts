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

  it('is not waited for longer where what it has started still holds its output', async () => {
    await assert.rejects(run('sh', ['-c', 'sleep 3 & exit 0'], { timeoutMs: 200 }), { code: 'TIMEOUT' });
  });

  it('is ended where it prints without end', async () => {
    await assert.rejects(run('yes', []), { code: 'INTERNAL', message: /SIGKILL/ });
  });

  it('is heard to its end, in bytes or in letters', async () => {
    const print = [
      '-c',
      'i=0; while [ $i -lt 3000 ]; do echo "Tür $i"; i=$((i + 1)); done; exec >&-; echo "Ende ü" >&2',
    ];
    const lines = Array.from({ length: 3000 }, (_, at) => `Tür ${at}\n`).join('');
    assert.deepEqual(await run('sh', print), { code: 0, stdout: lines, stderr: 'Ende ü\n' });
    const bytes = (text: string) => Buffer.from(text).toString('latin1');
    const { stdout, stderr } = await run('sh', print, { bytes: true });
    assert.deepEqual([stdout, stderr], [bytes(lines), bytes('Ende ü\n')]);
  });

  it('gets all of its input', async () => {
    const { code, stdout } = await run('cat', [], { input: MUCH });
    assert.deepEqual([code, stdout === MUCH], [0, true]);
  });
});
