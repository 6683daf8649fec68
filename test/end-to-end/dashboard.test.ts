/** A dashboard's switch, wired to toggle-service as it is dropped, in a real Node-RED on the device; judged by the neighbour's probes. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import type { InsideProcess } from '../device/inside-process';
import { startNodeRed } from '../device/node-red';
import { useDevice } from '../device/suite';

const node = (id: string, type: string, fields: Record<string, unknown>, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x: 100, y: 100, wires: [wires] },
  ...fields,
});
const change = { device: '', dryRun: false, onlyTighten: false, force: false, cutConnections: false, version: 1 };
const toggle = {
  ...change,
  ...{ service: 'ssh', serviceType: 'str', action: 'payload', actionType: 'msg', direction: '', interface: '' },
  ...{ from: '', fromType: 'str', duration: 0, durationType: 'num', systemService: false, confirmWithin: 0 },
};
const profile = { ...change, profile: 'payload', profileType: 'msg', optionalServices: 'keep', ownRules: 'keep' };
/** POST of `{ "value": … }`: what a dashboard's control sends as the payload. */
const control = (path: string, to: string) => [
  node(`in-${to}`, 'http in', { url: path, method: 'post' }, `value-${to}`),
  node(
    `value-${to}`,
    'change',
    { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'payload.value', tot: 'msg' }] },
    to,
  ),
];

const flows = [
  { id: 'tab', type: 'tab', label: 'Dashboard', disabled: false, info: '' },
  ...control('/switch', 'toggle'),
  node('toggle', 'toggle-service', toggle, 'answer'),
  ...control('/visit', 'visit'),
  node(
    'visit',
    'toggle-service',
    { ...toggle, action: 'close', actionType: 'str', duration: 'payload', durationType: 'msg' },
    'answer',
  ),
  ...control('/profile', 'profile'),
  node('profile', 'set-profile', profile, 'answer'),
  ...control('/try', 'try'),
  node('try', 'set-profile', { ...profile, dryRun: true }, 'answer'),
  ...control('/led', 'led'),
  node(
    'led',
    'read-firewall',
    { device: '', output: 'service', service: 'payload', serviceType: 'msg', onlyChanges: false, version: 1 },
    'lamp',
  ),
  // An HTTP response is no boolean.
  node(
    'lamp',
    'change',
    { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: '$string(payload)', tot: 'jsonata' }] },
    'answer',
  ),
  node('catch', 'catch', { scope: null, uncaught: false }, 'failed'),
  node(
    'failed',
    'change',
    { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'error.message', tot: 'msg' }] },
    'answer',
  ),
  node('answer', 'http response', {}),
  node('status', 'status', { scope: ['toggle', 'visit', 'profile', 'try', 'led'] }, 'shown'),
  node('shown', 'debug', { active: true, tosidebar: false, console: true, complete: 'status.text', targetType: 'msg' }),
];

describe('A dashboard', () => {
  const device = useDevice();
  let nodeRed: InsideProcess;
  let url: string;

  before(async () => {
    nodeRed = await startNodeRed(device, flows);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  });

  /** Sends a control's value; the response as a text. */
  const send = async (path: string, value: unknown): Promise<string> => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ value }),
    });
    return response.text();
  };
  const ssh = () => device.neighbour.probe([{ proto: 'tcp', port: 22, family: 'ipv4' }]).then(([answer]) => answer);

  it('closes SSH with false and opens it with true, and its lamp shows which', async () => {
    assert.equal(await ssh(), 'in');
    for (const [off, on] of [
      [false, true],
      [0, 1],
      ['Off', ' ON '],
      ['closed', 'open'],
    ]) {
      assert.equal(JSON.parse(await send('/switch', off)).changed, true);
      assert.deepEqual([await ssh(), await send('/led', 'SSH')], ['filtered', 'false']);
      await nodeRed.until(/SSH closed/);
      assert.equal(JSON.parse(await send('/switch', on)).changed, true);
      assert.deepEqual([await ssh(), await send('/led', 'SSH remote shell')], ['in', 'true']);
      await nodeRed.until(/SSH open/);
    }
    assert.equal(JSON.parse(await send('/switch', true)).changed, false);
    await nodeRed.until(/nothing to change/);
  });

  it('changes nothing with what is neither', async () => {
    for (const value of ['yes please', 2, null, {}, [], '', undefined]) {
      assert.match(await send('/switch', value), /^INVALID_INPUT: action: /);
      assert.equal(await ssh(), 'in');
    }
    assert.match(await send('/led', 'nowhere'), /^UNKNOWN_SERVICE: /);
  });

  it('shows until when, what would change, and which profile was set', async () => {
    const { leases } = JSON.parse(await send('/visit', '30 min')).state;
    assert.equal(await ssh(), 'filtered');
    // Its Node-RED runs in UTC.
    assert.equal(leases.length, 1);
    const [, time] = await nodeRed.until(/SSH closed until (?:\d\d-\d\d )?(\d\d:\d\d)/);
    assert.equal(time, leases[0].until.slice(11, 16));
    const { added, removed } = JSON.parse(await send('/try', 'LOCKDOWN'));
    assert.ok(added.length + removed.length > 0);
    await nodeRed.until(/would (change rules|remove \d+ rules|add \d+ rules)/);
    await send('/profile', 'Enhanced security');
    await nodeRed.until(/Enhanced Security set/);
  });
});
