/** What this package keeps on disk, damaged in every way: it is set aside and told of once, and everything else goes on. */
import { strict as assert } from 'node:assert';
import { basename } from 'node:path';
import { before, beforeEach, describe, it } from 'mocha';
import { check } from '../../firewall/messages';
import { backupReport } from '../../firewall/results';
import { Engine } from '../device/engine';
import { useDevice, useEngine, useShared } from '../device/suite';
import { assertReloadChangesNothing, everything, restore, STATE } from './stable';
import { until } from './until';

/** The same folder as it was when all was well. */
const GOOD = '/run/good-state';
const [SCHEDULE, JOURNAL, REPORTED, LEDGER] = ['schedule.json', 'journal.json', 'told', 'ledger.jsonl'].map(
  (name) => `${STATE}/${name}`,
) as [string, string, string, string];

describe('Damaged files of this package’s own', function () {
  this.timeout(120_000);
  const device = useDevice();
  const engine = useEngine(device);
  /** The good state's backups, the oldest first. */
  let ids: string[];

  const shell = (program: string) => device.ok('sh', '-c', program);

  before(async () => {
    await engine.watch();
    await until(async () => engine.readings > 0);
    await engine.setProfile({ profile: 'enhanced' });
    await engine.toggleService({ action: 'close' });
    await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 6 * 24 * 3600 });
    ids = (await engine.backups()).map(({ id }) => id).reverse();
    await until(async () => (await device.read(REPORTED)).includes(ids[1] as string));
    await engine.unwatch();
    // A journal like any: it has a change to take back that was taken back already.
    await shell(`cp -a ${STATE} ${GOOD} && cp ${GOOD}/backups/${ids[0]}.json ${GOOD}/a-journal`);
  });
  /** ufw's files and the kernel, with the lease that the good state knows. */
  const leased = useShared(() => everything(device));

  beforeEach(async () => {
    await shell(`rm -rf ${STATE} && cp -a ${GOOD} ${STATE} && rm ${STATE}/a-journal`);
    await restore(device, leased);
  });

  /** The names under which a file was set aside. */
  const asides = async (path: string) =>
    (await shell(`cd ${STATE} && ls -d ${basename(path)}.2* 2>/dev/null | sort || true`)).split('\n').filter(Boolean);
  const about = (path: string, said: readonly string[]) => said.filter((text) => text.includes(path));
  const resumeSays = async (path: string) => about(path, await engine.resume());
  const fill = (text: string) => async (path: string) => device.write(path, text, 0o600);

  const DAMAGES: Record<string, (path: string) => Promise<unknown>> = {
    'cut off': (path) => shell(`truncate -s $(($(stat -c %s ${path}) / 2)) ${path}`),
    'another type': fill('[]'),
    'a number': fill('5'),
    'no JSON': fill('\0\0\0\0\0\0\0\0'),
    'of a later version': fill('{"version":2,"pending":{"id":"x"},"ids":[]}'),
    'of things it cannot have': fill('{"version":1,"leases":null,"pending":{"id":"x"},"ids":7}'),
    'a folder': (path) => shell(`rm ${path} && mkdir ${path} && echo kept > ${path}/inside`),
    'a link': (path) => shell(`mv ${path} /run/elsewhere && ln -s /run/elsewhere ${path}`),
    'a link to nothing': (path) => shell(`rm ${path} && ln -s /run/nowhere ${path}`),
    'a pipe': (path) => shell(`rm ${path} && mkfifo ${path}`),
    'a socket': (path) =>
      shell(`rm ${path} && python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('${path}')"`),
    '100 MB': (path) => shell(`truncate -s 100M ${path}`),
    'for others to write': (path) => device.ok('chmod', '666', path),
    // An ordinary user's device has no other user.
    ...(process.getuid?.() === 0
      ? { 'owned by somebody else': (path: string) => device.ok('chown', '1000', path) }
      : {}),
  };

  for (const path of [SCHEDULE, JOURNAL, REPORTED, LEDGER]) {
    describe(`(${basename(path)})`, () => {
      for (const [kind, damage] of Object.entries(DAMAGES)) {
        it(`that is ${kind}: a lockdown sets it aside and says so, and is made`, async () => {
          if (path === JOURNAL) await shell(`cp ${GOOD}/a-journal ${JOURNAL}`);
          await damage(path);
          const damaged = await device.stat(path);
          const before = await everything(device);
          const { leftovers } = await engine.read();
          assert.equal(about(path, leftovers).length, 1, leftovers.join('\n'));
          assert.deepEqual([await everything(device), await device.stat(path)], [before, damaged]);
          const { changed, warnings, state } = await engine.setProfile({ profile: 'lockdown' });
          assert.deepEqual([changed, state.profile.name, state.inSync, state.leftovers], [true, 'lockdown', true, []]);
          const [aside = '', ...others] = await asides(path);
          assert.deepEqual(others, []);
          assert.deepEqual(about(path, warnings).length, 1, warnings.join('\n'));
          assert.match(about(path, warnings).join(), new RegExp(`set aside as ${STATE}/${aside}`));
          // The very same file, under another name.
          const { ino, size, kind: sort, uid } = await device.stat(`${STATE}/${aside}`);
          assert.deepEqual([ino, size, sort, uid], [damaged.ino, damaged.size, damaged.kind, damaged.uid]);
          assert.deepEqual(await resumeSays(STATE), []);
          assert.equal(await device.exists(JOURNAL), false);
        });
      }

      it('does not keep anything else from being done, and is told of once', async () => {
        if (path === JOURNAL) await shell(`cp ${GOOD}/a-journal ${JOURNAL}`);
        await fill('{')(path);
        assert.equal((await engine.backups()).length, 2);
        const watching = await Engine.start(device);
        await watching.watch();
        await until(async () => about(path, watching.said).length > 0);
        await engine.toggleService({ service: '9200/tcp', action: 'open', duration: 600 });
        const { id } = await engine.setProfile({ profile: 'standard', confirmWithin: 600 });
        assert.equal((await engine.confirm({ id })).confirmed, true);
        await engine.restore();
        await engine.restore({ action: 'restore', backup: ids[0] });
        await until(async () => watching.events.some(({ topic }) => topic === 'changed'));
        assert.deepEqual(watching.troubles, []);
        assert.equal(about(path, watching.said).length, 1);
        await watching.stop();
        await assertReloadChangesNothing(device);
        assert.equal((await asides(path)).length, 1);
        assert.equal(await device.read(`${STATE}/${(await asides(path))[0]}`), '{');
      });
    });
  }

  describe('(schedule.json)', () => {
    const edit = async (change: (content: Record<string, unknown>) => unknown) =>
      fill(JSON.stringify(change(JSON.parse(await device.read(SCHEDULE)))))(SCHEDULE);

    it('of which one entry is wrong keeps the others: what waits is taken back, the lease lasts', async () => {
      const { id } = await engine.toggleService({ service: 'mqtt', action: 'close', confirmWithin: 600 });
      await edit((content) => ({ ...content, leases: [{ id: 'x' }, ...(content.leases as object[])] }));
      const text = await device.read(SCHEDULE);
      const { pending, leases } = await engine.read();
      assert.deepEqual([pending?.id, leases.map(({ service }) => service)], [id, ['9100/tcp']]);
      assert.match((await resumeSays(SCHEDULE)).join(), /cannot be understood in full \(leases\.0\.id: /);
      assert.equal(await device.read(`${STATE}/${(await asides(SCHEDULE))[0]}`), text);
      assert.deepEqual(await resumeSays(STATE), []);
      await engine.restore();
      const then = await engine.read();
      assert.deepEqual([then.pending, then.leases.map(({ service }) => service)], [null, ['9100/tcp']]);
      assert.deepEqual(await everything(device), leased);
    });

    it('starts and stops no unit that somebody wrote into it', async () => {
      await edit((content) => {
        const [lease] = content.leases as { end: object }[];
        const unit = {
          name: 'evil.service',
          from: { enabled: true, active: true },
          to: { enabled: true, active: true },
        };
        return { ...content, leases: [{ ...lease, end: { ...lease?.end, unit } }] };
      });
      assert.match((await resumeSays(SCHEDULE)).join(), /must be a unit of a service/);
      assert.deepEqual((await engine.read()).leases, []);
    });

    it('is kept aside so many times, each under its own name', async () => {
      const names = new Set<string>();
      for (let time = 1; time <= 8; time++) {
        await fill(`{ ${time}`)(SCHEDULE);
        assert.equal((await resumeSays(SCHEDULE)).length, 1);
        for (const name of await asides(SCHEDULE)) names.add(name);
      }
      const left = await asides(SCHEDULE);
      assert.deepEqual([names.size, left.length], [8, 5]);
      assert.deepEqual(await Promise.all(left.map((name) => device.read(`${STATE}/${name}`))), [
        ...['{ 4', '{ 5', '{ 6', '{ 7', '{ 8'],
      ]);
    });

    it('as 1.0.0 wrote it is understood, with its backups, and not written anew for nothing', async () => {
      const { id } = await engine.toggleService({ service: 'mqtt', action: 'close', confirmWithin: 600 });
      for (const path of [SCHEDULE, ...[...ids, id].map((one) => `${STATE}/backups/${one}.json`)]) {
        const { version, ...content } = JSON.parse(await device.read(path));
        assert.equal(version, 1);
        await device.write(path, JSON.stringify(content));
      }
      await device.write(REPORTED, ids.map((one) => `${one}\n`).join(''));
      const old = await device.stat(SCHEDULE);
      const { pending, leases, leftovers } = await engine.read();
      assert.deepEqual([pending?.id, leases.length, leftovers], [id, 1, []]);
      assert.deepEqual(await engine.resume(), []);
      await assert.rejects(engine.toggleService({ action: 'close', confirmWithin: 60 }), { code: 'PENDING_CHANGE' });
      await engine.confirm();
      const again = await engine.toggleService({ service: 'mqtt', action: 'close', confirmWithin: 60 });
      assert.deepEqual([again.changed, again.pending, again.state.pending], [false, null, null]);
      const { version, ...confirmed } = JSON.parse(await device.read(SCHEDULE));
      assert.equal(version, 1);
      await device.write(SCHEDULE, JSON.stringify(confirmed));
      const written = await device.stat(SCHEDULE);
      assert.notEqual(written.ino, old.ino);
      const once = await engine.toggleService({ service: 'mqtt', action: 'close', confirmWithin: 60 });
      assert.deepEqual([once.changed, once.state.pending], [false, null]);
      assert.deepEqual(await device.stat(SCHEDULE), written);
      await engine.restore();
      assert.deepEqual(await everything(device), leased);
    });
  });

  describe('(told)', () => {
    it('that cannot be set aside holds up nothing', async () => {
      await device.write('/run/in-the-way', '{');
      await device.ok('mount', '--bind', '/run/in-the-way', REPORTED);
      const { changed, warnings } = await engine.setProfile({ profile: 'lockdown' });
      assert.equal(changed, true);
      assert.match(about(REPORTED, warnings).join(), /could not be set aside: EBUSY/);
      assert.equal(await device.read(REPORTED), '{');
      await device.ok('umount', REPORTED);
    });
  });

  describe('(a journal)', () => {
    /** What lies there after a change ended in its middle: its files are written, and the kernel does not know of them. */
    let interrupted: Record<string, string>;
    let journal: { before: object[]; after: object };

    before(async () => {
      for (let step = 15; !interrupted; step++) {
        await shell(`rm -rf ${STATE} && cp -a ${GOOD} ${STATE}`);
        const dying = await Engine.start(device, {}, { env: { STEP: String(step), STEP_ACTION: 'kill' } });
        await assert.rejects(dying.toggleService({ service: '9300/tcp', action: 'open' }), /The engine ended/);
        const now = await everything(device);
        if (/ 9300 /.test(now['/etc/ufw/user6.rules'] as string)) interrupted = now;
        else await restore(device, leased);
      }
      assert.equal(interrupted.ipv6, leased.ipv6);
      journal = JSON.parse(await device.read(JOURNAL));
      await shell(`cp -a ${JOURNAL} /run/interrupted`);
    });

    beforeEach(async () => {
      await shell(`cp -a /run/interrupted ${JOURNAL}`);
      await restore(device, interrupted);
    });

    it('of an interrupted change: what the files say is loaded, and nothing is stuck', async () => {
      await shell(`truncate -s 1000 ${JOURNAL}`);
      assert.equal((await engine.read()).inSync, false);
      assert.match((await resumeSays(JOURNAL)).join(), /set aside.*had not finished.*kept and loaded/);
      assert.equal((await engine.read()).inSync, true);
      assert.match(await device.ufw('status'), /9300/);
      await assertReloadChangesNothing(device);
      assert.deepEqual(await engine.resume(), []);
      assert.equal((await engine.toggleService({ service: '9300/tcp', action: 'close' })).changed, true);
      assert.equal(await shell('find /etc/ufw /etc/default /etc/nginx -name "*smartserver*"'), '');
    });

    it('where ufw’s files are damaged too: it is set aside, and they can be restored', async () => {
      await fill('{')(JOURNAL);
      await device.write('/etc/ufw/user.rules', '');
      const { changed, warnings, state } = await engine.restore({ action: 'restore', backup: 'latest' });
      assert.deepEqual([changed, state.inSync], [true, true]);
      assert.match(about(JOURNAL, warnings).join(), /could not be loaded: UFW_FILES_UNREADABLE/);
      assert.deepEqual(await everything(device), leased);
    });

    it('that is good gives back a schedule that is damaged', async () => {
      await fill('{')(SCHEDULE);
      const said = await engine.resume();
      assert.equal(about(SCHEDULE, said).length, 1);
      assert.match(said.join(), /had not finished and was taken back/);
      assert.deepEqual(
        (await engine.read()).leases.map(({ service }) => service),
        ['9100/tcp'],
      );
      assert.deepEqual(await everything(device), leased);
    });

    it('writes no file that is not this firewall’s, and starts no unit that is no service’s', async () => {
      const evil = { path: '/etc/default/evil', text: 'evil', mode: 0o4755, uid: 0, gid: 0 };
      const units = { from: { enabled: true, active: true }, to: { enabled: true, active: true } };
      const edits: [object, RegExp][] = [
        // As if the change had just written it.
        [
          {
            before: [...journal.before, evil],
            after: { ...journal.after, [evil.path]: { from: 0, to: 4, text: 'good' } },
          },
          /"\/etc\/default\/evil", which is no file of this firewall's/,
        ],
        [{ unit: { name: 'evil.service', ...units } }, /must be a unit of a service/],
        [{ before: [{ ...evil, path: '/etc/ufw/../evil' }] }, /must be an absolute path/],
      ];
      for (const [edit, flaw] of edits) {
        await device.write(evil.path, 'good');
        await fill(JSON.stringify({ ...journal, ...edit }))(JOURNAL);
        assert.match((await resumeSays(JOURNAL)).join(), flaw);
        const { mode, size } = await device.stat(evil.path);
        assert.deepEqual([await device.read(evil.path), mode, size], ['good', 0o644, 4]);
      }
      assert.equal((await asides(JOURNAL)).length, edits.length);
      await device.remove(evil.path);
      await assertReloadChangesNothing(device);
    });

    it('that is about a file elsewhere, which the change had not come to, is taken back all the same', async () => {
      const other = { path: '/etc/nginx/another.conf', text: 'old', mode: 0o644, uid: 0, gid: 0 };
      await device.write(other.path, 'old');
      const after = { ...journal.after, [other.path]: { from: 0, to: 3, text: 'new' } };
      await fill(JSON.stringify({ ...journal, before: [...journal.before, other], after }))(JOURNAL);
      assert.match((await engine.resume()).join(), /had not finished and was taken back/);
      assert.deepEqual(await everything(device), leased);
      await device.remove(other.path);
    });
  });

  describe('(a backup)', () => {
    const pathOf = (id: string) => `${STATE}/backups/${id}.json`;

    for (const [kind, damage] of [...Object.entries(DAMAGES), ['empty', fill('')] as const]) {
      it(`that is ${kind} is listed as damaged, and stays; undo does not pass over it`, async () => {
        const [older = '', latest = ''] = ids;
        const path = pathOf(latest);
        await damage(path);
        const damaged = await device.stat(path);
        const list = check(backupReport.array(), await engine.backups());
        assert.deepEqual(
          list.map(({ id, damaged: why }) => [id, typeof why]),
          [
            [latest, 'string'],
            [older, 'undefined'],
          ],
        );
        assert.ok(Math.abs(Date.parse(list[0]?.at ?? '') - Date.now()) < 10 * 60_000);
        const before = await everything(device);
        const names = (error: Error) => error.message.includes(path) && /^UNKNOWN_BACKUP/.test(error.message);
        for (const request of [{}, { action: 'restore', backup: latest }, { action: 'restore', backup: 'latest' }]) {
          await assert.rejects(engine.restore(request), names);
        }
        assert.deepEqual([await everything(device), await device.stat(path)], [before, damaged]);
      });
    }

    it('does not keep another from being restored, and a change made since from being undone', async () => {
      const [older = '', latest = ''] = ids;
      await fill('{')(pathOf(latest));
      assert.equal((await engine.restore({ action: 'restore', backup: older })).changed, true);
      await engine.restore();
      assert.deepEqual(await everything(device), leased);
    });

    it('under another’s name is damaged', async () => {
      const [older = '', latest = ''] = ids;
      await shell(`cp ${pathOf(older)} ${pathOf(latest)}`);
      await assert.rejects(engine.restore(), /UNKNOWN_BACKUP.*it is the backup/);
    });

    it('is told of once to those who watch', async () => {
      const odd = '20990101T000000000Z-0a1b2c';
      const watching = await Engine.start(device);
      await watching.watch();
      await until(async () => watching.readings > 0);
      await fill('{')(pathOf(odd));
      await engine.toggleService({ service: '9400/tcp', action: 'open' });
      const ports = () =>
        watching.events.flatMap((event) =>
          event.topic === 'changed' ? [...event.payload.added, ...event.payload.removed].map(({ to }) => to.port) : [],
        );
      await until(async () => about(odd, watching.said).length > 0);
      await engine.toggleService({ service: '9500/tcp', action: 'open' });
      await until(async () => ports().includes('9400') && ports().includes('9500'));
      assert.equal(about(odd, watching.said).length, 1);
      await watching.stop();
    });

    it('goes with time like any other, whatever it is', async () => {
      await DAMAGES['a folder']?.(pathOf(ids[0] as string));
      const few = await Engine.start(device, { keepBackups: 1 });
      assert.equal((await few.setProfile({ profile: 'lockdown' })).changed, true);
      const places = (await few.backups()).map(({ place }) => place);
      assert.deepEqual(places, ['request', 'factory']);
      await few.stop();
    });

    it('of a change that waits: it says so, and waits until somebody confirms it or locks the device down', async () => {
      const { id } = await engine.toggleService({ service: 'mqtt', action: 'close', confirmWithin: 1 });
      await fill('{')(pathOf(id));
      await until(async () => (await resumeSays(pathOf(id))).length > 0);
      assert.equal((await engine.read()).pending?.id, id);
      const { changed, warnings, state } = await engine.setProfile({ profile: 'lockdown' });
      assert.deepEqual([changed, state.pending], [true, null]);
      assert.ok(about(pathOf(id), warnings).length > 0);
      assert.deepEqual(await resumeSays(STATE), []);
    });
  });
});
