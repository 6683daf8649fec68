/**
 * `npm run bench:arm`: what requests take on an emulated 32-bit ARM board, beside `ufw` calls and the start of programs there, by the
 * user that Node-RED runs as, the first time after its start and later; and what memory the package takes. Prints tables and writes
 * `bench/arm.json`. Absolute times are the emulator's: compare those of one run. `-- --quick` repeats less.
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChangeResult } from '../firewall/results';
import { AGENT, requestOf, STANDBY, setUp } from '../test/agent/as-apollo';
import { Board } from '../test/arm/board';
import { ask, FLOW } from '../test/arm/flow';
import { REDS } from '../test/arm/image';
import type { InsideProcess } from '../test/device/inside-process';
import { startNodeRed } from '../test/device/node-red';
import { check } from '../test/device/processes';
import { everything, restore } from '../test/firewall/stable';
import { NODES } from '../test/sets';
import { type ArmFigure, type ArmMemory, median, rounded, spread, type Target } from './figures';
import { listenOnSsh } from './listener';
import { commandsBetween, rulesAsCommands } from './operations';
import { armMemoryTable, armTable, targetTable } from './table';

const RESULTS = join(resolve(__dirname, '..', '..'), 'bench', 'arm.json');
const quick = process.argv.includes('--quick');
/** Node-RED's starts for each user and request, and the requests after the first one. */
const STARTS = quick ? 1 : 3;
const LATER = quick ? 2 : 4;
const PROGRAMS = quick ? 3 : 7;
const SCRIPTS = quick ? 1 : 3;
const MEMORIES = quick ? 1 : 3;
const PATIENCE_MS = 600_000;
const PROBE_MS = 100;
const ROOT = { uid: 0, gid: 0, home: '/root' };
const SCRIPT = '/run/lockdown.sh';
const RED = REDS[0];

const USERS = [
  { name: 'Node-RED as root', account: ROOT },
  { name: 'Node-RED as apollo', account: undefined },
] as const;

/** What is asked for, by its path in the flow. */
const REQUESTS = [
  { operation: 'read', path: 'read', body: {} },
  { operation: 'enhanced, nothing to change', path: 'profile', body: { profile: 'enhanced' } },
  { operation: 'lockdown', path: 'profile', body: { profile: 'lockdown' } },
] as const;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const now = (): number => performance.timeOrigin + performance.now();

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = now();
  await act();
  return now() - begun;
}

/** Until the board has had nothing to do for two seconds: what happens after a start is over. */
async function atRest(board: Board): Promise<void> {
  const look = async (): Promise<{ idle: number; all: number }> => {
    const [line = ''] = (await board.read('/proc/stat')).split('\n');
    const ticks = line.split(/\s+/).slice(1).map(Number);
    return { idle: ticks[3] as number, all: ticks.reduce((sum, one) => sum + one, 0) };
  };
  for (let before = await look(), idle = 0; idle < 0.9; ) {
    await pause(2000);
    const after = await look();
    idle = (after.idle - before.idle) / (after.all - before.all);
    before = after;
  }
}

/** What there is of one kind of call. */
class Times {
  readonly all = new Map<string, { figure: Pick<ArmFigure, 'operation' | 'contestant' | 'call'>; ms: number[] }>();

  add(operation: string, contestant: string, call: ArmFigure['call'], ms: number): void {
    const key = `${operation}/${contestant}/${call}`;
    const one = this.all.get(key) ?? { figure: { operation, contestant, call }, ms: [] };
    this.all.set(key, one);
    one.ms.push(ms);
    say(`  ${operation}, ${contestant}, ${call}: ${(ms / 1000).toFixed(2)} s`);
  }

  figures(): ArmFigure[] {
    const own = (operation: string): number =>
      median(this.all.get(`${operation}/${USERS[0].name}/later`)?.ms ?? [Number.NaN]);
    return [...this.all.values()].map(({ figure, ms }) => {
      const times = median(ms) / own(figure.operation.replace(' in the kernel', ''));
      return { ...figure, ms: spread(ms), timesThisPackage: Number.isNaN(times) ? null : rounded(times) };
    });
  }
}

async function main(): Promise<void> {
  const board = await Board.open();
  try {
    await setUp(board);
    await listenOnSsh(board, PATIENCE_MS);
    const start = await everything(board);
    const times = new Times();
    await inNodeRed(board, start, times);
    await byPrograms(board, start, times);
    const memory = await memories(board);
    const figures = times.figures();
    const targets = targetsOf(figures, memory);
    say(`\n${armTable(figures)}\n${armMemoryTable(memory)}\n${targetTable(targets)}`);
    const versionOf = async (...argv: string[]): Promise<string> =>
      ((await board.ok(...argv)).split('\n')[0] as string).replace(/^[a-z]+ v?/, '');
    const machine = {
      emulated: 'qemu-system-arm -M virt -cpu cortex-a15 -m 768',
      ...{ node: await versionOf(board.node, '--version'), nodeRed: RED, kernel: await versionOf('uname', '-r') },
      ...{ ufw: await versionOf('ufw', '--version'), iptables: await versionOf('iptables', '--version') },
    };
    await writeFile(RESULTS, `${JSON.stringify({ machine, figures, memory, targets }, null, 2)}\n`);
    say(`Written to ${RESULTS}.`);
  } finally {
    await board.close();
  }
}

/** Each request in a Node-RED of its own, which has come to rest after its start. */
async function inNodeRed(board: Board, start: Record<string, string>, times: Times): Promise<void> {
  for (let turn = 0; turn < STARTS; turn++) {
    for (const { name, account } of USERS) {
      for (const { operation, path, body } of REQUESTS) {
        await restore(board, start);
        const nodeRed = await started(board, account);
        await atRest(board);
        for (let call = 0; call <= LATER; call++) {
          const which = call === 0 ? 'first' : 'later';
          if (operation === 'lockdown') {
            const { answeredMs, kernelMs } = await lockdown(board, body);
            times.add(operation, name, which, answeredMs);
            times.add(`${operation} in the kernel`, name, which, kernelMs);
            await restore(board, start);
          } else times.add(operation, name, which, await timed(() => ask(board, path, body)));
          // The next one is not slowed down by what this one has left to do.
          await atRest(board);
        }
        await nodeRed.kill();
      }
    }
  }
}

function started(board: Board, account: (typeof USERS)[number]['account']): Promise<InsideProcess> {
  const from = { installation: board.installation(RED), patienceMs: PATIENCE_MS };
  return startNodeRed(board, FLOW, { ...from, ...(account && { account }) });
}

/** Until it is answered, and until a neighbour who keeps asking is answered on SSH for the last time. */
async function lockdown(board: Board, body: object): Promise<{ answeredMs: number; kernelMs: number }> {
  const probe = await board.neighbour.monitor({ proto: 'tcp', port: 22, family: 'ipv4', everyMs: PROBE_MS });
  const begun = now();
  const { changed } = await ask<ChangeResult>(board, 'profile', body);
  const answeredMs = now() - begun;
  const { times } = await probe.stop();
  const last = times.reduce((latest, one) => (one.answered ? Math.max(latest, one.at) : latest), 0);
  if (!changed || last < begun) throw new Error('The lockdown changed nothing.');
  return { answeredMs, kernelMs: last - begun };
}

/** Without Node-RED: the agent through sudo, what a user would do instead, and what programs take there anyway. */
async function byPrograms(board: Board, start: Record<string, string>, times: Times): Promise<void> {
  const agent = async (method: string, request: object): Promise<void> => {
    const argv = ['sudo', '-n', AGENT];
    const input = requestOf(method, request);
    check(argv, await board.runAs('apollo', argv, { input, timeoutMs: PATIENCE_MS }));
  };
  await restore(board, start);
  const before = await rulesAsCommands(board);
  await agent('setProfile', { profile: 'lockdown' });
  const calls = commandsBetween(before, await rulesAsCommands(board));
  const lines = calls.map((step) => (step.kind === 'program' ? `${step.argv.join(' ')} >/dev/null || exit 1\n` : ''));
  await board.write(SCRIPT, lines.join(''));
  for (let turn = 0; turn < PROGRAMS; turn++) {
    await restore(board, start);
    times.add('read', 'agent alone, through sudo', 'later', await timed(() => agent('read', {})));
    times.add('read', 'ufw status', 'later', await timed(() => board.ufw('status')));
    const wanted = { profile: 'lockdown' };
    times.add('lockdown', 'agent alone, through sudo', 'later', await timed(() => agent('setProfile', wanted)));
    times.add('start of a program', 'node -e 0', 'later', await timed(() => board.ok(board.node, '-e', '0')));
    times.add('start of a program', 'sudo -n true', 'later', await timed(() => board.ok('sudo', '-n', 'true')));
    times.add('start of a program', 'true', 'later', await timed(() => board.ok('true')));
  }
  for (let turn = 0; turn < SCRIPTS; turn++) {
    await restore(board, start);
    const script = async () => check([SCRIPT], await board.run(['sh', SCRIPT], { timeoutMs: PATIENCE_MS }));
    times.add('lockdown', `${lines.length} ufw calls`, 'later', await timed(script));
  }
  await restore(board, start);
}

/** Node-RED's resident memory without the package, and with one node of each type; in turn. */
async function memories(board: Board): Promise<ArmMemory> {
  const tab = { id: 'tab', type: 'tab', label: 'all', disabled: false, info: '' };
  const config = { id: 'config', type: 'smartserver', name: '' };
  const nodes = NODES.filter((type) => type !== config.type).map((type, at) => ({
    ...{ id: `n${at}`, type, z: tab.id, x: 100, y: 40 * at, wires: [[]], device: config.id },
  }));
  const none = '/opt/none';
  await board.ok('mkdir', '-p', none);
  const own = board.installation(RED);
  const sizes = { without: [] as number[], with: [] as number[], waiting: [] as number[] };
  for (let turn = 0; turn < MEMORIES; turn++) {
    for (const which of ['without', 'with'] as const) {
      // Node-RED remembers the packages of its last start.
      await board.remove(join(board.account.home, '.node-red'));
      const installation = which === 'with' ? own : { ...own, modules: none };
      const flows = which === 'with' ? [tab, config, ...nodes] : [tab];
      const nodeRed = await startNodeRed(board, flows, { installation, patienceMs: PATIENCE_MS });
      await atRest(board);
      sizes[which].push(await residentMb(board, nodeRed.pid));
      if (which === 'with') {
        const waiting = await board.ok('pgrep', '-f', `^\\S*node ${STANDBY}`);
        sizes.waiting.push(await residentMb(board, Number(waiting.split('\n')[0])));
      }
      await nodeRed.kill();
      say(`  memory of Node-RED ${which} the package: ${sizes[which].at(-1)?.toFixed(1)} MB`);
    }
  }
  const [alone, full, waiting] = [sizes.without, sizes.with, sizes.waiting].map((all) => rounded(median(all)));
  return { without: alone as number, with: full as number, waiting: waiting as number, repetitions: MEMORIES };
}

async function residentMb(board: Board, pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(await board.read(`/proc/${pid}/status`))?.[1]) / 1024;
}

function targetsOf(figures: readonly ArmFigure[], memory: ArmMemory): Target[] {
  const ms = (operation: string, contestant: RegExp, call: ArmFigure['call']): number =>
    figures.find((one) => one.operation === operation && contestant.test(one.contestant) && one.call === call)?.ms
      .median ?? Number.NaN;
  const kernel = 'lockdown in the kernel';
  const slower = (call: ArmFigure['call']): Target => {
    const times = ms(kernel, /apollo/, call) / ms(kernel, /root/, call);
    const what = `${call} lockdown from a flow to the kernel, as apollo relative to root`;
    return { what, target: '≤ 2×', figure: `${times.toFixed(2)}×`, met: times <= 2 };
  };
  const more = rounded(memory.with - memory.without);
  return [
    {
      ...{ what: "Node-RED's memory with all nodes deployed, minus without", target: '≤ 12 MB' },
      ...{ figure: `${more} MB`, met: more <= 12 },
    },
    slower('first'),
    slower('later'),
  ];
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Exiting runs the board's own exit hook, which tears it down.
  process.once(signal, () => process.exit(1));
}

main().catch((error: Error) => {
  process.stderr.write(`npm run bench:arm failed: ${error.message}\n`);
  process.exitCode = 1;
});
