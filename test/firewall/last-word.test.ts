/** A lockdown is the last word: what was requested before it changes nothing after its answer, in whichever process it waits. */
import { strict as assert } from 'node:assert';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Engine, type EngineError } from '../device/engine';
import { useDevice, useShared } from '../device/suite';
import { everything, reset } from './stable';
import { until } from './until';

describe('A lockdown', function () {
  this.timeout(240_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  let engines: Engine[];

  beforeEach(async () => {
    engines = [await Engine.start(device), await Engine.start(device)];
  });

  afterEach(async () => {
    for (const engine of engines) await engine.stop();
    await reset(device, factory);
  });

  /** Sends so many toggles; what becomes of each, and a promise of the first. */
  const toggles = (engine: Engine, count: number) => {
    const sent = Array.from({ length: count }, () => engine.toggleService({ action: 'toggle' }));
    const outcomes = Promise.all(
      sent.map((one) =>
        one.then(
          () => 'made',
          ({ code }: EngineError) => code,
        ),
      ),
    );
    return { first: sent[0] as Promise<unknown>, outcomes };
  };

  for (const [where, at] of [
    ['this process', 0],
    ['another process', 1],
  ] as const) {
    it(`overrules sixty toggles that wait in ${where}`, async () => {
      const [one, other] = [engines[0] as Engine, engines[at] as Engine];
      const { first, outcomes } = toggles(other, 60);
      await first;
      const { changed, state } = await one.setProfile({ profile: 'lockdown' });
      const locked = await everything(device);
      assert.equal(state.profile.name, 'lockdown');
      assert.equal(changed, true);
      const codes = await outcomes;
      assert.deepEqual([...new Set(codes)].sort(), ['SUPERSEDED', 'made']);
      assert.deepEqual(await everything(device), locked);
      // What is requested from now on is made.
      assert.equal((await other.toggleService({ action: 'open' })).changed, true);
    });
  }

  it('that finds nothing to do overrules them too, once something was changed since the last one', async () => {
    const [one, other] = engines as [Engine, Engine];
    for (let round = 0; round < 5; round++) {
      await one.setProfile({ profile: 'lockdown' });
      const { first, outcomes } = toggles(other, 20);
      // As often as not SSH is closed when the lockdown's turn has come.
      await first;
      await one.setProfile({ profile: 'lockdown' });
      const locked = await everything(device);
      await outcomes;
      assert.deepEqual(await everything(device), locked);
    }
  });

  it('that finds nothing to do overrules what has been planned in another process, and waits for ufw’s lock', async () => {
    const [one, other] = engines as [Engine, Engine];
    await one.setProfile({ profile: 'lockdown' });
    const locked = await everything(device);
    const hold = 'import fcntl; f = open("/run/ufw.lock", "w"); fcntl.lockf(f, 2); print("held", flush=True); input()';
    const holder = await device.spawn(['python3', '-c', hold]);
    await holder.until(/held/);
    const opening = other.toggleService({ action: 'open' }).then(
      () => 'made',
      ({ code }: EngineError) => code,
    );
    // It has its plan, and asks for the lock.
    await until(async () => (await waiting()) === 1);
    const again = one.setProfile({ profile: 'lockdown' });
    await until(async () => (await waiting()) === 2);
    holder.write('\n');
    assert.equal((await again).changed, false);
    assert.equal(await opening, 'SUPERSEDED');
    assert.deepEqual(await everything(device), locked);
    await holder.exited;
  });

  /** How many wait for a lock on ufw's file. */
  const waiting = async (): Promise<number> =>
    (await device.read('/proc/locks')).split('\n').filter((line) => line.includes('-> POSIX')).length;

  it('that is repeated with nothing changed in between writes nothing', async () => {
    const [one, other] = engines as [Engine, Engine];
    await one.setProfile({ profile: 'lockdown' });
    const path = '/var/lib/smartserver-firewall/schedule.json';
    const { ino } = await device.stat(path);
    assert.equal((await one.setProfile({ profile: 'lockdown' })).changed, false);
    assert.equal((await other.setProfile({ profile: 'lockdown' })).changed, false);
    assert.equal((await device.stat(path)).ino, ino);
  });

  it('is not forgotten when it is undone: what it has overruled stays so', async () => {
    const [one, other] = engines as [Engine, Engine];
    await other.toggleService({ action: 'close', confirmWithin: 600 });
    const { outcomes, first } = toggles(other, 10);
    await first.catch(() => undefined);
    await one.setProfile({ profile: 'lockdown' });
    await one.restore();
    const undone = await everything(device);
    await outcomes;
    assert.deepEqual(await everything(device), undone);
  });
});
