/** `setup` on a device with systemd and sudo: what it installs, what it refuses, and who may do what with it. */
import { strict as assert } from 'node:assert';
import { beforeEach, it } from 'mocha';
import type { Entry } from '../../firewall/ledger/entry';
import { Engine } from '../device/engine';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { ledgerOf } from '../firewall/ledger-of';
import { everything } from '../firewall/stable';
import { until } from '../firewall/until';
import { AGENT, askAgent, COMMAND, packaged, requestOf, setUp } from './as-apollo';

const INSTALLED = '/usr/lib/smartserver-firewall';
const CACHE = `${INSTALLED}/program.cache`;
const OWN = [`${INSTALLED}/program.js`, `${INSTALLED}/load.js`, `${INSTALLED}/command-line.js`, CACHE];
const SUDOERS = '/etc/sudoers.d/smartserver-firewall';
const UNIT = '/etc/systemd/system/smartserver-firewall.service';
const HOOKS = '/home/apollo/confd/scripts/reset.d';

describeAsRoot('setup', function () {
  this.timeout(180_000);
  const device = useSystemdDevice();

  beforeEach(() => setUp(device, '--remove'));

  const installed = async () => {
    const paths = [...OWN, AGENT, `${INSTALLED}/smartserver-firewall`, SUDOERS, UNIT, COMMAND];
    const there = await Promise.all(paths.map(async (path) => ((await device.exists(path)) ? [path] : [])));
    return there.flat();
  };

  it('with --dry-run says what it would do, and does nothing', async () => {
    const said = await setUp(device, '--dry-run');
    for (const path of [AGENT, SUDOERS, UNIT]) assert.match(said, new RegExp(`^create ${path}$`, 'm'));
    assert.deepEqual(await installed(), []);
    await setUp(device);
    const all = await installed();
    assert.match(await setUp(device, '--remove', '--dry-run'), /^remove .*sudoers/m);
    assert.deepEqual(await installed(), all);
  });

  it('installs everything as root’s, once, and removes all of it', async () => {
    assert.match(await setUp(device), /^create/m);
    assert.equal((await installed()).length, 9);
    for (const path of await installed()) {
      const { uid, gid, mode } = await device.stat(path);
      assert.deepEqual([uid, gid], [0, 0], path);
      if (path !== COMMAND) assert.equal(mode & 0o022, 0, path);
    }
    assert.equal((await device.run(['visudo', '-c', '-q'])).code, 0);
    assert.equal((await device.run(['systemctl', 'is-enabled', '-q', 'smartserver-firewall.service'])).code, 0);
    const before = await device.stat(AGENT);
    assert.doesNotMatch(await setUp(device), /^(create|replace|link)/m);
    assert.equal((await device.stat(AGENT)).ino, before.ino);
    await device.write(SUDOERS, 'apollo ALL=(ALL) NOPASSWD: ALL\n');
    assert.match(await setUp(device), /^replace .*sudoers/m);
    assert.match(await device.read(SUDOERS), /NOPASSWD: \/usr\/lib\/smartserver-firewall\/agent ""/);
    await setUp(device, '--remove');
    assert.deepEqual(await installed(), []);
    assert.equal(await device.exists(INSTALLED), false);
    assert.equal(
      (await device.run(['systemctl', 'is-enabled', '-q', 'smartserver-firewall.service'])).code !== 0,
      true,
    );
  });

  it('is in the ledger, and so is who asks through it; the system’s journal has each entry, field by field', async () => {
    await setUp(device);
    const { type, source, note } = (await ledgerOf(device)).slice(-1)[0] as Entry;
    assert.deepEqual([type, source.kind, /create .*\/agent/.test(note)], ['setup', 'console', true]);
    const from = async (claimed: object): Promise<Entry> => {
      const { call, ...rest } = JSON.parse(requestOf('toggleService', { action: 'toggle', reason: 'an\ninspection' }));
      const { stdout } = await askAgent(device, JSON.stringify({ ...rest, call: { ...call, source: claimed } }));
      assert.equal(JSON.parse(stdout).error, undefined, stdout);
      return (await ledgerOf(device)).slice(-1)[0] as Entry;
    };
    const flow = { kind: 'flow', flow: 'f1', flowName: 'Night', node: 'n1', name: 'close \u202E\nPRIORITY=0' };
    const entry = await from(flow);
    assert.deepEqual(entry.source, { ...flow, name: 'close ??PRIORITY=0' });
    // Who sits at a terminal is whom sudo knows.
    assert.deepEqual((await from({ kind: 'console', user: 'root', tty: '' })).source, {
      ...{ kind: 'console', user: 'apollo', tty: '' },
    });
    const { call } = JSON.parse(requestOf('toggleService', {}));
    const forged = JSON.stringify({ settings: {}, call: { ...call, source: { kind: 'timer' } } });
    assert.equal(JSON.parse((await askAgent(device, forged)).stdout).error.code, 'INVALID_INPUT');
    await until(async () => {
      const logged = await device.ok('journalctl', '-o', 'json', `FIREWALL_SEQ=${entry.seq}`);
      const [fields = {}] = logged
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      const expected = { FIREWALL_HASH: entry.hash, FIREWALL_REASON: 'an?inspection', PRIORITY: '5' };
      return Object.entries(expected).every(([name, value]) => fields[name] === value);
    });
  });

  it('lets its user send requests, and nothing else', async () => {
    await setUp(device);
    const { code, stdout } = await askAgent(device, requestOf('toggleService', { action: 'close' }));
    assert.equal(code, 0, stdout);
    assert.equal(JSON.parse(stdout).result.changed, true);
    for (const argv of [
      [AGENT, 'anything'],
      [COMMAND, 'status'],
      [`${INSTALLED}/smartserver-firewall`, 'undo'],
      ['ufw', 'status'],
      ['cat', '/etc/shadow'],
      [device.node, '-e', '1'],
    ]) {
      const refused = await device.runAs('apollo', ['sudo', '-n', ...argv]);
      assert.equal(refused.code, 1, argv.join(' '));
      assert.match(refused.stderr, /password is required/);
    }
    const other = await device.runAs('nobody', ['sudo', '-n', AGENT], { input: requestOf('read') });
    assert.equal(other.code, 1);
    await askAgent(device, requestOf('restore', { action: 'undo' }));
  });

  it('caches the compiled program, and ignores a cache that is damaged or of another Node.js', async () => {
    await setUp(device);
    const isTaken = `const vm = require('vm'), fs = require('fs'), file = '${INSTALLED}/program.js';
      const text = require('module').wrap(fs.readFileSync(file, 'utf8'));
      const script = new vm.Script(text, { filename: file, cachedData: fs.readFileSync('${CACHE}') });
      process.exit(script.cachedDataRejected ? 1 : 0);`;
    assert.equal((await device.run([device.node, '-e', isTaken])).code, 0);
    for (const damaged of ['', 'not what V8 wrote']) {
      await device.write(CACHE, damaged);
      assert.equal((await device.run([device.node, '-e', isTaken])).code, 1);
      const { code, stdout } = await askAgent(device, requestOf('read'));
      assert.equal(code, 0, stdout);
      assert.equal(JSON.parse(stdout).result.active, true);
    }
    assert.match(await setUp(device), /^write .*program.cache$/m);
    assert.equal((await device.run([device.node, '-e', isTaken])).code, 0);
  });

  it('passes nothing of its user’s environment to the program', async () => {
    await setUp(device);
    await device.write('/home/apollo/evil.js', "require('fs').writeFileSync('/run/evil', '')", 0o644);
    const env = { NODE_OPTIONS: '-r /home/apollo/evil.js', NODE_PATH: '/home/apollo' };
    for (const argv of [
      ['sudo', '-n', AGENT],
      ['sudo', '-nE', AGENT],
      ['sudo', '-n', 'NODE_OPTIONS=-r /home/apollo/evil.js', AGENT],
    ]) {
      await device.runAs('apollo', argv, { env, input: requestOf('read') });
      assert.equal(await device.exists('/run/evil'), false, argv.join(' '));
    }
  });

  it('refuses a Node.js that users other than root can modify, and installs nothing', async () => {
    await device.ok('install', '-o', 'apollo', '-m', '755', device.node, '/home/apollo/node');
    const { code, stderr } = await device.run(['/home/apollo/node', packaged(device), 'setup']);
    assert.equal(code, 1);
    assert.match(stderr, /^NOT_PERMITTED: \/home\/apollo\/node is writable by users other than root/);
    await device.ok('chown', 'root', '/home/apollo/node');
    const folder = await device.run(['/home/apollo/node', packaged(device), 'setup']);
    assert.match(folder.stderr, /^NOT_PERMITTED: \/home\/apollo is writable by users other than root/);
    assert.deepEqual(await installed(), []);
  });

  it('refuses an installation folder that users other than root can modify', async () => {
    await device.ok('install', '-d', '-o', 'apollo', INSTALLED);
    const { code, stderr } = await device.run([device.node, packaged(device), 'setup']);
    assert.equal(code, 1);
    assert.match(stderr, /^NOT_PERMITTED: \/usr\/lib\/smartserver-firewall is writable/);
    await device.ok('chown', 'root', INSTALLED);
  });

  it('refuses users that do not exist, and callers who are not root', async () => {
    for (const user of ['nobody-here', 'apollo ALL=(ALL) ALL', '#0', '%sudo', '', '-x']) {
      const { code, stderr } = await device.run([device.node, packaged(device), 'setup', `--user=${user}`]);
      assert.equal(code, 1, user);
      assert.match(stderr, /^INVALID_INPUT: user/);
    }
    const own = await device.runAs('apollo', [device.node, packaged(device), 'setup']);
    assert.equal(own.code, 1);
    assert.match(own.stderr, /^NOT_PERMITTED: .*Run it as root/);
    assert.deepEqual(await installed(), []);
  });

  it('repairs the web ports after a factory restore, if the vendor’s folder for hooks exists', async () => {
    await device.ok('mkdir', '-p', HOOKS);
    await device.write('/etc/environment', 'APOLLO_CONFD="/home/apollo/confd"\n');
    await setUp(device);
    const [hook] = (await device.ok('ls', HOOKS)).trim().split('\n');
    await askAgent(device, requestOf('changeWebPorts', { http: 1780, https: 1443 }));
    // What the vendor's restore does: it resets the rules, but not the site file.
    for (const rule of ['1443/tcp', '1780/tcp']) await device.ufw('delete', 'allow', rule);
    for (const rule of ['443', '443/tcp', '80', '80/tcp']) await device.ufw('allow', rule);
    const closed = await device.neighbour.probe([{ proto: 'tcp', port: 1443, family: 'ipv4' }]);
    assert.deepEqual(closed, ['filtered']);
    assert.equal((await device.run([`${HOOKS}/${hook}`, 'other'])).code, 0);
    assert.equal((await device.run([`${HOOKS}/${hook}`, 'factory'])).code, 0);
    assert.equal((await device.neighbour.fetch('https://192.0.2.1:1443/')).status, 200);
    await askAgent(device, requestOf('changeWebPorts', { http: 80, https: 443 }));
    await setUp(device, '--remove');
    assert.equal((await device.ok('ls', HOOKS)).trim(), '');
  });

  it('is requested, once, if the installed program is not that of the package', async () => {
    await setUp(device);
    const says = async () => {
      const engine = await Engine.start(device, {}, { uid: device.account.uid, gid: device.account.gid });
      await engine.resume();
      await engine.read();
      await engine.stop();
      return engine.said;
    };
    assert.deepEqual(await says(), []);
    const [program] = OWN as [string];
    await device.write(program, `${await device.read(program)}// as another version would have it\n`);
    const said = await says();
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /another version.*sudo npx smartserver-firewall setup/);
  });

  it('is what a user is told to run when sudo refuses', async () => {
    const before = await everything(device);
    const status = [device.node, packaged(device), 'status'];
    const { code, stderr } = await device.runAs('apollo', status);
    assert.equal(code, 1);
    assert.match(stderr, /^NOT_PERMITTED: sudo refused.*sudo npx smartserver-firewall setup/);
    await setUp(device);
    const allowed = await device.runAs('apollo', status);
    assert.match(allowed.stdout, /^Firewall: on now, on at the next boot$/m);
    assert.deepEqual(await everything(device), before);
  });
});
