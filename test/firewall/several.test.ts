/** Several services in one request are one change: one transaction, one backup, and a temporary opening or closing of each. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import type { Openness } from '../../firewall/results';
import { probeServices } from '../device/probe-services';
import { useDevice, useFreshEngine, useShared } from '../device/suite';
import { everything, reset } from './stable';

describe('A list of services', function () {
  this.timeout(120_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useFreshEngine(device);
  afterEach(() => reset(device, factory));

  /** How far these services are open, as the engine and the neighbour's probes agree. */
  async function openness(...ids: string[]): Promise<Openness[]> {
    const { services } = await engine.read();
    const asked = ids.map((id) => services.find((one) => one.id === id) ?? assert.fail(id));
    for (const { service, in: found } of await probeServices(device, asked))
      assert.equal(found, service.in, service.id);
    return asked.map((one) => one.in);
  }

  it('is closed and opened in one change with one backup, each service once, and all named', async () => {
    const closed = await engine.toggleService({
      service: ['ssh', ' MQTT ', 'SSH remote shell', '22/tcp'],
      action: false,
    });
    assert.equal(closed.action, 'toggle-service close ssh, mqtt, 22/tcp');
    assert.deepEqual(await openness('ssh', 'mqtt', 'https'), ['closed', 'closed', 'open']);
    assert.deepEqual(
      (await engine.backups()).map(({ action }) => action),
      [closed.action],
    );
    assert.equal((await engine.toggleService({ service: ['mqtt', 'ssh'], action: 'close' })).changed, false);
    const opened = await engine.toggleService({ service: ['ssh', 'mqtt', 'opcua'], action: 'on' });
    assert.deepEqual([opened.changed, opened.stillOpen], [true, []]);
    assert.deepEqual(await openness('ssh', 'mqtt', 'opcua'), ['open', 'open', 'open']);
    await engine.restore({ action: 'undo' });
    assert.deepEqual(await openness('ssh', 'mqtt', 'opcua'), ['closed', 'closed', 'closed']);
  });

  it('is toggled one by one, by what each was before', async () => {
    await engine.toggleService({ service: 'mqtt', action: 'close' });
    const { state } = await engine.toggleService({ service: ['ssh', 'mqtt', '22/tcp'], action: 'toggle' });
    const found = ['ssh', 'mqtt'].map((id) => state.services.find((one) => one.id === id)?.in);
    assert.deepEqual(found, ['closed', 'open']);
  });

  it('has a temporary change for each, all of which end', async () => {
    const before = await openness('ssh', 'mqtt', 'opcua');
    const { state } = await engine.toggleService({
      service: ['ssh', 'mqtt', 'opcua'],
      action: 'toggle',
      duration: '10 min',
    });
    assert.deepEqual(
      state.leases.map(({ service }) => service),
      ['ssh', 'mqtt', 'opcua'],
    );
    assert.equal(new Set(state.leases.map(({ until }) => until)).size, 1);
    assert.notDeepEqual(await openness('ssh', 'mqtt', 'opcua'), before);
    await engine.clock.advance(601);
    await engine.read();
    assert.deepEqual(await openness('ssh', 'mqtt', 'opcua'), before);
    assert.deepEqual((await engine.read()).leases, []);
  });

  it('of which one is decided for good later leaves the others to their end', async () => {
    const [before] = await openness('mqtt');
    await engine.toggleService({ service: ['ssh', 'mqtt'], action: 'close', duration: 600 });
    const { state } = await engine.toggleService({ service: 'ssh', action: 'close' });
    assert.deepEqual(
      state.leases.map(({ service }) => service),
      ['mqtt'],
    );
    await engine.clock.advance(601);
    assert.deepEqual(await openness('ssh', 'mqtt'), ['closed', before]);
  });

  it('is refused as a whole, and changes nothing, where one of them is', async () => {
    const before = await everything(device);
    const refused: [object, string, RegExp][] = [
      [{ service: ['ssh', 'nowhere'] }, 'UNKNOWN_SERVICE', /nowhere/],
      [{ service: ['ssh', 'dhcp'] }, 'INVALID_INPUT', /^INVALID_INPUT: service: /],
      [{ service: ['ssh', 'https'] }, 'LOCKOUT', /./],
      [{ service: ['mqtt', 'opcua'], systemService: true }, 'INVALID_INPUT', /systemService: .*mqtt, opcua/],
      [{ service: [] }, 'INVALID_INPUT', /^INVALID_INPUT: service: /],
      [{ service: Array(51).fill('ssh') }, 'INVALID_INPUT', /^INVALID_INPUT: service: /],
    ];
    for (const [request, code, message] of refused) {
      await assert.rejects(engine.toggleService({ ...request, action: 'close' }), { code, message });
    }
    assert.deepEqual(await everything(device), before);
  });

  it('of fifty ports is one change, also for a time', async () => {
    const service = Array.from({ length: 50 }, (_, at) => 30_000 + at);
    const { added, state } = await engine.toggleService({ service, action: 'open', duration: '1 h' });
    assert.deepEqual([added.length, state.leases.length], [100, 50]);
    const undone = await engine.restore({ action: 'undo' });
    assert.deepEqual([undone.removed.length, undone.state.leases], [100, []]);
  });
});
