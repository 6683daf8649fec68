/** Learning who talks on a device with systemd, by an unprivileged Node-RED's requests: over boots, power cuts and full disks. */
import { strict as assert } from 'node:assert';
import { afterEach, before, beforeEach, it } from 'mocha';
import type { LearnResult, State } from '../../firewall/results';
import { Building, type Talk } from '../device/building';
import { Engine } from '../device/engine';
import { useShared } from '../device/suite';
import { makeClock } from '../device/systemd/clock';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything } from '../firewall/stable';
import { until } from '../firewall/until';
import { askAgent, COMMAND, requestOf, setUp } from './as-apollo';

const FILE = '/var/lib/smartserver-firewall/peers.json';
const SEEN = '/run/smartserver-firewall-peers/seen';
const UNIT = 'smartserver-firewall-peers';
/** Of each test its own: the kernel remembers for a while who talked in the one before. */
const PEERS = ['192.0.2.11', '2001:db8:1::11', ...[21, 22, 23, 31, 41, 51, 52].map((host) => `192.0.2.${host}`)];
/** A kernel without the file, for a program of Node.js: no mount can hide what each process has of its own. */
const NO_LIST = `
const files = require('fs');
const { accessSync } = files;
files.accessSync = (path, ...rest) => {
  if (path === '/proc/net/nf_conntrack') throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
  return accessSync(path, ...rest);
};
`;
const lon = (peer: string): Talk => ({ direction: 'in', peer, proto: 'udp', port: 1628, from: 1628 });

describeAsRoot('Learning who talks', function () {
  this.timeout(240_000);
  const device = useSystemdDevice();
  const building = useShared(() => Building.around(device, PEERS));
  before(() => setUp(device));

  const ask = async <Result = LearnResult>(method: string, request: unknown): Promise<Result> => {
    const { stdout, stderr } = await askAgent(device, requestOf(method, request));
    const { result, error } = JSON.parse(stdout || '{}') as { result?: Result; error?: { message: string } };
    assert.ok(result, `${error?.message} ${stderr}`);
    return result;
  };
  const refusal = async (request: unknown): Promise<string> => {
    const { stdout } = await askAgent(device, requestOf('learn', request));
    return (JSON.parse(stdout) as { error?: { message: string } }).error?.message ?? 'none';
  };
  const learn = (action: string, duration?: unknown) => ask('learn', { action, duration });
  const isRunning = async () => (await device.run(['systemctl', 'is-active', '--quiet', UNIT])).code === 0;
  const addresses = ({ services }: LearnResult) => (services.lon?.peers ?? []).map(({ address }) => address).sort();
  /** By itself, at one of the next looks. */
  const isSeen = (peer: string) => until(async () => addresses(await learn('read')).includes(peer));
  const inFile = async () => (await device.exists(FILE)) && (await device.read(FILE));

  afterEach(() => device.run(['umount', '/var/lib/smartserver-firewall']));
  beforeEach(async () => {
    await learn('stop');
    await learn('forget');
  });

  it('begins, finds who talks without Node-RED, ends and keeps it, and forgets it', async () => {
    const firewall = await everything(device);
    assert.equal((await learn('read')).learning, null);
    assert.equal((await ask<State>('read', {})).peers, null);
    const begun = await learn('start', '14 d');
    assert.equal(begun.changed, true);
    assert.deepEqual([begun.learning?.on, begun.learning?.looking], [true, true]);
    await building.talk([lon('192.0.2.11'), lon('2001:db8:1::11')]);
    await isSeen('192.0.2.11');
    const { peers, learning } = await ask<State>('read', {});
    assert.deepEqual((peers?.lon ?? []).map(({ address }) => address).sort(), ['192.0.2.11', '2001:db8:1::11']);
    assert.equal(learning?.on, true);
    const ended = await learn('stop');
    assert.deepEqual([ended.changed, ended.learning?.on], [true, false]);
    assert.equal(await isRunning(), false);
    assert.deepEqual(addresses(await learn('read')), ['192.0.2.11', '2001:db8:1::11']);
    assert.equal((await learn('stop')).changed, false);
    const forgotten = await learn('forget');
    assert.deepEqual([forgotten.changed, forgotten.learning, forgotten.services], [true, null, {}]);
    assert.equal((await learn('forget')).changed, false);
    // No part of the firewall was touched for it.
    assert.deepEqual(await everything(device), firewall);
  });

  it('without an end is begun once, and with one is prolonged', async () => {
    assert.equal((await learn('start')).changed, true);
    const written = await device.stat(FILE);
    assert.equal((await learn('start', 0)).changed, false);
    assert.equal((await device.stat(FILE)).ino, written.ino);
    const prolonged = await learn('start', 3600);
    assert.equal(prolonged.changed, true);
    assert.ok(Date.parse(prolonged.learning?.until ?? '') > 0);
    assert.equal((await learn('forget')).learning?.on, true, 'it begins anew');
    assert.equal(await isRunning(), true);
  });

  it('goes on after a boot and a power cut, with what was kept, and counts nothing twice', async () => {
    await learn('start', '2 d');
    await building.talk([lon('192.0.2.21'), lon('192.0.2.22')]);
    await isSeen('192.0.2.22');
    await device.ok(COMMAND, 'keep-peers');
    const counts = ({ services }: LearnResult) =>
      (services.lon?.peers ?? [])
        .filter(({ address }) => address.startsWith('192.0.2.2'))
        .map(({ address, count }) => `${address} ${count}`);
    const known = counts(await learn('read'));
    for (const how of ['in order', 'by a power cut']) {
      if (how === 'in order') await device.reboot();
      else {
        await device.powerCut();
        await device.boot();
      }
      assert.equal(await isRunning(), true, how);
      const after = await learn('read');
      assert.deepEqual(counts(after), known, how);
      assert.equal(after.learning?.on, true);
    }
    await building.talk([lon('192.0.2.23')]);
    await isSeen('192.0.2.23');
    assert.deepEqual(counts(await learn('read')).sort(), ['192.0.2.21 1', '192.0.2.22 1', '192.0.2.23 1']);
  });

  it('ends by itself, and keeps what was seen last', async () => {
    await learn('start', 1);
    await building.talk([lon('192.0.2.11')]);
    await until(async () => !(await isRunning()));
    const { learning, services } = await learn('read');
    assert.equal(learning?.on, false);
    assert.ok(services.lon === undefined || services.lon.peers.length > 0);
    assert.match(String(await inFile()), /"learning": null/);
  });

  it('on a full disk says that it could not be kept, goes on looking, and keeps it later', async () => {
    await learn('start');
    await building.talk([lon('192.0.2.31')]);
    await isSeen('192.0.2.31');
    const before = await inFile();
    await device.ok('sh', '-c', 'cd /var/lib/smartserver-firewall && mkdir -p /run/kept && cp -a . /run/kept');
    await device.ok('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', '/var/lib/smartserver-firewall');
    await device.ok(
      'sh',
      '-c',
      `cp /run/kept/peers.json ${FILE}; cat /dev/zero >/var/lib/smartserver-firewall/full || true`,
    );
    const kept = await device.run([COMMAND, 'keep-peers']);
    assert.equal(kept.code, 1);
    assert.match(kept.stderr, /^INTERNAL: .*ENOSPC/);
    assert.equal(await inFile(), before, 'not half');
    assert.match(await refusal({ action: 'stop' }), /^INTERNAL: .*ENOSPC/);
    assert.equal(await isRunning(), true);
    assert.ok(addresses(await learn('read')).includes('192.0.2.31'));
    await device.ok('rm', '/var/lib/smartserver-firewall/full');
    await device.ok(COMMAND, 'keep-peers');
    assert.match(String(await inFile()), /192\.0\.2\.31/);
  });

  it('sets a damaged file aside, once, and learns anew', async () => {
    await learn('start');
    await building.talk([lon('192.0.2.41')]);
    await isSeen('192.0.2.41');
    await device.ok(COMMAND, 'keep-peers');
    await device.ok('systemctl', 'stop', UNIT);
    await device.ok('sh', '-c', `truncate -s 100 ${FILE}`);
    const damaged = await ask<State>('read', {});
    assert.equal(damaged.peers, null);
    assert.match(damaged.leftovers.join(), /peers\.json cannot be understood/);
    const { warnings, learning } = await learn('start');
    assert.match(warnings.join(), /peers\.json cannot be understood .* set aside as/);
    assert.equal(learning?.on, true);
    assert.deepEqual((await ask<State>('read', {})).leftovers, []);
    // What was seen since the boot is there still.
    assert.ok(addresses(await learn('read')).includes('192.0.2.41'));
    assert.deepEqual((await learn('start')).warnings, []);
  });

  it('counts on and stays on when the clock jumps a year ahead, back to 1970, and back again', async () => {
    const clock = await makeClock(device);
    const engine = await Engine.start(device, {}, { env: clock.env });
    await engine.learn({ action: 'start', duration: '2 d' });
    await building.talk([lon('192.0.2.51')]);
    await isSeen('192.0.2.51');
    const keep = () =>
      device.ok('env', ...Object.entries(clock.env).map(([name, value]) => `${name}=${value}`), COMMAND, 'keep-peers');
    const year = 365 * 86_400;
    for (const jump of [year, -Math.floor(Date.now() / 1000) + 60, 0]) {
      await clock.set(jump);
      await keep();
      const { learning, services } = await engine.learn({ action: 'read' });
      const [one, ...more] = (services.lon?.peers ?? []).filter(({ address }) => address === '192.0.2.51');
      assert.deepEqual(
        [learning?.on, learning?.looking, one?.count, one?.days, more],
        [true, true, 1, 1, []],
        `${jump}`,
      );
      // When it was, by the clock as it is: it was a moment ago, whatever that clock says.
      const now = Date.now() + jump * 1000;
      const ago = now - Date.parse(one?.lastSeen ?? '');
      assert.ok(ago < 600_000 && ago > -600_000, `${jump}: ${one?.lastSeen}`);
      assert.ok(Number(learning?.days) < 1, 'no year was learned');
      assert.equal(
        (await engine.read()).findings.some(({ id }) => id === 'open-idle'),
        false,
        'nobody counts as gone because of a clock',
      );
    }
    await building.talk([lon('192.0.2.52')]);
    await isSeen('192.0.2.52');
    assert.equal(await isRunning(), true);
    await engine.stop();
  });

  it('is refused where the kernel has no list of its connections, and changes nothing', async () => {
    await device.write('/run/no-list.js', NO_LIST);
    const engine = await Engine.start(device, {}, { env: { NODE_OPTIONS: '--require /run/no-list.js' } });
    await assert.rejects(engine.learn({ action: 'start' }), {
      code: 'NO_TRACKING',
      message: /the kernel has no \/proc\/net\/nf_conntrack\. Nothing was changed\./,
    });
    assert.equal((await engine.learn({ action: 'read' })).learning, null);
    assert.equal(await isRunning(), false);
    await engine.stop();
  });

  it('refuses what is no request, and changes nothing', async () => {
    const cases: [request: unknown, said: RegExp][] = [
      [{ action: 'apply' }, /^INVALID_INPUT: \S*action: /],
      [{ action: 7 }, /^INVALID_INPUT: \S*action: /],
      [{ action: 'toggle' }, /^INVALID_INPUT: \S*action: /],
      [{ action: 'start', duration: -1 }, /^INVALID_INPUT: \S*duration: /],
      [{ action: 'start', duration: 'for ever' }, /^INVALID_INPUT: \S*duration: /],
      [{ action: 'start', duration: 1.5 }, /^INVALID_INPUT: \S*duration: /],
      [{ action: 'start', duration: '4000 d' }, /^INVALID_INPUT: \S*duration: /],
      [{ action: 'start', peers: ['0.0.0.0/0'] }, /^INVALID_INPUT: .*peers/],
      [{ action: ['start'] }, /^INVALID_INPUT: \S*action: /],
    ];
    for (const [request, said] of cases) assert.match(await refusal(request), said);
    assert.equal(await isRunning(), false);
    assert.equal((await learn('read')).learning, null);
  });

  it('is ended by the removal of what setup has installed, and what was learned stays', async () => {
    await learn('start');
    await device.ok(COMMAND, 'setup', '--remove');
    assert.equal(await isRunning(), false);
    assert.equal(await device.exists(SEEN), true);
    assert.equal(await device.exists(FILE), true);
    await setUp(device);
  });
});
