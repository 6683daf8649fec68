/** A real Node-RED loads the package; its devices are fakes. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { useShared } from '../device/suite';
import { EXAMPLE_NAMES, EXAMPLES, exampleFlow, flowsIn } from '../examples';
import { NODES, SETS } from '../sets';
import { http } from './http';
import { OPENED, startNodeRed } from './node-red';

const root = resolve(__dirname, '..', '..', '..');
const NAME = '@smartserver/node-red-firewall';

describe('Node-RED', function () {
  /** The flows of the examples, as deployed. */
  let flows: { type: string; credentials?: unknown }[] = [];
  this.timeout(90_000);
  // An example uses it.
  const red = useShared(
    () => startNodeRed({ dashboard: true }),
    (one) => one.stop(),
  );

  const get = (path: string, accept = '*/*') => http('GET', red.url + path, { accept });
  const getJson = async (path: string) => JSON.parse((await get(path, 'application/json')).body);

  it('loads one set for each node, without an error', async () => {
    const loaded = (await getJson('nodes')).filter((set: { module: string }) => set.module === NAME);
    assert.deepEqual(loaded.map(({ name }: { name: string }) => name).sort(), [...SETS].sort());
    for (const set of loaded) {
      // A failed load has the key `err`, possibly with an empty object.
      assert.ok(!('err' in set), JSON.stringify(set));
      assert.deepEqual(set.types, NODES.includes(set.name) ? [set.name] : []);
      assert.equal(set.enabled, true);
    }
    assert.doesNotMatch(red.log(), /\[error\]|node-red-firewall/);
  });

  it('serves the pages of the nodes with their help', async () => {
    const { body } = await get('nodes', 'text/html');
    for (const name of NODES) {
      assert.ok(body.includes(`data-template-name="${name}"`), name);
      assert.ok(body.includes(`data-help-name="${name}"`), name);
    }
  });

  it('serves the labels', async () => {
    const catalogues = await getJson('nodes/messages?lng=en-US');
    for (const name of NODES) assert.ok(catalogues[`${NAME}/${name}`].label.name, name);
  });

  it('serves the icons', async () => {
    const icons: string[] = (await getJson('icons'))[NAME];
    assert.deepEqual([...icons].sort(), readdirSync(join(root, 'icons')).sort());
    for (const icon of icons) assert.match((await get(`icons/${NAME}/${icon}`)).type, /svg/);
  });

  it('serves what the dialogs load', async () => {
    for (const name of readdirSync(join(root, 'resources'))) {
      const { status, type } = await get(`resources/${NAME}/${name}`);
      assert.equal(status, 200);
      assert.match(type, name.endsWith('.css') ? /css/ : /javascript/);
    }
  });

  it('offers the examples for import, and starts their flows', async () => {
    const folders: string[] = await getJson(`library/examples/flows/${NAME}`);
    assert.deepEqual(folders.sort(), ['Alarms', 'Fleet', 'Reports', 'Schedules', 'Visits', 'Web ports']);
    for (const folder of folders) {
      const offered: { fn: string }[] = await getJson(`library/examples/flows/${NAME}/${encodeURIComponent(folder)}/`);
      const paths = offered.map(({ fn }) => `${fn}.json`).sort();
      assert.deepEqual(paths, flowsIn(join(EXAMPLES, folder)).sort());
    }
    flows = EXAMPLE_NAMES.flatMap(exampleFlow);
    const { status, body } = await http(
      'POST',
      `${red.url}flows`,
      { 'content-type': 'application/json' },
      JSON.stringify(flows),
    );
    assert.equal(status, 204, body);
    // Node-RED keeps credentials separately, and discloses them to nobody.
    assert.deepEqual(
      await getJson('flows'),
      flows.map(({ credentials, ...node }) => node),
    );
    // The broker's certificate is the operator's to install, and Node-RED may have looked for it by now, or not yet.
    assert.doesNotMatch(red.log(), /Waiting for missing types|\[error\] (?!\[tls-config:)/);
  });

  it('opens one device for each configuration as flows start, for all nodes that may have a deadline to meet', async () => {
    // And one for all nodes without a configuration.
    const devices = 1 + flows.filter(({ type }) => type === 'smartserver').length;
    const opened = () => red.log().split(OPENED).length - 1;
    while (opened() < devices) await new Promise((resolve) => setTimeout(resolve, 20));
    await getJson('flows');
    assert.equal(opened(), devices);
  });
});
