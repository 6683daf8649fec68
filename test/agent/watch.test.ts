/** A watch by an ordinary user, on a device with systemd: what root did without it, and the log it may or may not read. */
import { strict as assert } from 'node:assert';
import { afterEach, before, beforeEach, it } from 'mocha';
import type { ChangeResult, WatchEvent } from '../../firewall/results';
import { Engine } from '../device/engine';
import { useShared } from '../device/suite';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything, reset, STATE } from '../firewall/stable';
import { until } from '../firewall/until';
import { tcp } from '../firewall/watch/log-lines';
import { askAgent, COMMAND, requestOf, setUp } from './as-apollo';

/** On the search path of the engine before the real one. */
const STAND_IN = '/usr/sbin/journalctl';

describeAsRoot('A watch by an ordinary user', function () {
  this.timeout(240_000);
  const device = useSystemdDevice();
  let engine: Engine;

  before(() => setUp(device));
  const factory = useShared(() => everything(device));
  beforeEach(() => reset(device, factory));
  afterEach(() => engine?.stop());

  const begin = async (options: unknown = {}, gid: number = device.account.gid): Promise<void> => {
    engine = await Engine.start(device, {}, { uid: device.account.uid, gid });
    await engine.watch(options);
    await until(async () => engine.readings > 0);
  };
  const told = (topic: WatchEvent['topic']): WatchEvent[] => engine.events.filter((event) => event.topic === topic);
  const becomes = (topic: WatchEvent['topic'], count = 1) => until(async () => told(topic).length === count);
  const ask = async (method: string, request: unknown = {}): Promise<ChangeResult> =>
    JSON.parse((await askAgent(device, requestOf(method, request))).stdout).result;

  it('tells what root, the command line and systemd do, though it may not look into their folder', async () => {
    await begin();
    assert.deepEqual(engine.troubles, []);
    await device.ufw('allow', '9100/tcp');
    await becomes('changed');
    await ask('toggleService', { service: '9200/tcp', action: 'open', confirmWithin: 600 });
    await becomes('pending');
    assert.equal((await device.stat(STATE)).mode, 0o700);
    const { readings } = engine;
    // Nothing but a file in that folder changes.
    await device.ok(COMMAND, 'confirm');
    await until(async () => engine.readings > readings);
    await device.ok(COMMAND, 'undo');
    await becomes('changed', 3);
    assert.deepEqual(
      told('changed').map(({ payload }) => 'who' in payload && payload.who),
      ['other', 'self', 'self'],
    );
    await ask('toggleService', { service: '9200/tcp', action: 'open', duration: 1 });
    await becomes('lease-ended');
    await ask('toggleService', { service: '9200/tcp', action: 'open', confirmWithin: 1 });
    await becomes('reverted');
  });

  it('tells after a boot what went back before it began', async () => {
    await begin();
    const { id } = await ask('toggleService', { service: '9100/tcp', action: 'open', confirmWithin: 600 });
    await becomes('pending');
    await engine.stop();
    await device.reboot();
    await begin();
    await becomes('reverted');
    assert.equal((told('reverted')[0] as { payload: { id: string } }).payload.id, id);
    assert.equal(told('pending').length, 0);
  });

  it('says which right it lacks to be told of blocked packets, by the journal or a file', async () => {
    await begin({ topics: ['blocked'] });
    const says = (pattern: RegExp) => until(async () => pattern.test(engine.troubles.slice(-1)[0] ?? ''));
    await says(/^NOT_PERMITTED: .*the journal.*sudo usermod -aG systemd-journal apollo/);
    await engine.stop();
    try {
      await device.ok('install', '-m', '640', '-g', 'adm', '/dev/null', '/var/log/ufw.log');
      await begin({ topics: ['blocked'] });
      await says(/^NOT_PERMITTED: .*\/var\/log\/ufw\.log.*sudo usermod -aG adm apollo/);
    } finally {
      await device.remove('/var/log/ufw.log');
    }
  });

  it('is told by the journal, again when journalctl has died, and leaves none of them behind', async () => {
    const [, , gid] = (await device.ok('getent', 'group', 'systemd-journal')).split(':');
    const logged = (port: number) => device.ok('systemd-cat', '-t', 'kernel', 'echo', tcp('203.0.113.9', port));
    // The kernel says nothing in a container. The journal and journalctl are real; only that a line is the kernel's is
    // told by the name of who wrote it, instead of the way it came.
    const standIn = `#!/bin/sh\nshift\nexec /usr/bin/journalctl SYSLOG_IDENTIFIER=kernel "$@"\n`;
    const followers = async () =>
      (await device.run(['pgrep', '-u', 'apollo', '-f', 'journalctl.*--follow'])).stdout.split('\n').filter(Boolean);
    try {
      await device.write(STAND_IN, standIn, 0o755);
      await logged(20);
      await begin({ topics: ['blocked'], blockedEvery: 3600 }, Number(gid));
      await until(async () => (await followers()).length === 1);
      // From when on it hears is not told, so it is tried until it does.
      let port = 1000;
      const isHeard = (from: number) =>
        until(async () => (await logged(port++)) === '' && told('blocked').length > from);
      await isHeard(0);
      assert.deepEqual(engine.troubles, []);
      const [pid] = await followers();
      await device.ok('kill', '-KILL', String(pid));
      await until(async () => (await followers()).some((other) => other !== pid));
      await isHeard(told('blocked').length);
      await engine.unwatch();
      await until(async () => (await followers()).length === 0);
    } finally {
      await device.remove(STAND_IN);
    }
  });
});
