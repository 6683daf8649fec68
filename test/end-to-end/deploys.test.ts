/**
 * Deploys while requests wait, in real Node-RED processes on the device: what closed nodes asked for and had not begun is not
 * made, and after a lockdown's answer nothing that was requested before it changes anything. Repeat with SEED;
 * DEPLOY_INTERLEAVINGS_ON_DEVICE sets how many are tried with two Node-RED processes.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { before, beforeEach, describe, it } from 'mocha';
import type { ChangeResult, State } from '../../firewall/results';
import { fetch } from '../device/fetch';
import type { InsideProcess } from '../device/inside-process';
import { startNodeRed } from '../device/node-red';
import { useDevice, useShared } from '../device/suite';
import { Random } from '../firewall/commands';
import { everything, restore } from '../firewall/stable';
import { until } from '../firewall/until';
import { SEED } from '../seed';

const COUNT = Number(process.env.DEPLOY_INTERLEAVINGS_ON_DEVICE ?? 4);
const KINDS = ['full', 'flows', 'nodes'] as const;
const PORTS = [1880, 1881] as const;

const node = (id: string, type: string, fields: object, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x: 100, y: 100, wires: [wires] },
  ...fields,
});

/** `/toggle?count=7` sends seven toggles of SSH, `/lockdown` and `/read` answer with what their node sends. */
const flows = ({ name = '', device = '' } = {}) => [
  { id: 'tab', type: 'tab', label: 'Flow' },
  ...(device === '' ? [] : [{ id: device, type: 'smartserver', name: '', keepBackups: 7 }]),
  node('in-toggle', 'http in', { url: '/toggle', method: 'get' }, 'many'),
  {
    ...node('many', 'function', {
      func: 'return [Array.from({ length: msg.payload.count }, () => ({})), msg];',
      outputs: 2,
    }),
    // Answered when all have been sent.
    wires: [['toggle'], ['out']],
  },
  node('toggle', 'toggle-service', { name, device, service: 'ssh', serviceType: 'str', action: 'toggle' }),
  node('in-lockdown', 'http in', { url: '/lockdown', method: 'get' }, 'lock'),
  node('lock', 'set-profile', { profile: 'lockdown', profileType: 'str' }, 'out'),
  node('in-read', 'http in', { url: '/read', method: 'get' }, 'reader'),
  node('reader', 'read-firewall', {}, 'out'),
  node('out', 'http response', {}),
];

describe('A deploy while requests wait', function () {
  this.timeout(400_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const processes: { url: string; nodeRed: InsideProcess }[] = [];

  before(async () => {
    for (const [at, port] of PORTS.entries()) {
      const home = join(device.account.home, `process-${at}`);
      await device.ok('mkdir', '-p', home);
      const nodeRed = await startNodeRed(device, flows(), { account: { ...device.account, home }, port });
      processes.push({ nodeRed, url: `http://127.0.0.1:${(await device.forward(port)).port}` });
    }
  });

  beforeEach(async () => {
    for (const at of PORTS.keys()) await deploy(at, flows(), 'full');
    // What has begun has ended.
    for (const at of PORTS.keys()) await get<State>(at, '/read');
    await device.remove('/var/lib/smartserver-firewall');
    await restore(device, factory);
  });

  /** Right after a deploy there may not be a path yet. */
  const get = async <Answer>(at: number, path: string): Promise<Answer> => {
    let answer: Answer | undefined;
    await until(async () => {
      const { status, body } = await fetch(`${processes[at]?.url}${path}`, { silenceMs: 60_000 });
      if (status === 200) answer = JSON.parse(body);
      return status === 200;
    });
    return answer as Answer;
  };
  const deploy = async (at: number, deployed: object[], kind: (typeof KINDS)[number]): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'Node-RED-Deployment-Type': kind };
    const body = JSON.stringify(deployed);
    const { status } = await fetch(`${processes[at]?.url}/flows`, { method: 'POST', headers, body, silenceMs: 60_000 });
    assert.equal(status, 204);
  };
  const rules = () => device.read('/etc/ufw/user.rules');
  /** Sends sixty toggles, and waits until the first of them is made. */
  const begin = async (at: number): Promise<void> => {
    const before = await rules();
    await get(at, '/toggle?count=60');
    await until(async () => (await rules()) !== before);
  };
  /** Whatever still waits anywhere would be made before these readings. */
  const assertNothingFollows = async (state: Record<string, string>): Promise<void> => {
    for (const at of PORTS.keys()) await get<State>(at, '/read');
    assert.deepEqual(await everything(device), state);
  };

  for (const kind of KINDS) {
    it(`of kind ${kind} drops sixty toggles that have not begun, says so, and a lockdown then is the last word`, async () => {
      await begin(0);
      await deploy(0, flows({ name: 'other' }), kind);
      await processes[0]?.nodeRed.until(/toggle-service:.*cancelled because the flow was stopped: [1-9]/);
      const { state } = await get<ChangeResult>(0, '/lockdown');
      assert.equal(state.profile.name, 'lockdown');
      await assertNothingFollows(await everything(device));
    });
  }

  it('that removes every node of the package ends what they had asked for', async () => {
    await begin(0);
    await deploy(0, [{ id: 'tab', type: 'tab', label: 'Flow' }], 'full');
    // What had begun is made before what the other process asks for, and the rest not at all.
    await get<State>(1, '/read');
    await deploy(0, flows(), 'full');
    await get<State>(0, '/read');
    await assertNothingFollows(await everything(device));
  });

  it('leaves one queue to the old and the new flows, and to all configurations', async () => {
    await get(0, '/toggle?count=5');
    await deploy(0, flows({ device: 'own' }), 'full');
    await Promise.all([get(0, '/toggle?count=5'), get(0, '/lockdown')]);
    const state = await get<State>(0, '/read');
    assert.equal(state.inSync, true);
    assert.equal((await device.run(['ls', '/var/lib/smartserver-firewall/journal.json'])).code, 2);
  });

  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    it(`and a lockdown, at random in two processes, with seed ${seed}`, async () => {
      const random = new Random(seed);
      for (let step = 0; step < 6; step++) {
        const at = random.below(2);
        const kind = random.pick(KINDS);
        const variant = { name: `name ${random.below(3)}`, device: random.pick(['', 'own', 'other']) };
        if (random.below(2) === 0) await get(at, `/toggle?count=${1 + random.below(30)}`);
        else await deploy(at, flows(variant), kind);
      }
      const { state } = await get<ChangeResult>(random.below(2), '/lockdown');
      assert.equal(state.profile.name, 'lockdown');
      await assertNothingFollows(await everything(device));
    });
  }
});
