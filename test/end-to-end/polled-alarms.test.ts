/** The example that asks for the device's alarms, in a real Node-RED, against a stand-in of the device's list over TLS. */
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

/** Prints each alarm that is new. */
const told = { id: 'told', type: 'debug', z: '5afe0a1500000001', x: 1, y: 1, active: true, console: true, wires: [] };

describe('Alarms that the device is asked for', () => {
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
      node.type === 'rbe' ? { ...node, wires: [[...(node.wires[0] ?? []), told.id]] } : node,
    );
    nodeRed = await startNodeRed(device, [
      ...flows,
      { ...told, name: 'New', complete: 'payload.state', targetType: 'msg' },
      { id: 'in', type: 'http in', z: told.z, x: 1, y: 1, url: '/read', method: 'get', wires: [['reader']] },
      { id: 'reader', type: 'read-firewall', z: told.z, x: 1, y: 1, output: 'profile', wires: [['out']] },
      { id: 'out', type: 'http response', z: told.z, x: 1, y: 1, wires: [] },
    ]);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  });

  beforeEach(() => restore(device, factory));

  /** Presses the button of the inject node, and tells the profile there is when what was answered has had its effect. */
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
    // Its answer comes after that of a change that was asked for before.
    return ((await (await fetch(`${url}/read`)).json()) as { name: string | null }).name;
  };
  let polls = 0;
  /** The same, with these alarms in the list; the last one tells that those before it have been looked at. */
  const pollWith = async (alarms: readonly unknown[]): Promise<string | null> => {
    polls += 1;
    const last = { id: `last ${polls}`, state: `over ${polls}` };
    await list.tell({ body: JSON.stringify([...alarms, last]) });
    return poll(new RegExp(last.state));
  };
  const knock = (port: number) =>
    device.neighbour.knock([{ proto: 'tcp', port, family: 'ipv4' }]).then(([answer]) => answer);

  it('lock the firewall down where one is active that was not there before, and only then', async () => {
    const quiet = await alarmsLike({ id: 1, state: 'Inactive' }, { id: 2, state: 'Acknowledged' });
    assert.equal(await pollWith(quiet), 'enhanced');
    const alarmed = await alarmsLike({ id: 1, state: 'Inactive' }, { id: 3, state: 'Active', severity: null });
    assert.equal(await pollWith(alarmed), 'lockdown');
    assert.deepEqual([await knock(22), await knock(443)], ['filtered', 'in']);
    // The way to the list is still there, and the alarm is no news any more.
    await restore(device, factory);
    assert.equal(await pollWith(alarmed), 'enhanced');
    assert.equal(await pollWith(await alarmsLike({ id: 1, state: 'Active' }, { id: 3, state: 'Active' })), 'lockdown');
  });

  it('are asked for over TLS, at the address of the vendor’s', async () => {
    await pollWith([]);
    await list.process.until(/^GET \/iap\/alarms$/m);
  });

  it('change nothing where the answer is no list of alarms', async () => {
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
      assert.equal(await poll(/\[debug:No list came\]/), 'enhanced', JSON.stringify(answer));
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
    // These Node-RED takes for active ones.
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

  it('are told of where nobody answers, and Node-RED keeps running', async () => {
    await list.process.kill();
    assert.equal(await poll(/\[debug:Error\]/), 'enhanced');
    list = await AlarmList.start(device);
    assert.equal(await pollWith([]), 'enhanced');
  });
});
