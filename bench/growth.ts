/** Whether Node-RED's memory grows with what it has done for the firewall: readings and changes, one after the other. */
import { join } from 'node:path';
import type { Device } from '../test/device/device';
import { fetch } from '../test/device/fetch';
import { GAUGE_PORT, type Gauge } from '../test/device/gauge-answer';
import { type Installation, startNodeRed } from '../test/device/node-red';
import { type Growth, rounded } from './figures';

const READINGS = 10_000;
const CHANGES = 1000;
/** By then all that is kept once is there, and what is bounded is full: backups, what the ledger's end takes. */
const WARM_UP = 10;

const FLOW = [
  { id: 'tab', type: 'tab', label: 'growth' },
  { id: 'device', type: 'smartserver', name: '' },
  // No id is the value of a property: Node-RED would take that for a configuration to wait for.
  ...[
    { id: 'reads', url: '/read', type: 'read-firewall' },
    {
      id: 'toggles',
      url: '/toggle',
      type: 'toggle-service',
      service: '9100/tcp',
      serviceType: 'str',
      action: 'toggle',
    },
  ].flatMap(({ url, ...node }) => [
    { id: `in-${node.id}`, type: 'http in', z: 'tab', url, method: 'get', wires: [[node.id]] },
    { ...node, z: 'tab', device: 'device', wires: [['out']] },
  ]),
  { id: 'out', type: 'http response', z: 'tab', wires: [] },
];

export async function growthOf(device: Device, installation: Installation): Promise<Growth> {
  await device.remove(join(device.account.home, '.node-red'));
  const preload = join(__dirname, 'gauge-unoptimised.js');
  const nodeRed = await startNodeRed(device, FLOW, { installation, preload });
  const [flow, gauge] = [await device.forward(1880), await device.forward(GAUGE_PORT)];
  const work = async (share: number): Promise<Gauge> => {
    for (let done = 0; done < CHANGES * share; done++) {
      for (let reading = 0; reading < READINGS / CHANGES; reading++) await visit(flow.port, '/read');
      await visit(flow.port, '/toggle');
    }
    return JSON.parse(await visit(gauge.port, '/settled')) as Gauge;
  };
  const early = await work(1 / WARM_UP);
  const late = await work(1 - 1 / WARM_UP);
  await Promise.all([flow.close(), gauge.close()]);
  await nodeRed.kill();
  return {
    ...{ readings: READINGS, changes: CHANGES },
    heapMb: { early: rounded(early.heap), late: rounded(late.heap) },
    rssMb: { early: rounded(early.rss), late: rounded(late.rss) },
  };
}

/** What is served there. Rejects where it is no JSON object: a refusal is served as nothing at all. */
async function visit(port: number, path: string): Promise<string> {
  const { body } = await fetch(`http://127.0.0.1:${port}${path}`, {});
  if (!body.startsWith('{')) throw new Error(`${path}: ${body}`);
  return body;
}
