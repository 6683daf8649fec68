/**
 * The packed package, installed as a user would, on each supported version of Node.js and Node-RED: all of it is loaded and
 * served, and a flow changes the firewall of the embedded device.
 */
import { strict as assert } from 'node:assert';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { ChangeResult, State } from '../../firewall/results';
import { Device } from '../device/device';
import { startNodeRed } from '../device/node-red';
import { EXAMPLES, flowsIn } from '../examples';
import { everything } from '../firewall/stable';
import { NODES, SETS } from '../sets';
import { PAIRS } from './pairs';
import { install, nodeOf, packed as packPackage, redOf } from './toolbox';

const root = resolve(__dirname, '..', '..', '..');
const NAME = '@smartserver/node-red-firewall';

const node = (id: string, type: string, fields: Record<string, unknown>, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x: 100, y: 100, wires: [wires] },
  ...fields,
});

/** POST /read, /toggle, /profile, /undo: one node each, as dropped on the canvas except for what has to be chosen. */
const FLOW = [
  { id: 'tab', type: 'tab', label: 'matrix', disabled: false, info: '' },
  ...Object.entries({
    reading: { type: 'read-firewall' },
    toggling: { type: 'toggle-service', service: 'ssh', serviceType: 'str', action: 'close', actionType: 'str' },
    profiling: { type: 'set-profile', profile: 'lockdown', profileType: 'str' },
    undoing: { type: 'restore-firewall', action: 'undo' },
  }).flatMap(([path, { type, ...fields }]) => [
    node(`in-${path}`, 'http in', { url: `/${path}`, method: 'post' }, `do-${path}`),
    node(`do-${path}`, type, fields, 'answer'),
  ]),
  node('failing', 'catch', { scope: null, uncaught: false }, 'failed'),
  node('failed', 'change', { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'error', tot: 'msg' }] }, 'answer'),
  node('answer', 'http response', {}),
];

describe('The packed package', function () {
  this.timeout(240_000);
  let packed: { folder: string; tarball: string };

  before(async () => {
    packed = await packPackage();
  });
  after(() => rm(packed.folder, { recursive: true, force: true }));

  for (const pair of PAIRS) {
    it(`works with Node-RED ${pair.red} on Node.js ${pair.node}`, async () => {
      const folder = join(packed.folder, `${pair.red}-${pair.node}`);
      const modules = await install(packed.tarball, folder, pair);
      const installation = { node: await nodeOf(pair.node), red: await redOf(pair.red), modules };
      const device = await Device.open();
      try {
        await startNodeRed(device, FLOW, { installation });
        const url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
        await assertServed(url);
        await assertWorks(device, url);
      } finally {
        await device.close();
      }
    });
  }
});

/** Everything that the package adds to the editor is there. */
async function assertServed(url: string): Promise<void> {
  const get = (path: string, accept = 'application/json') => fetch(`${url}/${path}`, { headers: { accept } });
  const json = async (path: string) => (await get(path)).json() as Promise<Record<string, unknown>>;
  const ours = (sets: unknown) => (sets as { module: string; name: string }[]).filter(({ module }) => module === NAME);
  const sets = ours(await json('nodes'));
  assert.deepEqual(sets.map(({ name }) => name).sort(), [...SETS].sort());
  // A failed load has the key `err`, possibly with an empty object.
  for (const set of sets) assert.ok(!('err' in set), JSON.stringify(set));
  const pages = await (await get('nodes', 'text/html')).text();
  assert.match(pages, /smartserverFirewallSidebar/);
  for (const name of NODES) {
    assert.ok(pages.includes(`data-template-name="${name}"`), name);
    assert.ok(pages.includes(`data-help-name="${name}"`), name);
  }
  const catalogues = (await json('nodes/messages?lng=en-US')) as Record<string, { label: object }>;
  for (const name of NODES) assert.ok(catalogues[`${NAME}/${name}`]?.label, name);
  for (const name of SETS) assert.ok(catalogues[`${NAME}/${name}`], name);
  const icons = ((await json('icons')) as Record<string, string[]>)[NAME] ?? [];
  assert.deepEqual([...icons].sort(), readdirSync(join(root, 'icons')).sort());
  for (const name of readdirSync(join(root, 'resources'))) {
    assert.equal((await get(`resources/${NAME}/${name}`, '*/*')).status, 200, name);
  }
  const folders = (await json(`library/examples/flows/${NAME}`)) as unknown as string[];
  const offered = await Promise.all(
    folders.map(async (folder) => {
      const entries = await json(`library/examples/flows/${NAME}/${encodeURIComponent(folder)}/`);
      return (entries as unknown as { fn: string }[]).map(({ fn }) => join(folder, `${fn}.json`));
    }),
  );
  assert.deepEqual(offered.flat().sort(), flowsIn(EXAMPLES).sort());
}

/** Reads, closes SSH, locks down, undoes the lockdown. */
async function assertWorks(device: Device, url: string): Promise<void> {
  const post = async <Body>(path: string): Promise<Body> => {
    const response = await fetch(`${url}/${path}`, { method: 'POST' });
    return response.json() as Promise<Body>;
  };
  const probe = async (port: number) =>
    (await device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]))[0] === 'in';
  const before = await post<State>('reading');
  assert.equal(before.profile?.name, 'enhanced', JSON.stringify(before));
  assert.deepEqual([await probe(22), await probe(80)], [true, true]);
  const closed = await post<ChangeResult>('toggling');
  assert.equal(closed.changed, true, JSON.stringify(closed));
  assert.equal(await probe(22), false);
  const state = await everything(device);
  const locked = await post<ChangeResult>('profiling');
  assert.equal(locked.state?.profile.name, 'lockdown', JSON.stringify(locked));
  assert.deepEqual([await probe(80), await probe(443)], [false, true]);
  const undone = await post<ChangeResult>('undoing');
  assert.equal(undone.changed, true, JSON.stringify(undone));
  assert.deepEqual(await everything(device), state);
}
