/**
 * Two Node-RED processes, each with two configurations of the same device and a watch by each, that change one firewall
 * concurrently, while ufw commands, a console and timers change it, too.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import type { ChangeResult, State } from '../../firewall/results';
import { fetch } from '../device/fetch';
import { startNodeRed } from '../device/node-red';
import { useDevice } from '../device/suite';
import { ledgerOf } from '../firewall/ledger-of';
import { assertReloadChangesNothing, STATE } from '../firewall/stable';
import { until } from '../firewall/until';

/**
 * Opens the port named in a request, through one of the two configurations, and responds with the result or the error. No
 * id equals the value of a property: Node-RED would take that for a reference to the node.
 */
const FLOW = [
  { id: 'tab', type: 'tab', label: 'Flow' },
  ...['first', 'second'].flatMap((name) => [
    { id: `${name}-device`, type: 'smartserver', name },
    { id: `${name}-watch`, type: 'watch-firewall', z: 'tab', device: `${name}-device`, wires: [[], []] },
    { id: `${name}-in`, type: 'http in', z: 'tab', url: `/${name}`, method: 'get', wires: [[`${name}-opener`]] },
    {
      ...{ id: `${name}-opener`, type: 'toggle-service', z: 'tab', device: `${name}-device`, wires: [['out']] },
      ...{ service: 'payload.port', serviceType: 'msg', action: 'open' },
      ...{ duration: 'payload.seconds', durationType: 'msg', reason: name, reasonType: 'str' },
    },
  ]),
  { id: 'caught', type: 'catch', z: 'tab', scope: null, wires: [['why']] },
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

/** How many changes are asked for concurrently. */
const AT_ONCE = 60;
/** How many changes are made beside ufw commands. */
const UNDER_UFW = Number(process.env.CHANGES_UNDER_UFW ?? 60);
/** How many are made beside a console that undoes some of them, and timers that end half of them. */
const LEDGER_CHANGES = Number(process.env.LEDGER_CHANGES ?? 24);

describe('Two Node-RED processes at one firewall', function () {
  this.timeout(400_000 + 2000 * LEDGER_CHANGES);
  const device = useDevice();
  const ports: number[] = [];
  /** What any of them has complained of. */
  const complaints: string[] = [];

  before(async () => {
    for (const [at, port] of [1880, 1881].entries()) {
      const home = join(device.account.home, `second-${at}`);
      await device.ok('mkdir', '-p', home);
      const nodeRed = await startNodeRed(device, FLOW, { account: { ...device.account, home }, port });
      const note = (text: string) => complaints.push(...(text.match(/^.*\[(?:warn|error)\].*$/gm) ?? []));
      nodeRed.on('stdout', note).on('stderr', note);
      ports.push((await device.forward(port)).port);
    }
  });

  /** Asks for this many ports from `first` on, of each process and configuration in turn, so many concurrently. */
  const ask = async (first: number, count: number, seconds: (at: number) => number = () => 0) => {
    const results: ChangeResult[] = [];
    while (results.length < count) {
      const at = results.length;
      const some = Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, next) =>
        askFor(first + at + next, at + next, seconds(at + next)),
      );
      results.push(...(await Promise.all(some)));
    }
    return results;
  };
  const askFor = async (port: number, at: number, seconds: number): Promise<ChangeResult> => {
    const configuration = at % 4 < 2 ? 'first' : 'second';
    const url = `http://127.0.0.1:${ports[at % 2]}/${configuration}?port=${port}/tcp&seconds=${seconds}`;
    const answer = await fetch(url, { silenceMs: 300_000 });
    assert.ok(answer.body.startsWith('{'), answer.body.slice(0, 300));
    return JSON.parse(answer.body) as ChangeResult;
  };
  const open = async (first: number, count: number): Promise<void> => {
    const results = await ask(first, count);
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
    assert.deepEqual(complaints, []);
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
    // What a ufw command has undone is made again, and the ledger says so.
    const changes = (await ledgerOf(device)).filter(({ type }) => type === 'change');
    const first = new Set(changes.filter(({ note }) => note === '').map(({ id }) => id));
    assert.equal(first.size, 60 + UNDER_UFW);
    for (const { id, note } of changes) assert.ok(first.has(id) && /^(Made again|$)/.test(note), note);
  });

  it('have each change in the ledger once, in the order of the commits, with those of a console and of timers', async () => {
    complaints.length = 0;
    const earlier = (await ledgerOf(device)).length;
    let isOver = false;
    const program = [device.node, device.inside(`${__dirname}/../../agent/smartserver-firewall.js`)];
    const console = async (): Promise<void> => {
      while (!isOver) await device.run([...program, 'undo', '--reason', 'by mistake']);
    };
    const made = ask(12_000, LEDGER_CHANGES, (at) => (at % 2 ? 1 : 0)).finally(() => {
      isOver = true;
    });
    const [results] = await Promise.all([made, console()]);
    await until(async () => {
      const { leases } = JSON.parse(await device.ok(...program, '--json', 'status')) as State;
      return leases.length === 0;
    });
    const entries = (await ledgerOf(device)).slice(earlier);
    const entered = entries.filter(({ type }) => ['change', 'restore', 'lease-end'].includes(type));
    const ids = entered.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { id, changed } of results) assert.equal(ids.includes(id), changed, id);
    assert.deepEqual([...new Set(entered.map(({ source }) => source.kind))].sort(), ['console', 'flow', 'timer']);
    // The files of the backups know the order by themselves; the oldest are gone.
    const files = (await device.ok('ls', '-tr', `${STATE}/backups`)).split('\n').filter(Boolean);
    const backups = files.map((name) => name.replace(/\.json$/, '')).filter((id) => ids.includes(id));
    assert.ok(backups.length >= 20);
    assert.deepEqual(
      ids.filter((id) => backups.includes(id)),
      backups,
    );
    assert.deepEqual(complaints, []);
    await assertReloadChangesNothing(device);
  });
});
