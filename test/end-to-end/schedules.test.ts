/** A schedule in a real Node-RED on the device, from deploy to removal: what the neighbour gets into is what the hours say. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { WEEKDAYS, weekdayOf } from '../../firewall/calendar/dates';
import type { ScheduleReport } from '../../firewall/results';
import { Engine } from '../device/engine';
import { fetch } from '../device/fetch';
import type { InsideProcess } from '../device/inside-process';
import { startNodeRed } from '../device/node-red';
import { useDevice } from '../device/suite';
import { until } from '../firewall/until';

const node = (id: string, type: string, fields: object, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x: 100, y: 100, wires: [wires] },
  ...fields,
});
const inject = (payload: string) =>
  node(payload, 'inject', { props: [{ p: 'payload' }], payload, payloadType: 'str', repeat: '', crontab: '' }, 'hours');
const TAB = { id: 'tab', type: 'tab', label: 'Flow' };
const READ = node('read', 'read-firewall', {});

/** The day of the week that is three days away: whatever is open then is closed now. */
const AWAY = WEEKDAYS[(weekdayOf(Math.floor(Date.now() / 864e5)) + 3) % 7];
const OVER = [{ days: [AWAY], from: '07:00', to: '19:00' }];
const ALWAYS = [{ days: WEEKDAYS, from: '00:00', to: '24:00' }];

const flows = (fields: object) => [
  ...[TAB, READ, inject('open'), inject('auto')],
  node('hours', 'schedule-service', { service: 'ssh', hours: OVER, timeZone: 'UTC', version: 1, ...fields }, 'out'),
  node('out', 'debug', {
    name: 'said',
    active: true,
    console: true,
    tosidebar: false,
    complete: 'payload',
    targetType: 'msg',
  }),
];

describe('A schedule in Node-RED', function () {
  this.timeout(120_000);
  const device = useDevice();
  let nodeRed: InsideProcess;
  let url: string;

  const start = async (flow: readonly object[] | null): Promise<void> => {
    nodeRed = await startNodeRed(device, flow);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  };
  before(() => start(flows({})));

  const deploy = async (flow: readonly object[]): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'Node-RED-Deployment-Type': 'nodes' };
    const { status } = await fetch(`${url}/flows`, {
      method: 'POST',
      headers,
      body: JSON.stringify(flow),
      silenceMs: 60_000,
    });
    assert.equal(status, 204);
  };
  const press = async (id: string): Promise<void> => {
    assert.equal((await fetch(`${url}/inject/${id}`, { method: 'POST' })).status, 200);
  };
  const ssh = async () => (await device.neighbour.probe([{ proto: 'tcp', port: 22, family: 'ipv4' }]))[0];
  const becomes = (fate: string) => until(async () => (await ssh()) === fate);
  const schedules = async (): Promise<ScheduleReport[]> => (await (await Engine.start(device)).read()).schedules;

  it('whose hours are over closes SSH when flows start, and says so', async () => {
    await becomes('filtered');
    await nodeRed.until(/\[debug:said\][\s\S]*open: false[\s\S]*by: 'schedule'/);
    assert.deepEqual(
      (await schedules()).map(({ id, services, open }) => ({ id, services, open })),
      [{ id: 'hours', services: ['ssh'], open: false }],
    );
  });

  it('is overridden by a message, until the next one', async () => {
    await press('open');
    await becomes('in');
    await press('auto');
    await becomes('filtered');
  });

  it('outlasts Node-RED, and is the same one after its start', async () => {
    await nodeRed.kill();
    assert.equal((await schedules()).length, 1);
    assert.equal(await ssh(), 'filtered');
    await start(null);
    await nodeRed.until(/\[debug:said\]/);
    assert.deepEqual(
      (await schedules()).map(({ id }) => id),
      ['hours'],
    );
  });

  it('removed by a deploy leaves SSH as it is, where it is to', async () => {
    await deploy([TAB, READ]);
    assert.deepEqual(await schedules(), []);
    assert.equal(await ssh(), 'filtered');
    await deploy(flows({ hours: ALWAYS }));
    await becomes('in');
    await deploy([TAB, READ]);
    assert.deepEqual(await schedules(), []);
    assert.equal(await ssh(), 'in');
  });

  it('or closes it', async () => {
    await deploy(flows({ hours: ALWAYS, whenRemoved: 'close' }));
    await until(async () => (await schedules()).length === 1);
    assert.equal(await ssh(), 'in');
    // Also if no other node of the package is left to keep the device open.
    await deploy([TAB]);
    assert.deepEqual(await schedules(), []);
    assert.equal(await ssh(), 'filtered');
  });

  it('that is disabled counts as removed', async () => {
    await deploy(flows({ hours: ALWAYS, whenRemoved: 'close' }));
    await becomes('in');
    await deploy(flows({ hours: ALWAYS, whenRemoved: 'close', d: true }));
    assert.equal(await ssh(), 'filtered');
  });
});
