/**
 * A board whose processor is twenty times as slow: the whole device shares 5 percent of one processor. Nothing runs into a time limit,
 * and what is answered is true.
 */
import { strict as assert } from 'node:assert';
import { before, it } from 'mocha';
import type { ChangeResult } from '../../firewall/results';
import type { InsideProcess } from '../device/inside-process';
import { startNodeRed } from '../device/node-red';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { assertReloadChangesNothing } from '../firewall/stable';
import { until } from '../firewall/until';
import { askAgent, requestOf, setUp } from './as-apollo';

const PERCENT = 5;
/** A lockdown by a message, with an answer that the test hears. */
const FLOW = [
  { id: 'tab', type: 'tab', label: 'Slow' },
  { id: 'in', type: 'http in', z: 'tab', x: 1, y: 1, url: '/lock', method: 'get', wires: [['lock']] },
  { id: 'lock', type: 'set-profile', z: 'tab', x: 1, y: 1, profile: 'lockdown', wires: [['out']] },
  { id: 'failing', type: 'catch', z: 'tab', x: 1, y: 1, scope: null, uncaught: false, wires: [['text']] },
  {
    ...{ id: 'text', type: 'change', z: 'tab', x: 1, y: 1, wires: [['out']] },
    rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'error', tot: 'msg' }],
  },
  { id: 'out', type: 'http response', z: 'tab', x: 1, y: 1, wires: [] },
];

describeAsRoot('On a board that is twenty times as slow', function () {
  this.timeout(600_000);
  const device = useSystemdDevice();
  let nodeRed: InsideProcess;

  before(async () => {
    await setUp(device);
    // Its start, and that of the browser's pages, is not what this is about.
    nodeRed = await startNodeRed(device, FLOW);
    await device.limitTime(PERCENT);
  });

  const ask = async (method: string, request: unknown = {}): Promise<ChangeResult> => {
    const { code, stdout } = await askAgent(device, requestOf(method, request));
    assert.equal(code, 0, stdout.slice(0, 600));
    return (JSON.parse(stdout) as { result: ChangeResult }).result;
  };
  const isIn = async (port: number): Promise<boolean> => {
    const [answer] = await device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]);
    return answer === 'in';
  };

  it('has so little time', async () => {
    const begun = Date.now();
    await device.ok('sh', '-c', 'i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done');
    const slow = Date.now() - begun;
    await device.limitTime(100);
    const again = Date.now();
    await device.ok('sh', '-c', 'i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done');
    assert.ok(slow > 4 * (Date.now() - again), `${slow} ms`);
    await device.limitTime(PERCENT);
  });

  it('locks down from a flow, for a Node-RED that runs as a user', async () => {
    assert.equal(await isIn(22), true);
    const { port } = await device.forward(1880);
    const response = await fetch(`http://127.0.0.1:${port}/lock`);
    const { changed } = (await response.json()) as ChangeResult;
    assert.equal(changed, true);
    assert.equal(await isIn(22), false);
    await nodeRed.kill();
  });

  it('takes it back, and ends a temporary opening in time', async () => {
    assert.equal((await ask('restore', { action: 'undo' })).changed, true);
    assert.equal(await isIn(22), true);
    const { lease } = await ask('toggleService', { service: 'ssh', action: 'close', duration: 1 });
    assert.notEqual(lease, null);
    await until(() => isIn(22), 120_000);
  });

  it('takes back what nobody confirms, and web ports that were moved answer', async () => {
    await ask('changeWebPorts', { http: 1780, https: 1443, confirmWithin: 600 });
    const { status } = await device.neighbour.fetch('https://192.0.2.1:1443/');
    assert.equal(status, 200);
    await ask('confirm');
    await assertReloadChangesNothing(device);
  });

  it('changes beside a ufw command that takes its time', async () => {
    const adding = device.ufw('allow', '9999/tcp');
    const [, result] = await Promise.all([adding, ask('setProfile', { profile: 'enhanced' })]);
    assert.equal(result.state.inSync, true);
    assert.match(await device.ufw('status'), /9999\/tcp/);
  });
});
