/**
 * Flows stored by earlier versions of the package work in this one, and those of later versions are refused.
 *
 * `test/flows/VERSION/` contains what that version stored: `every-property.json`, each type of node with each of its
 * properties at a value that is not its default, as exported by the editor; `requests.json`, by a node's name the message it
 * is sent and what it then requests from the engine; and `examples/`, the examples of that version. What has been released is
 * never changed. A version that adds a property, or raises a node's `version`, adds a folder: export the flow from its editor,
 * and put what it requests into `requests.json`. The tests below find it by themselves.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { check, settings as settingsSchema } from '../../firewall/messages';
import { upToDate, versionOf } from '../../nodes/migrate';
import { flowsIn } from '../examples';
import { NODES } from '../sets';
import { devices, nodeOf, send, start, stop, watchStatus } from './bench';
import { definition } from './pages';

const folder = resolve(__dirname, '..', '..', '..', 'test', 'flows');
const VERSIONS = readdirSync(folder).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
const json = (...path: string[]) => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));

interface StoredNode {
  id: string;
  type: string;
  name: string;
  [property: string]: unknown;
}
type Asked = Record<string, { message: object; request: object }>;

/** Starts the package's nodes of a flow, on the bench's tab. */
async function startStored(flow: readonly StoredNode[]): Promise<void> {
  const own = flow.filter(({ type }) => NODES.includes(type));
  await start(own.map((node) => (node.type === 'smartserver' ? node : { ...node, z: 'flow', wires: [['out']] })));
}

/** The arguments of the node's calls of one of its methods since the flow was started. */
function calledWith(id: string, method: 'status' | 'warn' | 'error'): unknown[] {
  const node = nodeOf(id);
  // The test helper spies on the methods of all nodes at once.
  const calls = (node as unknown as Record<string, Spy>)[method]?.getCalls() ?? [];
  return calls.filter(({ thisValue }) => thisValue === node).map(({ args }) => args[0]);
}
interface Spy {
  getCalls(): { thisValue: unknown; args: unknown[] }[];
}

describe('a flow stored by version', () => {
  afterEach(stop);

  for (const version of VERSIONS) {
    const flow: StoredNode[] = json(version, 'every-property.json');
    const one = (type: string): StoredNode => flow.find((node) => node.type === type) ?? assert.fail(type);

    it(`${version}: each node makes the request that its properties describe`, async () => {
      await startStored(flow);
      const asked: Asked = json(version, 'requests.json');
      // Schedules were registered when the flow started.
      devices[0]?.requests.splice(0);
      for (const [name, { message, request }] of Object.entries(asked)) {
        const { id } = flow.find((node) => node.name === name) ?? assert.fail(name);
        // Pending changes are not what this test is about.
        if (devices[0]) devices[0].pending = null;
        const { caught } = await send(id, message);
        assert.equal(caught, null, caught?.error.message);
        assert.deepEqual(devices[0]?.requests.splice(0), [request], name);
      }
      assert.equal(devices.length, 1, 'one configuration node, one device');
    });

    it(`${version}: the configuration node opens the device with its settings`, async () => {
      await startStored(flow);
      const { id, type, name, version: _, keepBackups, ...settings } = one('smartserver');
      await send(one('confirm-change').id, {});
      // Later versions may have more of them.
      const expected = { ...check(settingsSchema, {}), ...settings, keepBackups: Number(keepBackups) };
      assert.deepEqual(devices[0]?.settings, expected);
      assert.ok(id && type && name);
    });

    it(`${version}: a reading sends the selected part, and only when it has changed`, async () => {
      await startStored(flow);
      const { id } = one('read-firewall');
      assert.equal((await send(id, {})).sent?.payload[0].comment, 'from the plant');
      assert.equal((await send(id, {})).sent, null);
    });

    it(`${version}: the pending change is confirmed`, async () => {
      await startStored(flow);
      const { id } = one('confirm-change');
      await send(id, {});
      const [device] = devices;
      assert.ok(device);
      device.pending = { id: '7', action: 'set-profile lockdown', confirmBy: '2026-01-01T00:00:00.000Z' };
      assert.equal((await send(id, { payload: { id: '7' } })).sent?.payload.id, '7');
    });

    const [plan] = flow.filter(({ type }) => type === 'schedule-service');
    if (plan) {
      it(`${version}: the schedule is registered`, async () => {
        await startStored(flow);
        const { profile, otherwise, hours, exceptions, timeZone, whenRemoved, cutConnections } = plan;
        const [request] = devices[0]?.requests ?? [];
        const { owner, ...registered } = request as { owner: unknown };
        assert.deepEqual(registered, {
          ...{ id: plan.id, name: plan.name, siblings: [plan.id], whenRemoved, cutConnections },
          subject: { kind: 'profile', profile, otherwise },
          calendar: { hours, exceptions, timeZone },
        });
        assert.match(String(owner), /^[0-9a-f]{32}$/);
      });
    }

    it(`${version}: the selected topics are watched`, async () => {
      await startStored(flow);
      const watched = devices[0]?.watches.map(({ asked }) => asked);
      assert.deepEqual(watched, [{ topics: ['blocked'], blockedEvery: 300 }]);
    });

    const own = (name: string): StoredNode[] =>
      json(version, 'examples', name).filter(({ type }: StoredNode) => NODES.includes(type));
    // The operator's side of a fleet has none of the package's nodes.
    for (const name of flowsIn(join(folder, version, 'examples')).filter((one) => own(one).length > 0)) {
      it(`${version}: the example ${name} starts, and its requests are understood`, async () => {
        await startStored(json(version, 'examples', name));
        for (const node of own(name)) {
          assert.deepEqual([...calledWith(node.id, 'warn'), ...calledWith(node.id, 'error')], []);
          if (['smartserver', 'watch-firewall'].includes(node.type)) continue;
          // The message and the tab lack the values that properties take from them; there is no change to confirm.
          const { caught } = await send(node.id, {});
          assert.match(
            caught?.error.message ?? '',
            /^$|^NOTHING_PENDING|^INVALID_INPUT: (\w+: (msg|env) ".*" (has no value|cannot be evaluated)|the request: .*undefined)/,
          );
        }
      });
    }
  }

  it('of the newest folder has each property of each node, at a value that is not its default', () => {
    const flow: StoredNode[] = json(String(VERSIONS[VERSIONS.length - 1]), 'every-property.json');
    const missing = NODES.flatMap((type) => {
      const { defaults } = definition(type).definition as { defaults: Record<string, { value: unknown }> };
      const { version, ...others } = defaults;
      const nodes = flow.filter((node) => node.type === type);
      assert.ok(nodes.length > 0 && version, type);
      for (const node of nodes) assert.equal(node.version, versionOf(type), type);
      return Object.entries(others)
        .filter(
          ([property, { value }]) =>
            !nodes.some((node) => property in node && JSON.stringify(node[property]) !== JSON.stringify(value)),
        )
        .map(([property]) => `${type}: ${property}`);
    });
    assert.deepEqual(missing, []);
  });
});

describe('a node saved by a later version', () => {
  afterEach(stop);

  for (const type of NODES.filter((name) => !['smartserver', 'watch-firewall'].includes(name))) {
    it(`(${type}) reports that as flows start, answers each message with the error, and requests nothing`, async () => {
      const node = { id: 'node', type, name: '', version: versionOf(type) + 1 };
      await start([node, { id: 'reading', type: 'read-firewall' }]);
      const [warning] = calledWith('node', 'warn');
      assert.match(String(warning), /^INVALID_INPUT: version: this node was saved by a newer version of the package/);
      assert.deepEqual(calledWith('node', 'status').pop(), { fill: 'red', shape: 'ring', text: 'INVALID_INPUT' });
      for (const payload of [{}, { id: '1' }]) {
        const { sent, caught } = await send('node', { payload });
        assert.deepEqual([sent, caught?.error.message], [null, warning]);
      }
      assert.deepEqual(devices[0]?.requests, []);
    });
  }

  it('(watch-firewall) reports that, and watches for nothing', async () => {
    const node = { id: 'node', type: 'watch-firewall', name: '', version: versionOf('watch-firewall') + 1 };
    await start([node, { id: 'reading', type: 'read-firewall' }]);
    assert.match(String(calledWith('node', 'warn')), /^INVALID_INPUT: version: /);
    assert.deepEqual(devices[0]?.watches ?? [], []);
  });

  it('(smartserver) opens no device: the nodes that use it report that', async () => {
    await start([
      { id: 'config', type: 'smartserver', version: versionOf('smartserver') + 1 },
      { id: 'profile', type: 'set-profile', device: 'config', version: 1 },
    ]);
    const statuses = watchStatus('profile');
    const { caught } = await send('profile', {});
    assert.match(caught?.error.message ?? '', /^INVALID_INPUT: version: this node was saved by a newer version/);
    assert.equal(statuses[statuses.length - 1]?.text, 'INVALID_INPUT');
    assert.deepEqual(devices, []);
  });
});

describe('a stored definition', () => {
  const stored = (version?: unknown) => ({ id: 'a', type: 'x', name: '', z: '', ...(version ? { version } : {}) });

  it('goes through each migration from its version on, in order', () => {
    const step = (to: number) => (def: object) => ({
      ...(def as ReturnType<typeof stored>),
      version: to,
      name: `${(def as { name: string }).name}${to}`,
    });
    const migrations = { x: [step(2), step(3)] };
    assert.deepEqual(upToDate(stored(1), migrations), { ...stored(3), name: '23' });
    assert.deepEqual(upToDate(stored(2), migrations), { ...stored(3), name: '3' });
    assert.deepEqual(upToDate(stored(3), migrations), stored(3));
    assert.throws(
      () => upToDate(stored(4), migrations),
      /newer version of the package \(4; this one supports up to 3\)/,
    );
  });

  it('without a version is one of the first', () => {
    assert.deepEqual(upToDate(stored(), { x: [(def) => ({ ...def, name: 'migrated' })] }).name, 'migrated');
  });

  for (const version of ['1', 1.5, -1, true, {}]) {
    it(`of version ${JSON.stringify(version)} is INVALID_INPUT`, () => {
      assert.throws(() => upToDate(stored(version)), /^INVALID_INPUT: version: must be a whole number/);
    });
  }
});
