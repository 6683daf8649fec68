/** Changes as a whole: the same twice, dry runs, inactive firewalls, other programs at the same time. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import { check } from '../../firewall/messages';
import { changeResult } from '../../firewall/results';
import { Device } from '../device/device';
import { Engine } from '../device/engine';
import { useDevice, useEngine, useShared } from '../device/suite';
import { assertReloadChangesNothing, everything, restore, UFW_FILES } from './stable';
import { untilLockIsAwaited } from './until';

describe('A change', () => {
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useEngine(device);

  afterEach(async () => {
    await assertReloadChangesNothing(device);
    await restore(device, factory);
  });

  it('reports what it did, in the shape the schema promises', async () => {
    const result = check(changeResult, await engine.toggleService({ action: 'close' }));
    assert.equal(result.changed, true);
    assert.deepEqual(
      result.removed.map(({ number, action, to, family }) => [number, action, to.port, family]),
      [
        [1, 'allow', '22', 'ipv4'],
        [24, 'allow', '22', 'ipv6'],
      ],
    );
    assert.deepEqual(result.files, ['/etc/ufw/user.rules', '/etc/ufw/user6.rules']);
    assert.equal(result.backup, result.id);
    assert.equal(await device.exists(`/var/lib/smartserver-firewall/backups/${result.id}.json`), true);
    assert.equal(result.state.inSync, true);
  });

  it('keeps owner and mode of the files, and its own files root’s alone', async () => {
    const before = await device.stat('/etc/ufw/user.rules');
    await engine.toggleService({ action: 'close' });
    const { mode, uid, gid } = await device.stat('/etc/ufw/user.rules');
    assert.deepEqual({ mode, uid, gid }, { mode: before.mode, uid: before.uid, gid: before.gid });
    const kept = '/var/lib/smartserver-firewall/backups';
    assert.equal((await device.stat(kept)).mode & 0o077, 0);
    for (const name of (await device.ok('ls', kept)).trim().split('\n'))
      assert.equal((await device.stat(`${kept}/${name}`)).mode & 0o077, 0);
  });

  it('that is asked for twice is made once: no file, no lock, no kernel write the second time', async () => {
    const requests = [
      () => engine.toggleService({ action: 'close' }),
      () => engine.toggleService({ service: 'bacnet', action: 'open', from: '10.1.2.3/8' }),
      () => engine.setProfile({ profile: 'lockdown' }),
      () => engine.setProfile({ profile: 'standard', optionalServices: 'open' }),
      () => engine.setProfile({ profile: 'enhanced' }),
    ];
    for (const request of requests) {
      assert.equal((await request()).changed, true);
      // Loading rules would zero their counters; taking ufw's lock would touch its file.
      await device.neighbour.probe([{ proto: 'tcp', port: 443, family: 'ipv4' }]);
      const traces = async () => ({
        stats: await Promise.all(
          [...UFW_FILES, '/run/ufw.lock', '/var/lib/smartserver-firewall/backups'].map((path) => device.stat(path)),
        ),
        counters: await device
          .ok('iptables-save', '-c', '-t', 'filter')
          .then((text) => text.replace(/^#.*\n/gm, '').replace(/^:.*\n/gm, '')),
      });
      const before = await traces();
      assert.match(before.counters, /\[[1-9]\d*:\d+\] -A ufw-user-input/);
      const again = await request();
      assert.equal(again.changed, false);
      assert.equal(again.backup, null);
      assert.deepEqual(again.files, []);
      assert.deepEqual(await traces(), before);
    }
  });

  it('in a dry run tells what it would do and does nothing', async () => {
    const before = await everything(device);
    const dry = await engine.setProfile({ profile: 'lockdown', dryRun: true });
    assert.equal(dry.changed, false);
    assert.equal(dry.dryRun, true);
    assert.ok(dry.removed.length > 10);
    assert.deepEqual(await everything(device), before);
    const real = await engine.setProfile({ profile: 'lockdown' });
    assert.deepEqual(real.removed, dry.removed);
    assert.deepEqual(real.files, dry.files);
  });

  it('toggles: what is open closes, what is closed opens', async () => {
    const states = [];
    for (let turn = 0; turn < 4; turn++) {
      const { state } = await engine.toggleService({});
      states.push(state.services.find(({ id }) => id === 'ssh')?.in);
    }
    assert.deepEqual(states, ['closed', 'open', 'closed', 'open']);
  });

  it('limits a service, and opens it again without limit', async () => {
    const limited = await engine.toggleService({ action: 'limit' });
    assert.equal(limited.state.services.find(({ id }) => id === 'ssh')?.in, 'partial');
    assert.equal(limited.state.rules[0]?.action, 'limit');
    const { state } = await engine.toggleService({ action: 'open' });
    assert.equal(state.profile.name, 'enhanced');
  });

  it('under lockdown keeps BACnet and LON as they were, and the way in for the management subnet only', async () => {
    await engine.toggleService({ service: 'bacnet', action: 'open', interface: 'eth1' });
    const guarded = await Engine.start(device, { managementFrom: '192.0.2.0/24' });
    const { state } = await guarded.setProfile({ profile: 'lockdown', onlyTighten: true });
    await guarded.stop();
    assert.equal(state.profile.name, 'lockdown');
    const service = (id: string) => state.services.find((one) => one.id === id);
    assert.deepEqual([service('https')?.in, service('https')?.sources], ['partial', ['192.0.2.0/24']]);
    assert.deepEqual([service('bacnet')?.in, service('bacnet')?.interfaces], ['partial', ['eth1']]);
    assert.equal(service('lon')?.in, 'open');
    const probes = (['eth0', 'eth1'] as const).map((on) => ({
      proto: 'tcp' as const,
      port: 443,
      family: 'ipv4' as const,
      interface: on,
    }));
    assert.deepEqual(await device.neighbour.probe(probes), ['in', 'filtered']);
  });

  it('under lockdown keeps the way out to the operator, whoever else uses that port', async () => {
    const policies = { incoming: 'deny', outgoing: 'deny' };
    for (const [managementTo, id] of [
      ['8883/tcp', 'remote-cms'],
      ['8884/tcp', null],
    ] as const) {
      const managed = await Engine.start(device, { managementTo });
      const { state } = await managed.setProfile({ profile: 'lockdown' });
      assert.equal(state.profile.name, 'lockdown');
      const { incoming, outgoing } = state.policies;
      assert.deepEqual({ incoming, outgoing }, policies);
      const ways = state.rules.filter(
        ({ direction, to }) => direction === 'out' && to.port === managementTo.slice(0, 4),
      );
      assert.ok(ways.length > 0 && ways.every(({ action, protocol }) => action === 'allow' && protocol === 'tcp'));
      if (id) assert.equal(state.services.find((one) => one.id === id)?.out, 'open');
      assert.equal((await managed.setProfile({ profile: 'lockdown' })).changed, false);
      await managed.stop();
      // To a device without that setting it is a rule of its own, and lockdown has none.
      const { removed } = await engine.setProfile({ profile: 'lockdown' });
      assert.deepEqual(
        removed.map(({ to }) => to.port),
        ways.map(({ to }) => to.port),
      );
    }
  });

  it('of a custom profile opens what it names, where it names it', async () => {
    const open = [
      { service: 'https', direction: 'in' },
      { service: 'ssh', direction: 'in', from: '192.0.2.0/24' },
      { service: '9300/tcp', direction: 'in', interface: 'eth1' },
      { service: 'dns', direction: 'out' },
      { service: '9400/tcp', direction: 'out' },
      { service: 'opcua', direction: 'out' },
    ];
    const own = await Engine.start(device, {
      customProfiles: [{ name: 'night', incoming: 'deny', outgoing: 'deny', open }],
    });
    const first = await own.setProfile({ profile: 'night' });
    assert.equal(first.state.profile.name, 'night');
    const out = first.state.rules.filter(({ direction, family }) => direction === 'out' && family === 'ipv4');
    for (const port of ['53', '9400', '55000'])
      assert.ok(
        out.some(({ to }) => to.port === port),
        port,
      );
    assert.equal((await own.setProfile({ profile: 'night' })).changed, false);
    await own.stop();
    const probe = (port: number, on: 'eth0' | 'eth1') => ({
      proto: 'tcp' as const,
      port,
      family: 'ipv4' as const,
      interface: on,
    });
    const answers = await device.neighbour.probe([
      probe(22, 'eth0'),
      probe(22, 'eth1'),
      probe(9300, 'eth0'),
      probe(9300, 'eth1'),
      probe(80, 'eth0'),
    ]);
    assert.deepEqual(answers, ['in', 'filtered', 'filtered', 'in', 'filtered']);
  });

  it('of a custom profile closes no port that it opens by another name', async () => {
    const profile = (name: string, service: string) => ({
      ...{ name, incoming: 'deny', outgoing: 'deny' },
      open: [{ service: 'https' }, { service, direction: 'out' }],
    });
    const customProfiles = [profile('by-name', 'mqtts'), profile('by-number', '8883/tcp')];
    const plant = { id: 'plant', label: 'Plant', ports: ['8883/tcp', '9500/tcp'], direction: 'out' };
    for (const { name } of customProfiles) {
      // A service that has one of its ports in common with what is opened is no more closed than that.
      for (const [customServices, differences] of [
        [[], []],
        [[plant], ['plant']],
      ] as const) {
        const own = await Engine.start(device, { customServices, customProfiles });
        const { state } = await own.setProfile({ profile: name });
        assert.ok(state.rules.some(({ direction, to }) => direction === 'out' && to.port === '8883'));
        assert.deepEqual(
          state.profile.differences.map(({ service }) => service),
          differences,
        );
        assert.equal((await own.setProfile({ profile: name })).changed, false);
        await own.stop();
      }
    }
  });

  it('leaves rules, comments, order and log flags of others as they are', async () => {
    await device.ufw(
      'insert',
      '3',
      'allow',
      'log',
      'from',
      '10.5.0.0/16',
      'to',
      'any',
      'port',
      '9100',
      'proto',
      'tcp',
      'comment',
      'Wetterstation',
    );
    await device.ufw('deny', '7777/udp', 'comment', 'nobody knows');
    const lines = async () =>
      (await device.read('/etc/ufw/user.rules')).split('\n').filter((line) => line.startsWith('### tuple'));
    const before = await lines();
    await engine.setProfile({ profile: 'standard' });
    assert.deepEqual(await lines(), before);
    await engine.toggleService({ action: 'close' });
    assert.deepEqual(await lines(), before.slice(1));
  });

  it('mends a kernel that somebody changed by hand, though the files need no change', async () => {
    await device.ok('iptables', '-I', 'ufw-user-input', '-p', 'tcp', '--dport', '9999', '-j', 'ACCEPT');
    const { changed, files, state } = await engine.setProfile({ profile: 'enhanced' });
    assert.deepEqual({ changed, files, inSync: state.inSync }, { changed: true, files: [], inSync: true });
  });

  it('mends what somebody changed in the kernel by hand, also in a change of other rules', async () => {
    await device.ok('iptables', '-D', 'ufw-user-input', '1');
    await device.ok('iptables', '-I', 'ufw-user-input', '3', '-p', 'tcp', '--dport', '9999', '-j', 'ACCEPT');
    await device.ok('ip6tables', '-P', 'INPUT', 'ACCEPT');
    const { changed, state } = await engine.toggleService({ service: 'bacnet', action: 'open' });
    assert.deepEqual({ changed, inSync: state.inSync }, { changed: true, inSync: true });
  });

  it('mends what somebody changes in the kernel by hand while it waits for ufw’s lock', async () => {
    const hold =
      "import fcntl, sys; f = open('/run/ufw.lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True)";
    const holder = await device.spawn(['python3', '-c', `${hold}; sys.stdin.read()`]);
    await holder.until(/^1$/m);
    const change = engine.toggleService({ action: 'close' });
    // The change has looked at the kernel before it asks for the lock.
    await untilLockIsAwaited(device);
    await device.ok('iptables', '-D', 'ufw-user-input', '2');
    await device.ok('ip6tables', '-I', 'ufw6-user-input', '-p', 'tcp', '--dport', '9999', '-j', 'ACCEPT');
    holder.endInput();
    const { changed, state } = await change;
    assert.deepEqual({ changed, inSync: state.inSync }, { changed: true, inSync: true });
  });

  it('brings up a firewall whose chains were flushed', async () => {
    await device.ok('iptables', '-F');
    await device.ok('ip6tables', '-F');
    const { state } = await engine.toggleService({ action: 'close' });
    assert.deepEqual({ active: state.active, inSync: state.inSync }, { active: true, inSync: true });
  });

  it('turns an inactive firewall on with the rules in place before the first packet is filtered', async () => {
    for (const reset of [['disable'], ['--force', 'reset']]) {
      await device.ufw(...reset);
      const probe = await device.neighbour.monitor({ proto: 'tcp', port: 443, family: 'ipv4' });
      const { state, warnings } = await engine.setProfile({ profile: 'enhanced' });
      const { silent, answered } = await probe.stop();
      assert.equal(silent, 0, `${silent} of ${silent + answered} connections to an open port were dropped`);
      assert.deepEqual(
        [state.active, state.enabledAtBoot, state.inSync, state.profile.name],
        [true, true, true, 'enhanced'],
      );
      assert.deepEqual(warnings, ['The firewall was off and is now on, and will be on after the next boot.']);
      await assertReloadChangesNothing(device);
    }
  });

  it('turns a firewall that leaves IPv6 to nobody on and off as ufw does, IPv6 with it', async () => {
    const bare = await Device.open({ ipv6: false });
    const there = await Engine.start(bare);
    const on = await bare.save('ipv6');
    await bare.ufw('disable');
    const off = await bare.save('ipv6');
    await bare.ok('ip6tables', '-I', 'INPUT', '-p', 'tcp', '--dport', '9999', '-j', 'ACCEPT');
    const { state } = await there.setProfile({ profile: 'enhanced' });
    assert.deepEqual([state.active, state.inSync], [true, true]);
    assert.equal(await bare.save('ipv6'), on);
    await assertReloadChangesNothing(bare);
    const undone = await there.restore({ action: 'undo' });
    assert.equal(undone.state.active, false);
    assert.equal(await bare.save('ipv6'), off);
    await there.stop();
    await bare.close();
  });

  it('of one service on an inactive firewall is stored and says that nothing is filtered', async () => {
    await device.ufw('disable');
    const { changed, warnings, state } = await engine.toggleService({ action: 'close' });
    assert.deepEqual([changed, state.active], [true, false]);
    assert.deepEqual(warnings, ['The firewall is off: the rules are stored, but nothing is filtered.']);
    await device.ufw('--force', 'enable');
    assert.equal((await engine.read()).services.find(({ id }) => id === 'ssh')?.in, 'closed');
  });

  it('survives 20 ufw commands at once, and loses none that ufw alone would have kept', async () => {
    const ports = Array.from({ length: 20 }, (_, index) => 20001 + index);
    const foreign = ports.map((port) => device.ufw('allow', `${port + 1000}/tcp`));
    const ours = ports.map((port) => engine.toggleService({ service: `${port}/tcp`, action: 'open' }));
    await Promise.all([...foreign, ...ours]);
    const text = await device.read('/etc/ufw/user.rules');
    for (const port of ports) assert.ok(text.includes(` tcp ${port} `), `our rule for ${port} is there`);
    // ufw alone keeps the last writer's rule at least; it loses the others to its own stale reads.
    assert.ok(
      ports.some((port) => text.includes(` tcp ${port + 1000} `)),
      'ufw’s last rule is there',
    );
    assert.equal((await engine.read()).inSync, true);
  });

  it('keeps what a slow series of ufw commands adds meanwhile', async () => {
    const ports = Array.from({ length: 8 }, (_, index) => 21001 + index);
    const series = (async () => {
      for (const port of ports) await device.ufw('allow', `${port}/tcp`);
    })();
    let turns = 0;
    let finished = false;
    void series.then(() => {
      finished = true;
    });
    while (!finished) {
      await engine.toggleService({ action: turns++ % 2 === 0 ? 'close' : 'open' });
    }
    await series;
    const last = await engine.toggleService({ action: 'close' });
    assert.equal(last.state.services.find(({ id }) => id === 'ssh')?.in, 'closed');
    const text = await device.read('/etc/ufw/user.rules');
    for (const port of ports)
      assert.ok(text.includes(` tcp ${port} `), `ufw’s rule for ${port} is there after ${turns} changes of ours`);
  });
});
