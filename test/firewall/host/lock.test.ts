/** The program that holds ufw's lock, on a lock of its own. */
import { strict as assert } from 'node:assert';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { hold } from '../../../firewall/host/lock';

describe('The holder of the lock', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lock-'));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  const start = (longestS?: number): ChildProcess => {
    const holder = hold(join(folder, 'lock'), longestS);
    holder.stdin?.write('\n');
    return holder;
  };
  const held = async (holder: ChildProcess): Promise<void> => {
    const [said] = await once(holder.stdout as NodeJS.ReadableStream, 'data');
    assert.equal(String(said), 'held\n');
  };

  it('lets go when its other half is gone', async () => {
    const [first, second] = [start(), start()];
    const [one, other] = await Promise.race([
      held(first).then(() => [first, second] as const),
      held(second).then(() => [second, first] as const),
    ]);
    const next = held(other);
    one.stdin?.end();
    await next;
    other.stdin?.end();
    assert.deepEqual(await once(other, 'exit'), [0, null]);
  });

  it('is ended by the kernel when its time is over, though its other half is still there', async () => {
    const first = start(1);
    await held(first);
    const second = start();
    const next = held(second);
    assert.deepEqual(await once(first, 'exit'), [null, 'SIGALRM']);
    await next;
    second.stdin?.end();
    await once(second, 'exit');
  });

  it('belongs to no terminal', async () => {
    const holder = start();
    await held(holder);
    const [, , , session, terminal] =
      (await readFile(`/proc/${holder.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    assert.deepEqual([session, terminal], [String(holder.pid), '0']);
    holder.stdin?.end();
    await once(holder, 'exit');
  });
});
