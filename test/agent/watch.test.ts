/** A watch by an unprivileged user, on a device with systemd: what root did without it, and the log it may or may not read. */
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

/** On the engine's search path before the real one. */
const STAND_IN = '/usr/sbin/journalctl';

describeAsRoot('A watch by an unprivileged user', function () {
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
  const eventsOf = (topic: WatchEvent['topic']): WatchEvent[] => engine.events.filter((event) => event.topic === topic);
  const becomes = (topic: WatchEvent['topic'], count = 1) => until(async () => eventsOf(topic).length === count);
  const ask = async (method: string, request: unknown = {}): Promise<ChangeResult> =>
    JSON.parse((await askAgent(device, requestOf(method, request))).stdout).result;

  it('reports what root, the command line and systemd do, though it may not read their folder', async () => {
    await begin();
    assert.deepEqual(engine.troubles, []);
    await device.ufw('allow', '9100/tcp');
    await becomes('changed');
    await ask('toggleService', { service: '9200/tcp', action: 'open', confirmWithin: 600 });
    await becomes('pending');
    assert.equal((await device.stat(STATE)).mode, 0o700);
    const { readings } = engine;
    // Only a file in that folder changes.
    await device.ok(COMMAND, 'confirm');
    await until(async () => engine.readings > readings);
    await device.ok(COMMAND, 'undo');
    await becomes('changed', 3);
    assert.deepEqual(
      eventsOf('changed').map(({ payload }) => 'who' in payload && payload.who),
      ['other', 'self', 'self'],
    );
    await ask('toggleService', { service: '9200/tcp', action: 'open', duration: 1 });
    await becomes('lease-ended');
    await ask('toggleService', { service: '9200/tcp', action: 'open', confirmWithin: 1 });
    await becomes('reverted');
  });

  it('reports after a boot what was reverted before it started', async () => {
    await begin();
    const { id } = await ask('toggleService', { service: '9100/tcp', action: 'open', confirmWithin: 600 });
    await becomes('pending');
    await engine.stop();
    await device.reboot();
    await begin();
    await becomes('reverted');
    assert.equal((eventsOf('reverted')[0] as { payload: { id: string } }).payload.id, id);
    assert.equal(eventsOf('pending').length, 0);
  });

  it('says which permission it lacks to report blocked packets, for the journal or a file', async () => {
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

  it('reads the journal, again after journalctl has died, and leaves no journalctl behind', async () => {
    const [, , gid] = (await device.ok('getent', 'group', 'systemd-journal')).split(':');
    const logged = (port: number) => device.ok('systemd-cat', '-t', 'kernel', 'echo', tcp('203.0.113.9', port));
    // The kernel logs nothing in a container. The journal and journalctl are real; only the origin of a line is identified by
    // the name of its writer, instead of by the way it reached the journal.
    const standIn = `#!/bin/sh\nshift\nexec /usr/bin/journalctl SYSLOG_IDENTIFIER=kernel "$@"\n`;
    const followers = async () =>
      (await device.run(['pgrep', '-u', 'apollo', '-f', 'journalctl.*--follow'])).stdout.split('\n').filter(Boolean);
    try {
      await device.write(STAND_IN, standIn, 0o755);
      await logged(20);
      await begin({ topics: ['blocked'], blockedEvery: 3600 }, Number(gid));
      await until(async () => (await followers()).length === 1);
      // It does not signal when it starts to listen, so this is repeated until it does.
      let port = 1000;
      const isHeard = (from: number) =>
        until(async () => (await logged(port++)) === '' && eventsOf('blocked').length > from);
      await isHeard(0);
      assert.deepEqual(engine.troubles, []);
      const [pid] = await followers();
      await device.ok('kill', '-KILL', String(pid));
      await until(async () => (await followers()).some((other) => other !== pid));
      await isHeard(eventsOf('blocked').length);
      await engine.unwatch();
      await until(async () => (await followers()).length === 0);
    } finally {
      await device.remove(STAND_IN);
    }
  });
});
