/** The ledger on a device: what is entered, by whom and why, and that it is in nobody's way. */
import { strict as assert } from 'node:assert';
import { beforeEach, describe, it } from 'mocha';
import { textsIn } from '../../firewall/language';
import type { Entry } from '../../firewall/ledger/entry';
import type { EngineError } from '../device/engine';
import { Engine } from '../device/engine';
import { useDevice, useFreshEngine, useShared } from '../device/suite';
import { assertEntriesAgree, LEDGER, ledgerOf } from './ledger-of';
import { everything, reset, restore, STATE } from './stable';

describe('The ledger', function () {
  this.timeout(1_800_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  beforeEach(async () => {
    await reset(device, factory);
    await device.ok('rm', '-f', '/run/smartserver-firewall.refusals');
  });
  const engine = useFreshEngine(device);

  const history = (question: object = {}) => engine.history(question);
  const last = async (): Promise<Entry> => (await ledgerOf(device)).slice(-1)[0] as Entry;

  it('says of a change what it did, when and why, as the files and the result say', async () => {
    const { id, added, removed } = await engine.toggleService({ action: 'close', reason: 'the visit is over' });
    const entry = await last();
    assert.deepEqual(
      [entry.type, entry.category, entry.id, entry.action, entry.reason, entry.result, entry.services],
      ['change', 'configuration-change', id, 'toggle-service close ssh', 'the visit is over', 'done', ['ssh']],
    );
    assert.deepEqual([entry.rules.added.length, entry.rules.removed.length], [added.length, removed.length]);
    assert.match(entry.rules.removed.join(), /allow in tcp to port 22 \(ipv4\)/);
    assert.ok(Math.abs(Date.parse(entry.at) - Date.now()) < 60_000);
    const { head, fault } = await history();
    assert.deepEqual([head, fault], [{ seq: entry.seq, hash: entry.hash }, null]);
    assert.deepEqual((await engine.read()).ledger, head);
    await assertEntriesAgree(device);
  });

  it('has nothing of what changes nothing: a dry run, a reading, the same once more', async () => {
    await engine.toggleService({ action: 'close', reason: 'first' });
    const before = await device.read(LEDGER);
    await engine.toggleService({ action: 'close', reason: 'again' });
    await engine.toggleService({ action: 'open', dryRun: true });
    await assert.rejects(engine.setProfile({ profile: 'lockdown', dryRun: true, onlyTighten: 'x' as never }));
    await engine.read();
    assert.equal(await device.read(LEDGER), before);
  });

  it('has each kind of event: confirmed, gone back, ended, restored, drifted', async () => {
    const first = await engine.toggleService({ service: 'mqtt', action: 'close', confirmWithin: 600 });
    await engine.confirm({ id: first.id, reason: 'it works' });
    assert.deepEqual(
      [(await last()).type, (await last()).id, (await last()).reason],
      ['confirmation', first.id, 'it works'],
    );
    await engine.toggleService({ service: 'ssh', action: 'close', confirmWithin: 600 });
    await engine.clock.advance(601);
    await engine.read();
    assert.deepEqual([(await last()).type, (await last()).source.kind], ['reversal', 'timer']);
    await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
    await engine.clock.advance(601);
    await engine.read();
    assert.deepEqual([(await last()).type, (await last()).source.kind], ['lease-end', 'timer']);
    await engine.toggleService({ service: '9200/tcp', action: 'open' });
    await engine.restore({ action: 'undo', reason: 'not needed' });
    assert.deepEqual([(await last()).type, (await last()).reason], ['restore', 'not needed']);
    await device.ufw('allow', '9999/tcp');
    await engine.toggleService({ action: 'close' });
    const [drift, change] = (await ledgerOf(device)).slice(-2) as [Entry, Entry];
    assert.deepEqual([drift.type, drift.source.kind, change.type], ['drift', 'unknown', 'change']);
    assert.match(drift.rules.added.join(), /allow in tcp to port 9999 \(ipv4\)/);
    assert.deepEqual(
      change.rules.added.filter((rule) => /9999/.test(rule)),
      [],
    );
    await assertEntriesAgree(device);
  });

  it('tells in its drift what was changed by hand while nobody changed anything through this package', async () => {
    await engine.toggleService({ action: 'close' });
    await device.ufw('allow', '9999/tcp');
    await engine.resume();
    assert.deepEqual([(await last()).type, (await last()).services], ['drift', []]);
    const before = await device.read(LEDGER);
    await engine.resume();
    assert.equal(await device.read(LEDGER), before);
  });

  it('has what was refused, and so little of a flood that nothing is cut for it', async () => {
    await assert.rejects(engine.toggleService({ service: 'https', action: 'close', reason: 'by mistake' }), {
      code: 'LOCKOUT',
    });
    const entry = await last();
    assert.deepEqual([entry.type, entry.result, entry.reason], ['refusal', 'LOCKOUT', 'by mistake']);
    assert.deepEqual([entry.action, entry.services], ['toggle-service close https', ['https']]);
    const size = (await device.stat(LEDGER)).size;
    for (let time = 0; time < 25; time++) {
      await assert.rejects(engine.toggleService({ service: 'https', action: 'close', reason: `${time}` }), {
        code: 'LOCKOUT',
      });
    }
    assert.equal((await device.stat(LEDGER)).size, size);
    await engine.clock.advance(601);
    await assert.rejects(engine.toggleService({ service: 'https', action: 'close' }), { code: 'LOCKOUT' });
    assert.deepEqual([(await last()).type, (await last()).repeated], ['refusal', 25]);
    // Others, each another: a bound holds for all of them.
    await device.ok('rm', '-f', '/run/smartserver-firewall.refusals');
    const count = (await ledgerOf(device)).length;
    for (let time = 0; time < 30; time++) {
      const order = { id: `r${time}`, issued: '2020-01-01T00:00:00Z', expires: '2020-01-02T00:00:00Z' };
      await engine.fleet({ ...order, action: 'set-profile', request: { profile: 'enhanced' } });
    }
    assert.ok((await ledgerOf(device)).length - count <= 12);
  });

  it('names what was asked for where it was refused, so that it is found by the services that it was about', async () => {
    const customProfiles = [{ name: 'closed', incoming: 'deny' as const, outgoing: 'deny' as const, open: [] }];
    const other = await Engine.start(device, { customProfiles });
    await assert.rejects(other.toggleService({ service: 'Node-RED', action: 'open' }), { code: 'INTERNAL_SERVICE' });
    await assert.rejects(other.toggleService({ service: ['cms', 'https'], action: 'open' }), {
      code: 'INTERNAL_SERVICE',
    });
    await assert.rejects(other.setProfile({ profile: 'closed' }), { code: 'LOCKOUT' });
    await assert.rejects(other.changeWebPorts({ http: 22 }), { code: 'PORT_IN_USE' });
    await assert.rejects(other.toggleService({ service: 'nobody', action: 'open' }), { code: 'UNKNOWN_SERVICE' });
    const about = async (service: string) =>
      (await other.history({ service })).entries.filter(({ type }) => type === 'refusal').map(({ action }) => action);
    assert.deepEqual(await about('node-red'), ['set-profile closed', 'toggle-service open node-red']);
    assert.deepEqual(await about('https'), [
      ...['change-web-ports change 22', 'set-profile closed', 'toggle-service open cms, https'],
    ]);
    assert.deepEqual(await about('ntp'), ['set-profile closed']);
    const entry = await last();
    assert.deepEqual([entry.action, entry.services], ['toggle-service open nobody', []]);
    // What it says can be said in another language.
    assert.match(
      textsIn('de', entry.said ?? [])(entry.note),
      /^UNKNOWN_SERVICE: Es gibt keinen Dienst "nobody"\. Die Firewall wurde nicht geändert\./,
    );
    await other.stop();
  });

  it('keeps a reason on one line that shows what is in it, and refuses what is none', async () => {
    const reason = 'gas\nalarm \u202Eevil\u0007 <script>alert(1)</script> "=1+1"';
    await engine.toggleService({ action: 'close', reason });
    assert.equal((await last()).reason, 'gas?alarm ?evil? <script>alert(1)</script> "=1+1"');
    const before = await everything(device);
    for (const wrong of ['x'.repeat(501), 'x'.repeat(10_000_000), {}, [], null, { type: 'Buffer', data: [1] }]) {
      await assert.rejects(engine.toggleService({ action: 'open', reason: wrong as never }), {
        code: 'INVALID_INPUT',
        message: /reason/,
      });
    }
    assert.deepEqual(await everything(device), before);
    await engine.toggleService({ action: 'open', reason: 17 as never });
    assert.equal((await last()).reason, '17');
  });

  it('goes on with a clock that went backwards', async () => {
    await engine.toggleService({ action: 'close' });
    await engine.clock.setWall(Date.now() / 1000 - 86_400);
    await engine.toggleService({ action: 'open' });
    await engine.setProfile({ profile: 'lockdown' });
    assert.equal((await history()).fault, null);
    await ledgerOf(device);
  });

  it('finishes what a power cut left of a line, and loses nothing', async () => {
    await engine.toggleService({ action: 'close' });
    const whole = await device.read(LEDGER);
    await device.write(LEDGER, `${whole}{"seq":99,"at":"2026`, 0o600);
    assert.deepEqual([(await history()).fault, (await engine.read()).leftovers], [null, []]);
    const { warnings } = await engine.toggleService({ action: 'open' });
    assert.deepEqual([warnings, (await last()).seq], [[], whole.split('\n').length - 1]);
    assert.ok(
      (await device.read(LEDGER)).split('\n').slice(1).join('\n').startsWith(whole.split('\n').slice(1).join('\n')),
    );
  });

  it('is cut before it is too large, says what was dropped, and the chain goes on', async () => {
    await engine.toggleService({ action: 'close' });
    // As large as many changes make it, by entries of the package's own.
    await device.ok(device.node, device.inside(`${__dirname}/long-ledger.js`), STATE, '1000000');
    for (let round = 0; round < 40; round++) await engine.toggleService({ action: 'toggle', reason: 'x'.repeat(500) });
    const first = await history();
    assert.equal(first.fault, null);
    assert.ok(first.entries.some(({ type, cut }) => type === 'cut' && cut?.dropped === 0));
    await device.ok(device.node, device.inside(`${__dirname}/long-ledger.js`), STATE, '1000000');
    for (let round = 0; round < 40; round++) await engine.toggleService({ action: 'toggle', reason: 'x'.repeat(500) });
    const { fault, entries, kept, dropped: gone } = await history();
    assert.equal(fault, null);
    const [oldest, newest] = [entries[entries.length - 1] as Entry, entries[0] as Entry];
    assert.ok(oldest.seq > 1 && oldest.type === 'cut');
    assert.equal(entries.length, newest.seq - oldest.seq + 1);
    assert.deepEqual([kept, gone, kept + gone], [entries.length, oldest.seq - 1, newest.seq]);
    const dropped = entries.find(({ type, cut }) => type === 'cut' && (cut?.dropped ?? 0) > 0);
    assert.deepEqual([dropped?.cut?.dropped, dropped?.cut?.first], [oldest.seq - 1, oldest.seq]);
  });

  it('is whole whenever the one dies who cuts it', async () => {
    await engine.toggleService({ action: 'close' });
    const program = [device.node, '-r', device.inside(`${__dirname}/../device/steps.js`)];
    const fill = [device.inside(`${__dirname}/long-ledger.js`), STATE];
    await device.ok(device.node, ...fill, '1000000');
    await device.ok('cp', '-a', STATE, '/run/nearly-full');
    const count = (await history()).entries.length;
    const outcomes = { before: 0, cut: 0 };
    for (let step = 1; ; step++) {
      const env = { STEP: String(step), STEP_ACTION: 'kill' };
      const { code } = await device.run([...program, ...fill], { env });
      const { fault, entries } = await history();
      assert.deepEqual([fault, (await engine.read()).leftovers], [null, []], `at step ${step}`);
      const isCut = entries[entries.length - 1]?.seq === 1 && entries.length > count;
      outcomes[isCut ? 'cut' : 'before']++;
      // The next one goes on, whatever was left.
      await device.ok(device.node, ...fill);
      const next = await history();
      assert.equal(next.fault, null, `after step ${step}`);
      assert.ok((next.entries[0] as Entry).seq > count, `after step ${step}`);
      await device.ok('sh', '-c', `rm -rf ${STATE} && cp -a /run/nearly-full ${STATE}`);
      if (code === 0) break;
    }
    assert.ok(outcomes.before > 5 && outcomes.cut > 0, JSON.stringify(outcomes));
    await device.remove('/run/nearly-full');
  });

  it('is in nobody’s way: where it cannot be written a lockdown goes through', async () => {
    await engine.toggleService({ action: 'close' });
    await device
      .ok('chattr', '+i', LEDGER)
      .catch(() => device.ok('rm', LEDGER).then(() => device.ok('mkdir', `${LEDGER}`)));
    const { changed, state } = await engine.setProfile({ profile: 'lockdown' });
    assert.deepEqual([changed, state.profile.name], [true, 'lockdown']);
    await device.ok('chattr', '-i', LEDGER).catch(() => undefined);
  });

  it('is whole on a disk of which so many pages are left: a change is refused or made, with its entry or a warning', async () => {
    // Its next line needs a page of its own.
    do await engine.toggleService({ action: 'toggle', reason: 'x'.repeat(300) });
    while ((await device.stat(LEDGER)).size % 4096 < 3500);
    await device.ok('cp', '-a', STATE, '/run/before');
    const before = await everything(device);
    const outcomes = { refused: 0, warned: 0, entered: 0 };
    await device.ok('mount', '-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', STATE);
    try {
      for (let pages = 0; outcomes.entered === 0; pages++) {
        await restore(device, before);
        await device.ok('sh', '-c', `rm -rf ${STATE}/* && cp -a /run/before/. ${STATE}`);
        const count = (await ledgerOf(device)).length;
        const fill = `cat /dev/zero > ${STATE}/fill; truncate -s -${pages * 4096} ${STATE}/fill`;
        await device.run(['sh', '-c', fill]);
        const done = await engine.setProfile({ profile: 'lockdown' }).catch((error: EngineError) => error);
        await device.ok('rm', `${STATE}/fill`);
        const left = `with ${pages} pages left: ${done instanceof Error ? done.message : done.warnings.join()}`;
        await engine.resume();
        const entries = (await ledgerOf(device)).slice(count).filter(({ type }) => type === 'change');
        if (done instanceof Error) {
          assert.deepEqual(await everything(device), before, left);
          assert.equal(entries.length, 0, left);
          outcomes.refused++;
          continue;
        }
        assert.equal((await engine.read()).profile.name, 'lockdown', left);
        const isWarned = done.warnings.some((warning) => /not in the ledger/.test(warning));
        assert.equal(entries.length, isWarned ? 0 : 1, left);
        outcomes[isWarned ? 'warned' : 'entered']++;
      }
    } finally {
      await device.ok('umount', STATE);
      await device.remove('/run/before');
    }
    assert.ok(outcomes.refused > 0 && outcomes.warned > 0, JSON.stringify(outcomes));
  });
});
