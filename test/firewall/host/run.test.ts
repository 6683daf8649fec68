/** What programs that are run make known, whenever and however they end. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { run } from '../../../firewall/host/run';
import { until } from '../until';

/** The processes that this one has started and that start others, as the kernel lists them. */
const starters = (parent = process.pid): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        return stat.includes('(perl)') && !stat.includes(') Z ') && stat.includes(` ${parent} `);
      } catch {
        // It has ended meanwhile.
        return false;
      }
    })
    .map(Number);

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

  it('gets its arguments as they are, whatever is in them', async () => {
    const args = ['', ' ', 'two\nlines\n', "'", '"$HOME"', 'r 1 -1 4\nx 1 0\n', 'Tür', '扉', '-e', '\\'];
    const { stdout } = await run('printf', ['[%s]', ...args]);
    assert.equal(stdout, args.map((one) => `[${one}]`).join(''));
    await assert.rejects(run('printf', ['a\0b']), /NUL/);
  });

  it('runs beside others, and none hears what another says', async () => {
    const one = async (at: number): Promise<void> => {
      const text = `${at} `.repeat(1 + (at % 7) * 20_000);
      const script = `cat; echo error ${at} >&2; exit ${at % 5}`;
      assert.deepEqual(await run('sh', ['-c', script], { input: text }), {
        ...{ code: at % 5, stdout: text, stderr: `error ${at}\n` },
      });
    };
    await Promise.all(Array.from({ length: 100 }, (_, at) => one(at)));
  });

  it('says which signal has ended it', async () => {
    await assert.rejects(run('sh', ['-c', 'kill -USR1 $$']), { code: 'INTERNAL', message: /SIGUSR1/ });
  });

  it('cannot be run where it is none', async () => {
    assert.equal((await run('/etc/passwd', [])).code, 127);
  });

  it('fails where who started it is killed, and the next one runs', async () => {
    const sleeping = run('sleep', ['2']);
    await until(async () => starters().length === 1);
    for (const pid of starters()) process.kill(pid, 'SIGKILL');
    await assert.rejects(sleeping, { code: 'INTERNAL' });
    assert.equal((await run('echo', ['again'])).stdout, 'again\n');
  });

  it('leaves nobody behind who starts programs, though something it started goes on', async () => {
    await assert.rejects(run('sh', ['-c', 'sleep 3 & exit 0'], { timeoutMs: 100 }), { code: 'TIMEOUT' });
    await until(async () => starters().length === 0);
  });

  it('keeps nobody from ending who has called for it', async () => {
    // From Node.js 17.3 on; its types here are of an older one.
    const { getActiveResourcesInfo } = process as NodeJS.Process & { getActiveResourcesInfo(): string[] };
    const kept = (): string[] => getActiveResourcesInfo().filter((name) => name !== 'Timeout');
    const before = kept();
    await run('true', []);
    assert.deepEqual(kept(), before);
  });

  it('takes who has started it along when its caller ends', async () => {
    const path = require.resolve('../../../firewall/host/run');
    const script = `require(${JSON.stringify(path)}).run('echo', [String(process.pid)]).then(({ stdout }) => console.log(stdout))`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
    assert.match(stdout, /^\d+\n/);
    await until(async () => starters(Number(stdout.trim())).length === 0);
  });
});
