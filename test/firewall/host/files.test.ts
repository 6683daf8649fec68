/** Files that several processes replace at the same time, and what is left of those that die while they do. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { replaceShared } from '../../../firewall/host/files';

const WRITERS = [0, 1, 2, 3];
const TIMES = 40;
const textOf = (who: number): string => `${who}`.repeat(200_000);
/** Replaces the file again and again, and says when it has done so. */
const WRITER = `
  const { replaceShared } = require(${JSON.stringify(require.resolve('../../../firewall/host/files'))});
  const [path, who, times] = process.argv.slice(1);
  const file = { path, text: who.repeat(200000), mode: 0o600, uid: process.getuid(), gid: process.getgid() };
  (async () => {
    for (let left = Number(times); left > 0; left -= 1) {
      await replaceShared(file);
      process.stdout.write('.');
    }
  })();
`;

describe('A file that several replace at a time, without a lock', function () {
  this.timeout(60_000);
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firewall-files-'));
    path = join(folder, 'told');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const startWriter = (who: number): ChildProcessByStdio<null, Readable, null> =>
    spawn(process.execPath, ['-e', WRITER, path, String(who), String(TIMES)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const replaceHere = () => {
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    return replaceShared({ path, text: 'here', mode: 0o600, uid, gid });
  };

  it('is at each moment whole, and none of them fails', async () => {
    const writers = WRITERS.map(startWriter);
    const ends = writers.map((one) => once(one, 'exit'));
    await Promise.all(writers.map((one) => once(one.stdout, 'data')));
    let reading = 0;
    while (writers.some(({ exitCode }) => exitCode === null)) {
      const text = await readFile(path, 'latin1');
      assert.ok(WRITERS.map(textOf).includes(text), text.slice(0, 20));
      reading += 1;
    }
    assert.ok(reading > 0);
    assert.deepEqual(
      await Promise.all(ends),
      WRITERS.map(() => [0, null]),
    );
    assert.deepEqual(await readdir(folder), ['told']);
  });

  it('is whole when some of them die, and the next that replaces it clears up after them', async () => {
    // Each dies a little later than the one before it, wherever it is then.
    for (let round = 0; round < 4; round += 1) {
      const writers = WRITERS.map(startWriter);
      const ends = writers.map((one) => once(one, 'exit'));
      for (const [at, writer] of writers.entries()) {
        let dots = 0;
        writer.stdout.on('data', (data: Buffer) => {
          dots += data.length;
          if (dots > at + round) writer.kill('SIGKILL');
        });
      }
      await Promise.all(ends);
      assert.ok(WRITERS.map(textOf).includes(await readFile(path, 'latin1')));
    }
    // As an earlier version left one, and as one does whose process id is another's by now.
    for (const name of ['told.smartserver-new', `told.smartserver-new.${process.pid}:1.5`])
      await writeFile(join(folder, name), 'half');
    await replaceHere();
    assert.equal(await readFile(path, 'latin1'), 'here');
    assert.deepEqual(await readdir(folder), ['told']);
  });

  it('leaves nothing where it cannot be put in its place', async () => {
    await mkdir(path);
    await assert.rejects(replaceHere(), { code: 'EISDIR' });
    assert.deepEqual(await readdir(folder), ['told']);
  });
});
