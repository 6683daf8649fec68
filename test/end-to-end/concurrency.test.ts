/** Two Node-RED processes that change one firewall two hundred times concurrently, while ufw commands change other rules. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import type { ChangeResult } from '../../firewall/results';
import { fetch } from '../device/fetch';
import { startNodeRed } from '../device/node-red';
import { useDevice } from '../device/suite';
import { assertReloadChangesNothing } from '../firewall/stable';

/**
 * Opens the port named in a request, and responds with the result or the error. No id equals the value of a property:
 * Node-RED would take that for a reference to the node.
 */
const FLOW = [
  { id: 'tab', type: 'tab', label: 'Flow' },
  { id: 'in', type: 'http in', z: 'tab', url: '/open', method: 'get', wires: [['opener']] },
  {
    ...{ id: 'opener', type: 'toggle-service', z: 'tab', wires: [['out']] },
    ...{ service: 'payload.port', serviceType: 'msg', action: 'open' },
  },
  { id: 'catch', type: 'catch', z: 'tab', scope: null, wires: [['why']] },
  {
    ...{ id: 'why', type: 'change', z: 'tab', wires: [['out']] },
    rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'error.message', tot: 'msg' }],
  },
  { id: 'out', type: 'http response', z: 'tab', wires: [] },
];

/** Reads both rule files continuously, and at its end prints how often, and anything that was not a rule file. */
const WATCH = `
const { readFileSync } = require('fs');
let looks = 0; const wrong = [];
process.stdin.on('end', () => { console.log(JSON.stringify({ looks, wrong })); process.exit(); }).resume();
setInterval(() => {
  for (const name of ['user.rules', 'user6.rules']) {
    const text = readFileSync('/etc/ufw/' + name, 'latin1');
    looks++;
    if (!text.startsWith('*filter\\n') || !text.endsWith('COMMIT\\n')) wrong.push(text.slice(-200));
  }
}, 1);`;

/** How many changes are made beside ufw commands. */
const UNDER_UFW = Number(process.env.CHANGES_UNDER_UFW ?? 60);

describe('Two Node-RED processes at one firewall', function () {
  this.timeout(400_000);
  const device = useDevice();
  const ports: number[] = [];

  before(async () => {
    for (const [at, port] of [1880, 1881].entries()) {
      const home = join(device.account.home, `second-${at}`);
      await device.ok('mkdir', '-p', home);
      await startNodeRed(device, FLOW, { account: { ...device.account, home }, port });
      ports.push((await device.forward(port)).port);
    }
  });

  /** Opens this many ports from `first` on, alternating between both processes, all requested concurrently. */
  const open = async (first: number, count: number): Promise<void> => {
    const results = await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const answer = await fetch(`http://127.0.0.1:${ports[at % 2]}/open?port=${first + at}/tcp`, {
          silenceMs: 300_000,
        });
        assert.ok(answer.body.startsWith('{'), answer.body.slice(0, 300));
        return JSON.parse(answer.body) as ChangeResult;
      }),
    );
    assert.equal(results.filter(({ changed }) => changed).length, count);
  };
  const opened = async (first: number, count: number): Promise<number[]> => {
    const status = await device.ufw('status');
    const own = [...status.matchAll(/^(\d+)\/tcp +ALLOW/gm)].map((match) => Number(match[1]));
    return own.filter((port) => port >= first && port < first + count);
  };

  it('make sixty changes, with both rule files complete at every moment', async () => {
    const watch = await device.spawn([device.node, '-e', WATCH]);
    await open(10_000, 60);
    watch.endInput();
    const [, said = ''] = await watch.until(/^(\{.*\})$/m);
    const { looks, wrong } = JSON.parse(said) as { looks: number; wrong: string[] };
    assert.ok(looks > 1000, `${looks} looks`);
    assert.deepEqual(wrong, []);
    assert.equal((await opened(10_000, 60)).length, 60);
    await assertReloadChangesNothing(device);
  });

  it('make more under a loop of ufw commands, and lose none', async () => {
    const loop = 'while :; do ufw allow 9300/tcp; ufw delete allow 9300/tcp; sleep 0.2; done';
    const ufw = await device.spawn(['sh', '-c', loop]);
    await open(11_000, UNDER_UFW);
    await ufw.kill('SIGTERM');
    await device.run(['sh', '-c', 'while pgrep -x ufw; do sleep 0.05; done']);
    assert.equal((await opened(10_000, 60)).length, 60);
    assert.equal((await opened(11_000, UNDER_UFW)).length, UNDER_UFW);
    await assertReloadChangesNothing(device);
  });
});
