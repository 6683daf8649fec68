/** The examples about the web ports, run on a fake device: each message arrives where the flow's comments say. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { devices, type Message, nodeOf, start, stop } from './bench';

const root = resolve(__dirname, '..', '..', '..');
/** The bench has a tab and a Catch node of its own. */
const LEFT_OUT = ['tab', 'comment', 'catch'];

interface FlowNode {
  id: string;
  type: string;
  name: string;
}
let flow: FlowNode[];

async function startExample(name: string): Promise<void> {
  flow = JSON.parse(readFileSync(join(root, 'examples', `${name}.json`), 'utf8'));
  const nodes = flow.filter(({ type }) => !LEFT_OUT.includes(type));
  // Messages are sent by the test, and seen where they would be printed.
  const stands = (type: string) => (type === 'inject' || type === 'debug' ? 'helper' : type);
  await start(nodes.map((node) => ({ ...node, z: 'flow', type: stands(node.type) })));
}

const named = (name: string) => nodeOf(flow.find((node) => node.name === name)?.id ?? name);

/** Sends a message out of one node and waits until it is printed by another. */
async function follow(from: string, to: string): Promise<Message> {
  const printed = once(named(to), 'input');
  named(from).send({});
  const [message] = await printed;
  return message;
}

describe('the example', () => {
  afterEach(stop);

  it('move-web-ports tells the new address, there and back', async () => {
    await startExample('move-web-ports');
    const device = devices[0];
    assert.ok(device);
    assert.equal((await follow('Move now', 'The new address')).payload, 'https://DEVICE:1443/');
    assert.deepEqual(device.webPorts, { http: 1780, https: 1443 });
    assert.equal((await follow('Move back', 'The new address')).payload, 'https://DEVICE/');
    assert.deepEqual(device.webPorts, { http: 80, https: 443 });
    for (const request of device.requests as { keepOldOpen: number }[]) assert.equal(request.keepOldOpen, 600);
  });

  it('web-ports-daily-check tells whether nginx and the firewall agree, and repairs on request', async () => {
    await startExample('web-ports-daily-check');
    const device = devices[0];
    assert.ok(device);
    assert.equal((await follow('Every day at 6', 'In order')).payload.webPorts.consistent, true);
    device.webProblems = ['The web pages cannot be reached.'];
    const { payload } = await follow('Every day at 6', 'Problems');
    assert.deepEqual(payload.webPorts.problems, ['The web pages cannot be reached.']);
    assert.equal(device.requests.length, 0);
    assert.equal((await follow('Repair now', 'What changed')).payload.changed, true);
    assert.equal((await follow('Every day at 6', 'In order')).payload.webPorts.consistent, true);
    device.webProblems = null;
    assert.equal((await follow('Every day at 6', 'No site file')).payload.webPorts, null);
  });
});
