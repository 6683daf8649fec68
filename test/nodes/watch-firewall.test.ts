import assert from 'node:assert/strict';
import { once } from 'node:events';
import { FirewallError, say } from '../../firewall/errors';
import { type WatchEvent, watchEvent } from '../../firewall/results';
import { arrivals, type Caught, deploy, devices, nodeOf, start, stop, watchStatus } from './bench';
import type { FakeFirewall } from './fake-firewall';

const WATCH = { id: 'watch', type: 'watch-firewall' };
const EVERY = watchEvent.options.map(({ shape }) => shape.topic.value);

describe('watch-firewall', () => {
  afterEach(stop);

  const device = (): FakeFirewall => {
    const [found] = devices;
    assert.ok(found);
    return found;
  };
  /** The node's own watch; the sidebar watches too, for no topic. */
  const watchers = () => devices[0]?.watches ?? [];
  const lease = { topic: 'lease-ended', payload: { service: 'ssh', at: '2026-01-01T00:00:00.000Z' } } as const;

  it('with nothing configured watches for everything but blocked packets', async () => {
    await start([WATCH]);
    const [{ asked } = assert.fail()] = watchers();
    assert.deepEqual([...asked.topics].sort(), EVERY.filter((topic) => topic !== 'blocked').sort());
    assert.equal(asked.blockedEvery, 60);
  });

  it('watches for the selected topics, at the interval of the form', async () => {
    const off = { changes: false, drift: false, webPorts: false, pending: false, reverted: false, leaseEnded: false };
    await start([{ ...WATCH, ...off, blocked: true, blockedEvery: '5' }]);
    const [{ asked } = assert.fail()] = watchers();
    assert.deepEqual(asked, { topics: ['blocked'], blockedEvery: 5 });
  });

  it('sends topic and payload of each event, and shows the last one', async () => {
    await start([WATCH]);
    const statuses = watchStatus('watch');
    const sent = once(arrivals, 'out');
    device().notify(lease);
    const [{ topic, payload }] = await sent;
    assert.deepEqual({ topic, payload }, lease);
    await new Promise(setImmediate);
    assert.deepEqual(statuses, [{ fill: 'grey', shape: 'dot', text: 'status.leaseEnded' }]);
  });

  it('has a text for each event that it shows', async () => {
    await start([{ ...WATCH, blocked: true }]);
    const statuses = watchStatus('watch');
    const rules = { added: [], removed: [], policies: {}, enabled: null, logging: null };
    const change = { ...rules, who: 'other', id: null, action: null, reason: null } as const;
    const waiting = { id: '1', action: 'set-profile lockdown' };
    const none = { source: null, destination: null, port: null, protocol: null, direction: null, interface: null };
    const events: WatchEvent[] = [
      { topic: 'changed', payload: change },
      { topic: 'changed', payload: { ...change, who: 'self' } },
      { topic: 'drift', payload: { profile: 'enhanced', differences: [] } },
      { topic: 'web-ports', payload: { http: 80, https: 443, redirectsTo: 443, consistent: false, problems: ['x'] } },
      { topic: 'blocked', payload: { ...none, count: 7 } },
      { topic: 'pending', payload: { ...waiting, confirmBy: '2026-01-01T00:00:00.000Z' } },
      { topic: 'reverted', payload: { ...waiting, at: '2026-01-01T00:00:00.000Z' } },
      lease,
    ];
    for (const event of events) device().notify(event);
    await new Promise(setImmediate);
    assert.deepEqual(
      statuses.map(({ text }) => text),
      ['byOthers', 'changed', 'drift', 'webPorts', 'blocked', 'pending', 'reverted', 'leaseEnded'].map(
        (text) => `status.${text}`,
      ),
    );
  });

  it('passes an error that keeps it from watching to a Catch node, and shows it until it is resolved', async () => {
    await start([WATCH]);
    const statuses = watchStatus('watch');
    const [{ listener } = assert.fail()] = watchers();
    const caught = once(arrivals, 'caught');
    listener.trouble(new FirewallError('NO_LOG', { what: say`it is off.` }));
    const [{ error }] = await caught;
    assert.deepEqual([error.code, error.source.id], ['NO_LOG', 'watch']);
    listener.trouble(null);
    await new Promise(setImmediate);
    assert.deepEqual(
      statuses.map(({ fill, shape, text }) => [fill, shape, text]),
      [
        ['red', 'ring', 'NO_LOG'],
        ['grey', 'dot', 'status.ready'],
      ],
    );
  });

  for (const wrong of [{ blockedEvery: '0' }, { blockedEvery: 'often' }, { device: 'missing' }]) {
    it(`with ${JSON.stringify(wrong)} is INVALID_INPUT`, async () => {
      const caught = once(arrivals, 'caught');
      await start([{ ...WATCH, ...wrong }]);
      const [{ error }] = await caught;
      assert.match(error.message, /^INVALID_INPUT: (blockedEvery|device): /);
      assert.deepEqual(watchers(), []);
    });
  }

  it('watches again when its configuration is back, though the deploy leaves it as it is', async () => {
    const [config, node] = [
      { id: 'device', type: 'smartserver' },
      { ...WATCH, device: 'device' },
    ];
    await start([config, node]);
    const caught: string[] = [];
    const tell = ({ error }: Caught) => caught.push(error.message);
    arrivals.on('caught', tell);
    await deploy([node], 'nodes');
    await deploy([node, { id: 'read', type: 'read-firewall' }], 'nodes');
    await new Promise(setImmediate);
    assert.equal(caught.length, 1);
    assert.match(caught[0] as string, /^INVALID_INPUT: device: /);
    const same = nodeOf('watch');
    const statuses = watchStatus('watch');
    await deploy([config, node], 'nodes');
    assert.equal(nodeOf('watch'), same);
    const again = devices.filter(({ closed, watches }) => !closed && watches.length > 0);
    assert.equal(again.length, 1);
    const sent = once(arrivals, 'out');
    again[0]?.notify(lease);
    const [{ topic }] = await sent;
    assert.equal(topic, 'lease-ended');
    await new Promise(setImmediate);
    assert.deepEqual(
      statuses.map(({ text }) => text),
      ['status.working', 'status.ready', 'status.leaseEnded'],
    );
    arrivals.removeListener('caught', tell);
  });

  it('goes on watching through deploys that do not concern it, without being told anything twice', async () => {
    await start([WATCH]);
    const before = watchers();
    await deploy([WATCH, { id: 'read', type: 'read-firewall' }], 'nodes');
    assert.deepEqual(watchers(), before);
  });

  it('stops watching when it is closed', async () => {
    await start([WATCH, { id: 'other', type: 'read-firewall' }]);
    const closing = device();
    await stop();
    assert.equal(closing.watchers.size, 0);
  });
});
