/** An operator's keys on the command line: on any machine, as any user, without a firewall. */
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { fleetRequest, signedRequest } from '../../firewall/fleet/envelope';
import { opened, publicKeyOf } from '../../firewall/fleet/signature';
import { check, settings } from '../../firewall/messages';

const PROGRAM = join(resolve(__dirname, '..', '..'), 'agent', 'smartserver-firewall.js');
const LOCKDOWN = { to: 'group/north', action: 'set-profile', request: { profile: 'lockdown' } };

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

describe('The keys on the command line', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keys-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const command = (args: readonly string[], input = ''): Promise<Ended> =>
    new Promise((done) => {
      const child = execFile(process.execPath, [PROGRAM, ...args], { cwd: folder }, (error, stdout, stderr) =>
        done({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
      // What refuses its input may have ended before it is written.
      child.stdin?.on('error', () => undefined).end(input);
    });
  const failed = async (args: readonly string[], input = ''): Promise<string> => {
    const { code, stdout, stderr } = await command(args, input);
    assert.deepEqual([code, stdout], [1, ''], args.join(' '));
    assert.match(stderr, /^INVALID_INPUT: /);
    assert.ok(stderr.length < 1000, stderr.slice(0, 300));
    return stderr;
  };

  it('are made, shown, and sign what a device that knows them accepts', async () => {
    const made = await command(['key', 'make', 'operator.pem']);
    assert.equal(made.code, 0, made.stderr);
    const publicKey = made.stdout.trim().split('\n')[1] as string;
    const pem = await readFile(join(folder, 'operator.pem'), 'utf8');
    assert.equal((await stat(join(folder, 'operator.pem'))).mode & 0o777, 0o600);
    assert.ok(!made.stdout.includes(pem.split('\n')[1] as string), 'the private key is printed');
    assert.equal(publicKeyOf(pem), publicKey);
    assert.equal((await command(['key', 'show', 'operator.pem'])).stdout.trim(), publicKey);
    assert.deepEqual(JSON.parse((await command(['--json', 'key', 'show', 'operator.pem'])).stdout), { publicKey });

    const trust = check(settings, { operatorKeys: [{ name: 'operator', publicKey }], fleetGroup: 'north' });
    const before = Date.now();
    const signed = await command(['sign', 'operator.pem', 'operator'], JSON.stringify(LOCKDOWN));
    assert.equal(signed.code, 0, signed.stderr);
    const { request } = opened(check(signedRequest, JSON.parse(signed.stdout)), trust);
    const { id, issued, expires, ...said } = check(fleetRequest, request);
    assert.deepEqual([said.to, said.action], [LOCKDOWN.to, LOCKDOWN.action]);
    assert.ok(Date.parse(issued) >= before && Date.parse(expires) - Date.parse(issued) === 48 * 3600 * 1000);
    const again = await command(['sign', 'operator.pem', 'operator'], JSON.stringify(LOCKDOWN));
    assert.notEqual(JSON.parse(JSON.parse(again.stdout).signed).id, id);

    const whole = { ...LOCKDOWN, id: 'own', issued: '2026-11-27T08:00:00Z', expires: '2026-11-28T08:00:00Z' };
    const kept = await command(['sign', 'operator.pem', 'operator'], JSON.stringify(whole));
    assert.deepEqual(opened(JSON.parse(kept.stdout), trust).request, whole);
  });

  it('are never written over another file, and say why they cannot be made', async () => {
    await writeFile(join(folder, 'there'), 'kept');
    assert.match(await failed(['key', 'make', 'there']), /there exists already/);
    assert.equal(await readFile(join(folder, 'there'), 'utf8'), 'kept');
    await failed(['key', 'make', 'nowhere/operator.pem']);
    await failed(['key', 'make', '.']);
    assert.deepEqual(await readdir(folder), ['there']);
  });

  it('that are none are refused, and never quoted', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    const own = generateKeyPairSync('ed25519');
    const texts = {
      rsa: rsa.toString(),
      public: own.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      half: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().slice(0, 60),
      empty: '',
      large: 'x'.repeat(10 * 1024 * 1024),
      binary: '\0\ufffd',
    };
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(join(folder, name), text);
      const shown = await failed(['key', 'show', name]);
      assert.match(shown, /contains no private Ed25519 key/);
      assert.equal(await failed(['sign', name, 'operator'], JSON.stringify(LOCKDOWN)), shown);
    }
    await failed(['key', 'show', 'missing']);
    await failed(['key', 'show', '.']);
  });

  it('sign nothing that no device would accept', async () => {
    await command(['key', 'make', 'operator.pem']);
    const { to, ...bare } = LOCKDOWN;
    const refused: [input: string, reason: RegExp][] = [
      ['', /not valid JSON/],
      ['{', /not valid JSON/],
      [' '.repeat(2 * 1024 * 1024), /larger than/],
      ['[]', /INVALID_INPUT/],
      ['null', /INVALID_INPUT/],
      [JSON.stringify(bare), /to: /],
      [JSON.stringify({ ...bare, to: 'plant-7' }), /to: must be all, group\/NAME or device\/NAME/],
      [JSON.stringify({ ...LOCKDOWN, action: 'reboot' }), /action/],
      [JSON.stringify({ ...LOCKDOWN, request: {} }), /request\.profile/],
      [JSON.stringify({ ...LOCKDOWN, expires: '2020-01-01T00:00:00Z' }), /expires/],
    ];
    for (const [input, reason] of refused)
      assert.match(await failed(['sign', 'operator.pem', 'operator'], input), reason);
    for (const name of ['Operator', '']) {
      assert.match(await failed(['sign', '--', 'operator.pem', name], JSON.stringify(LOCKDOWN)), /key: /);
    }
  });
});
