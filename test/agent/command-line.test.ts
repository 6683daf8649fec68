/** The command line, for a technician on the console: its output and its exit codes. */
import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { beforeEach, describe, it } from 'mocha';
import { check } from '../../firewall/messages';
import { backupReport, changeResult, evidence, history, state } from '../../firewall/results';
import { Engine } from '../device/engine';
import { useDevice, useEngine, useShared } from '../device/suite';
import { LEDGER } from '../firewall/ledger-of';
import { everything, reset, STATE } from '../firewall/stable';

const PROGRAM = join(resolve(__dirname, '..', '..'), 'agent', 'smartserver-firewall.js');

describe('The command line', function () {
  this.timeout(60_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useEngine(device);

  beforeEach(() => reset(device, factory));

  const command = (...args: string[]) => device.run([process.execPath, PROGRAM, ...args]);

  it('reports the state in words and as JSON', async () => {
    await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
    await engine.toggleService({ action: 'close', confirmWithin: 600 });
    const { code, stdout } = await command('status');
    assert.equal(code, 0);
    assert.match(stdout, /^Firewall: on now, on at the next boot$/m);
    assert.match(stdout, /^ {2}https: 443\/tcp$/m);
    assert.doesNotMatch(stdout, /^ {2}ssh/m);
    assert.match(stdout, /^Pending, to be confirmed by 2.*Z: toggle-service close ssh/m);
    assert.match(stdout, /^Temporary, until 2.*Z: 9100\/tcp$/m);
    const json = await command('--json', 'status');
    assert.equal(check(state, JSON.parse(json.stdout)).pending?.action, 'toggle-service close ssh');
  });

  it('confirms, undoes, lists and restores', async () => {
    const { id } = await engine.toggleService({ action: 'close', confirmWithin: 600 });
    assert.deepEqual(await command('confirm', 'another').then(({ code, stderr }) => [code, stderr.slice(0, 16)]), [
      1,
      'NOTHING_PENDING:',
    ]);
    assert.match((await command('confirm', id)).stdout, /^Confirmed: toggle-service close ssh$/m);
    const list = check(backupReport.array(), JSON.parse((await command('backups', '--json')).stdout));
    assert.deepEqual(
      list.map((backup) => backup.id),
      [id],
    );
    assert.match((await command('backups')).stdout, /45 rules, before: toggle-service close ssh$/m);
    const undone = await command('undo');
    assert.match(undone.stdout, /^Done: undo toggle-service close ssh/m);
    assert.match(undone.stdout, /^\+ allow in 22\/tcp \(ipv4\)$/m);
    assert.deepEqual(await everything(device), factory);
    assert.match((await command('restore', id)).stdout, /^Nothing to do/m);
    assert.equal(check(changeResult, JSON.parse((await command('--json', 'undo')).stdout)).changed, true);
    assert.equal((await command('restore', id)).code, 0);
    assert.deepEqual(await everything(device), factory);
  });

  it('tells the history in words, as JSON and as CSV that no spreadsheet calculates, and verifies it', async () => {
    await engine.toggleService({ action: 'close', reason: '=HYPERLINK("http://evil")' });
    await command('undo', '--reason', 'not\nneeded');
    const { stdout } = await command('history');
    assert.match(stdout, /^2.*Z {2}#3 restore: undo toggle-service close ssh, by console \w+: not\?needed$/m);
    assert.match(stdout, /^ {2}\+ allow in tcp to port 22 \(ipv4\)$/m);
    const { entries, fault } = check(history, JSON.parse((await command('--json', 'history')).stdout));
    assert.deepEqual([entries.map(({ seq }) => seq), fault], [[3, 2, 1], null]);
    const [head = '', , second = ''] = (await command('history', '--csv')).stdout.split('\n');
    assert.deepEqual([head.split(',')[0], second.includes(`,"'=HYPERLINK(""http://evil"")",`)], ['seq', true]);
    const only = async (...args: string[]) =>
      check(history, JSON.parse((await command('--json', 'history', ...args)).stdout)).entries.map(({ seq }) => seq);
    assert.deepEqual(await only('--source', 'console'), [3]);
    assert.deepEqual(await only('--service', 'ssh'), [3, 2]);
    assert.deepEqual(await only('--since', '1 h', '--service', 'mqtt'), []);
    assert.match((await command('history', '--since', 'soon')).stderr, /^INVALID_INPUT: since: must be a time like/);
    const whole = await command('history', '--verify');
    assert.deepEqual([whole.code, /^The ledger is whole: 3 entries/.test(whole.stdout)], [0, true]);
    const text = await device.read(LEDGER);
    await device.write(LEDGER, text.replace('HYPERLINK', 'HYPERLINX'), 0o600);
    const altered = await command('history', '--verify');
    assert.equal(altered.code, 1);
    assert.match(altered.stdout, /entry 2 \(.*ledger\.jsonl, line 3\): it is not what it was when it was entered/);
  });

  it('says of a ledger that was cut what is there, and what was dropped', async () => {
    await engine.toggleService({ action: 'close' });
    const fill = [device.node, device.inside(join(__dirname, '..', 'firewall', 'long-ledger.js')), STATE];
    // Each file of two is full once more.
    for (let round = 0; round < 2; round++) {
      await device.ok(...(fill as [string, ...string[]]), '1000000');
      await device.ok(...(fill as [string, ...string[]]));
    }
    const { entries, kept, dropped } = await engine.history();
    const oldest = entries[entries.length - 1]?.seq ?? 0;
    assert.deepEqual([kept, dropped], [entries.length, oldest - 1]);
    assert.ok(dropped > 100, `${dropped}`);
    const { code, stdout } = await command('history', '--verify');
    const [whole, cut] = stdout.split('\n');
    assert.deepEqual([code, whole?.replace(/, the last .*/, '')], [0, `The ledger is whole: ${kept} entries`]);
    assert.equal(cut, `It was cut: ${dropped} older entries were dropped, as it is bounded`);
    const page = (await command('report', '--language', 'de')).stdout;
    assert.ok(page.includes(`${kept} Einträge.`) && page.includes(`${dropped} ältere wurden verworfen`));
  });

  it('prints the report for auditors as a page whose JSON has the hash in it, in each language, and as JSON', async () => {
    const why = 'commissioning of <b>AHU 3</b>';
    await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 600, reason: why });
    for (const [language, title] of [
      ['en', 'Firewall report'],
      ['de', 'Firewall-Bericht'],
      ['ja', 'ファイアウォール'],
    ] as const) {
      const args = language === 'en' ? [] : ['--language', language];
      const { code, stdout } = await command('report', ...args);
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(`<!DOCTYPE html>\n<html lang="${language}">`), stdout.slice(0, 60));
      assert.match(stdout, new RegExp(`<h1>${title}`));
      assert.ok(stdout.endsWith('</html>\n'));
      assert.ok(!stdout.includes('<b>AHU') && stdout.includes('&lt;b&gt;AHU 3&lt;/b&gt;'));
      const [, base64 = ''] = /href="data:application\/json;base64,([^"]+)"/.exec(stdout) ?? [];
      const hash = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex');
      assert.equal(/id="sha256">([0-9a-f]{64})</.exec(stdout)?.[1], hash);
    }
    const { document, version, ...found } = JSON.parse((await command('report', '--json')).stdout);
    assert.deepEqual([document, version], ['smartserver-firewall-report', 1]);
    const { state: now, history: told } = check(evidence, found);
    assert.deepEqual(
      now.leases.map(({ service }) => service),
      ['9100/tcp'],
    );
    assert.deepEqual([told.entries[0]?.reason, told.older, told.fault], [why, 0, null]);
    const { code, stdout, stderr } = await command('report', '--language', 'fr');
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /Allowed choices are en, de, ja/);
  });

  it('lists a damaged backup as such, and says that a file of its own is damaged', async () => {
    const { id } = await engine.toggleService({ action: 'close' });
    await device.write(`/var/lib/smartserver-firewall/backups/${id}.json`, '{');
    assert.match((await command('backups')).stdout, new RegExp(`^${id} .*  damaged, cannot be restored: it holds no`));
    const { code, stderr } = await command('undo');
    assert.deepEqual([code, stderr.slice(0, 15)], [1, 'UNKNOWN_BACKUP:']);
    await device.write('/var/lib/smartserver-firewall/schedule.json', '{');
    assert.match((await command('status')).stdout, /^! .*schedule\.json cannot be understood/m);
    assert.match((await command('settle')).stdout, /schedule\.json cannot be understood .* was set aside as/);
    assert.doesNotMatch((await command('status')).stdout, /cannot be understood/);
  });

  it('does what is due, and fails if it cannot', async () => {
    // Behind by a minute: what it leaves for half a minute is over for everybody else.
    const behind = await Engine.start(device);
    await behind.clock.advance(-60);
    const program = await behind.toggleService({ service: '9100/tcp', action: 'open', duration: 30 });
    assert.equal(program.changed, true);
    assert.equal((await engine.read()).leases.length, 1);
    assert.equal((await command('settle')).code, 0);
    assert.deepEqual((await engine.read()).leases, []);
    await behind.stop();
  });

  it('reports failures with their code on standard error, and as JSON', async () => {
    const { code, stdout, stderr } = await command('undo');
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^UNKNOWN_BACKUP: there is no backup/);
    const json = await command('--json', 'restore', '../../etc/shadow');
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.stdout).error.code, 'UNKNOWN_BACKUP');
  });

  it('rejects what it does not understand', async () => {
    for (const args of [['open', 'ssh'], ['undo', '--every'], ['restore'], ['confirm', 'a', 'b'], []]) {
      const { code, stderr } = await command(...args);
      assert.equal(code, 2, args.join(' '));
      assert.notEqual(stderr, '');
    }
    for (const settings of ['{', '{"stateDir":"relative"}', '[]', '{"unknown":1}']) {
      const { code, stderr } = await command('--settings', settings, 'status');
      assert.deepEqual([code, stderr.slice(0, 14)], [1, 'INVALID_INPUT:'], settings);
    }
    assert.equal((await command('--help')).code, 0);
    assert.deepEqual(await everything(device), factory);
  });
});
