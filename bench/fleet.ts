/**
 * `npm run bench:fleet`: one request to a whole fleet. First real embedded devices, each with its own ufw and Node-RED,
 * compared with what a user would do instead, a loop that runs a script of `ufw` calls on each; then thousands of connections
 * that merely respond as devices do, against the operator's flow. Prints a table and writes `bench/fleet.json`.
 * `-- --quick` has fewer of both.
 */
import { strict as assert } from 'node:assert';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import type { Device } from '../test/device/device';
import type { InsideProcess } from '../test/device/inside-process';
import { ensurePackages } from '../test/device/packages';
import { everything, restore } from '../test/firewall/stable';
import { Client } from '../test/fleet/client';
import { Member } from '../test/fleet/member';
import { BROKER_PORT, Office, TESTER } from '../test/fleet/office';
import type { Simulated } from '../test/fleet/responders';
import { rounded } from './figures';
import { commandsBetween, type DeviceState, rulesAsCommands } from './operations';
import { type FleetFigures, fleetTable, type LoopFigure, loopTable } from './table';

const RESULTS = join(resolve(__dirname, '..', '..'), 'bench', 'fleet.json');
const QUICK = process.argv.includes('--quick');
const REAL = QUICK ? 5 : 50;
const SIMULATED = QUICK ? [200] : [2000, 10_000];
/** The number of connections held by one process. */
const PER_PROCESS = 500;
/** How many devices the loop works on at a time. */
const AT_A_TIME = [1, 10] as const;
const STARTED_AT_A_TIME = 3;
/** A simulated device answers within this time, in ms, which is what a device of the bench takes. */
const ANSWER_MS = 500;
const PATIENCE_MS = 300_000;

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

async function main(): Promise<void> {
  await ensurePackages('fleet');
  const { fleet, loops } = await real();
  say(fleetTable([fleet]));
  say(loopTable(loops));
  const simulations: FleetFigures[] = [];
  for (const count of SIMULATED) simulations.push(await simulated(count));
  say(fleetTable([fleet, ...simulations]));
  const machine = { cores: cpus().length, node: process.version };
  await writeFile(RESULTS, `${JSON.stringify({ machine, fleets: [fleet, ...simulations], loops }, null, 2)}\n`);
  say(`Written to ${RESULTS}.`);
}

const namesOf = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${what}-${at + 1}`);

/** Makes Node-RED report for how long it was blocked. */
const LAG = { NODE_OPTIONS: `-r ${join(__dirname, 'lag.js')}` };

async function real(): Promise<{ fleet: FleetFigures; loops: LoopFigure[] }> {
  const names = namesOf('device', REAL);
  const office = await Office.open(names);
  const members: Member[] = [];
  try {
    const operator = await office.startNodeRed({ env: LAG });
    say(`starting ${REAL} devices …`);
    await inTurns(names, STARTED_AT_A_TIME, async (name) => {
      members.push(await Member.open(office, name, 'bench'));
    });
    await untilCount(office, 'online', REAL);
    const devices = members.map(({ device }) => device);
    const states = await Promise.all(devices.map(everything));
    const before = await rulesAsCommands(devices[0] as Device);
    say('One request to all of them …');
    const fleet = await requestToAll(office, operator, REAL, 'real devices');
    await assertLockedDown(devices);
    const memory = await Promise.all(members.map(({ device, nodeRed }) => memoryOf(device, nodeRed.pid)));
    fleet.deviceMb = rounded(memory.reduce((sum, one) => sum + one, 0) / REAL);
    // What a user would run on each instead, from the same initial state; nothing else runs there in the meantime.
    const script = commandsBetween(before, await rulesAsCommands(devices[0] as Device));
    await Promise.all(members.map(({ nodeRed }) => nodeRed.kill()));
    const loops: LoopFigure[] = [];
    for (const atATime of AT_A_TIME) {
      await inTurns(devices, 10, (device) => restore(device, states[devices.indexOf(device)] as DeviceState));
      say(`A loop over ${REAL} devices, ${atATime} at a time …`);
      const started = now();
      await inTurns(devices, atATime, async (device) => {
        const input = script.map((step) => ('argv' in step ? `${step.argv.join(' ')}\n` : '')).join('');
        assert.equal((await device.run(['sh', '-e'], { input })).code, 0);
      });
      const ms = rounded(now() - started);
      await assertLockedDown(devices);
      loops.push({ atATime, devices: REAL, ms, timesFleet: rounded(ms / fleet.allMs) });
    }
    return { fleet, loops };
  } finally {
    await Promise.all([office, ...members].map(({ device }) => device.close()));
  }
}

/** Connections that merely respond, some hundreds per process. The operator's Node-RED starts once all are connected. */
async function simulated(count: number): Promise<FleetFigures> {
  const names = namesOf('simulated', count);
  const office = await Office.open(names);
  try {
    say(`${count} simulated devices connect …`);
    const program = join(__dirname, '..', 'test', 'fleet', 'responders.js');
    const groups = Array.from({ length: Math.ceil(count / PER_PROCESS) }, (_, at) =>
      names.slice(at * PER_PROCESS, (at + 1) * PER_PROCESS),
    );
    const cpuBefore = await cpuOf(office.device, office.brokerPid);
    for (const group of groups) {
      const plan: Simulated = {
        ...{ port: BROKER_PORT, ca: '/etc/mosquitto/certs/ca.crt', delayMs: ANSWER_MS },
        accounts: group.map((name) => office.accountOf(name)),
      };
      const responders = await office.device.spawn([office.device.node, program]);
      responders.write(JSON.stringify(plan));
      responders.endInput();
      await responders.until(/ready/, PATIENCE_MS);
    }
    const connectCpuMs = (await cpuOf(office.device, office.brokerPid)) - cpuBefore;
    const operator = await office.startNodeRed({ env: LAG });
    const started = now();
    await untilCount(office, 'online', count);
    const startMs = now() - started;
    const startBlockMs = await longestBlock(office, operator);
    say('One request to all of them …');
    const figures = await requestToAll(office, operator, count, 'simulated');
    return {
      ...figures,
      start: {
        tableMs: rounded(startMs),
        longestBlockMs: rounded(startBlockMs),
        brokerCpuMsPerConnection: rounded(connectCpuMs / count),
      },
    };
  } finally {
    await office.device.close();
  }
}

/** Presses the button, and records when each result arrives. */
async function requestToAll(
  office: Office,
  operator: InsideProcess,
  devices: number,
  what: string,
): Promise<FleetFigures> {
  const tester = await Client.open(office, TESTER);
  let [results, states] = [0, 0];
  const at: number[] = [];
  tester.onMessage = (topic) => {
    if (topic.endsWith('/result')) {
      results += 1;
      at.push(now());
    } else states += 1;
  };
  await tester.subscribe('smartserver/device/+/firewall/result');
  await tester.subscribe('smartserver/device/+/firewall/state');
  await until(() => states >= devices);
  states = 0;
  await longestBlock(office, operator);
  const cpu = await cpuOf(office.device, office.brokerPid);
  const started = now();
  await office.press('Lock down all');
  await until(() => at.length >= devices);
  await untilCount(office, 'done', devices);
  const tableMs = now() - started;
  const brokerCpuMs = (await cpuOf(office.device, office.brokerPid)) - cpu;
  const blockMs = await longestBlock(office, operator);
  const part = (share: number): number => rounded((at[Math.ceil(devices * share) - 1] as number) - started);
  const page = await timed(() => office.page());
  const json = await timed(() => office.table());
  const figures: FleetFigures = {
    ...{ what, devices, halfMs: part(0.5), ninetyNineMs: part(0.99), allMs: part(1), tableMs: rounded(tableMs) },
    // The request reaches each device; the operator receives each result and state.
    messages: { requests: devices, results, states },
    brokerCpuMs: rounded(brokerCpuMs),
    operator: {
      memoryMb: rounded(await memoryOf(office.device, operator.pid)),
      longestBlockMs: rounded(blockMs),
      pageMs: rounded(page),
      jsonMs: rounded(json),
    },
    brokerMb: rounded(await memoryOf(office.device, office.brokerPid)),
  };
  await tester.close();
  return figures;
}

async function assertLockedDown(devices: readonly Device[]): Promise<void> {
  await inTurns(devices, 10, async ({ neighbour }) => {
    const [ssh, https] = await neighbour.probe([22, 443].map((port) => ({ proto: 'tcp', port, family: 'ipv4' })));
    assert.deepEqual([ssh, https], ['filtered', 'in']);
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = now();
  await work();
  return now() - started;
}

/** Processes a list, this many items at a time. */
async function inTurns<Item>(
  items: readonly Item[],
  atATime: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = now() + PATIENCE_MS;
  while (!(await holds())) {
    if (now() > deadline) throw new Error(`This condition was not met within ${PATIENCE_MS / 1000} s: ${holds}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Waits until the operator's table counts this many; only the counts are requested, since none fails. */
const untilCount = (office: Office, what: string, count: number): Promise<void> =>
  until(async () => (await office.table('?only=failed')).counts[what] === count);

/** A process's CPU time so far, in ms. */
async function cpuOf(device: Device, pid: number): Promise<number> {
  const fields = (await device.read(`/proc/${pid}/stat`)).split(') ')[1]?.split(' ') ?? [];
  // User and system time, in ticks of a hundredth of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory, in MB. */
async function memoryOf(device: Device, pid: number): Promise<number> {
  const status = await device.read(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** The longest time for which Node-RED was blocked since the last call, in ms. */
async function longestBlock(office: Office, nodeRed: InsideProcess): Promise<number> {
  const said = new Promise<number>((resolve) => {
    const look = (text: string): void => {
      const match = /longest block (\S+) ms/.exec(text);
      if (!match) return;
      nodeRed.off('stdout', look);
      resolve(Number(match[1]));
    };
    nodeRed.on('stdout', look);
  });
  await office.device.ok('kill', '-WINCH', String(nodeRed.pid));
  return said;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Exiting runs the devices' own exit hooks, which tear them down.
  process.once(signal, () => process.exit(1));
}

main().catch((error: Error) => {
  process.stderr.write(`npm run bench:fleet failed: ${error.stack}\n`);
  process.exitCode = 1;
});
