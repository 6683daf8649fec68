/** The example that polls the device's alarms, in a real Node-RED, against a stand-in for the device's list over TLS. */
import { strict as assert } from 'node:assert';
import { before, beforeEach, describe, it } from 'mocha';
import { AlarmList, alarmsLike } from '../device/alarm-list';
import type { InsideProcess } from '../device/inside-process';
import { example, startNodeRed } from '../device/node-red';
import { useDevice, useShared } from '../device/suite';
import { everything, restore } from '../firewall/stable';

interface FlowNode {
  id: string;
  type: string;
  name: string;
  wires: string[][];
}

/** Prints each new alarm. */
const printer = {
  id: 'printer',
  type: 'debug',
  z: '5afe0a1500000001',
  x: 1,
  y: 1,
  active: true,
  console: true,
  wires: [],
};

describe('Alarms polled from the device', () => {
  const device = useDevice();
  const factory = useShared(() => everything(device));
  let list: AlarmList;
  let nodeRed: InsideProcess;
  let url: string;
  let inject: string;

  before(async () => {
    list = await AlarmList.start(device);
    const flow = (await example('lockdown-on-polled-alarms')) as FlowNode[];
    inject = flow.find(({ type }) => type === 'inject')?.id ?? '';
    const flows = flow.map((node) =>
      node.type === 'rbe' ? { ...node, wires: [[...(node.wires[0] ?? []), printer.id]] } : node,
    );
    nodeRed = await startNodeRed(device, [
      ...flows,
      { ...printer, name: 'New', complete: 'payload.state', targetType: 'msg' },
      { id: 'in', type: 'http in', z: printer.z, x: 1, y: 1, url: '/read', method: 'get', wires: [['reader']] },
      { id: 'reader', type: 'read-firewall', z: printer.z, x: 1, y: 1, output: 'profile', wires: [['out']] },
      { id: 'out', type: 'http response', z: printer.z, x: 1, y: 1, wires: [] },
    ]);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  });

  beforeEach(() => restore(device, factory));

  /** Presses the button of the inject node, and returns the profile once the response has taken effect. */
  const poll = async (said: RegExp): Promise<string | null> => {
    const printed = new Promise<void>((resolve) => {
      const hear = (text: string): void => {
        if (!said.test(text)) return;
        nodeRed.off('stdout', hear);
        resolve();
      };
      nodeRed.on('stdout', hear);
    });
    const { status } = await fetch(`${url}/inject/${inject}`, { method: 'POST' });
    assert.equal(status, 200);
    await printed;
    // Its response comes after that of a change requested earlier.
    return ((await (await fetch(`${url}/read`)).json()) as { name: string | null }).name;
  };
  let polls = 0;
  /** The same, with these alarms in the list; the last one signals that those before it have been processed. */
  const pollWith = async (alarms: readonly unknown[]): Promise<string | null> => {
    polls += 1;
    const last = { id: `last ${polls}`, state: `over ${polls}` };
    await list.tell({ body: JSON.stringify([...alarms, last]) });
    return poll(new RegExp(last.state));
  };
  const probe = (port: number) =>
    device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]).then(([answer]) => answer);

  it('lock the firewall down if a new one is active, and only then', async () => {
    const quiet = await alarmsLike({ id: 1, state: 'Inactive' }, { id: 2, state: 'Acknowledged' });
    assert.equal(await pollWith(quiet), 'enhanced');
    const alarmed = await alarmsLike({ id: 1, state: 'Inactive' }, { id: 3, state: 'Active', severity: null });
    assert.equal(await pollWith(alarmed), 'lockdown');
    assert.deepEqual([await probe(22), await probe(443)], ['filtered', 'in']);
    // The list is still reachable, and the alarm is no longer new.
    await restore(device, factory);
    assert.equal(await pollWith(alarmed), 'enhanced');
    assert.equal(await pollWith(await alarmsLike({ id: 1, state: 'Active' }, { id: 3, state: 'Active' })), 'lockdown');
  });

  it('are requested over TLS, at the vendor’s address', async () => {
    await pollWith([]);
    await list.process.until(/^GET \/iap\/alarms$/m);
  });

  it('change nothing if the response is not a list of alarms', async () => {
    const answers = [
      { status: 500, type: 'text/html', body: '<h1>state: Active</h1>' },
      { status: 401, body: '{"state":"Active"}' },
      { body: '[{"state":' },
      { body: '{"id":4,"state":"Active"}' },
      { body: '"Active"' },
      { body: 'null' },
      { body: '' },
    ];
    for (const answer of answers) {
      await list.tell(answer);
      assert.equal(await poll(/\[debug:No list received\]/), 'enhanced', JSON.stringify(answer));
    }
  });

  it('that are hostile change nothing, or only tighten', async () => {
    const alarms = [
      null,
      'Active',
      ['Active'],
      [['Active']],
      { id: 11, state: { toString: 'Active' } },
      { id: '__proto__', state: 'Inactive' },
      { id: { a: 1 }, state: 'active; id' },
      { id: 13, state: 'x'.repeat(2 ** 20) },
    ];
    assert.equal(await pollWith(alarms), 'enhanced');
    // Node-RED takes these for active ones.
    const taken = [
      { id: 14, state: 'Active', type: '$(reboot)' },
      { id: 15, state: ['Active'] },
      JSON.parse('{ "id": 12, "__proto__": { "state": "Active" } }'),
    ];
    for (const alarm of taken) {
      await restore(device, factory);
      assert.equal(await pollWith([alarm]), 'lockdown', JSON.stringify(alarm));
    }
  });

  it('are reported as missing if nobody responds, and Node-RED keeps running', async () => {
    await list.process.kill();
    assert.equal(await poll(/\[debug:Error\]/), 'enhanced');
    list = await AlarmList.start(device);
    assert.equal(await pollWith([]), 'enhanced');
  });
});
