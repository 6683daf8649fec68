/**
 * `npm run bench:footprint`: what the packed package takes on a device – disk, packages, startup, memory – next to the same
 * figures of three well-known node packages, and compared with its budgets. Prints a table and writes `bench/footprint.json`.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { pack } from '../scripts/pack';
import { Device } from '../test/device/device';
import { type Installation, startNodeRed } from '../test/device/node-red';
import { ensurePackages } from '../test/device/packages';
import { type Budget, type Footprint, type Growth, type Memory, median, rounded } from './figures';
import { growthOf } from './growth';
import { budgetTable, packageTable } from './table';

const run = promisify(execFile);
const root = resolve(__dirname, '..', '..');
const RESULTS = join(root, 'bench', 'footprint.json');
const OWN = '@smartserver/node-red-firewall';
const OTHERS = ['node-red-contrib-cron-plus', 'node-red-contrib-influxdb', 'node-red-contrib-telegrambot'];
const STARTS = 15;
const MEMORY_RUNS = 7;
/** In ms. Memory is read this long after flows have started: by then, what is only needed at startup is gone. */
const SETTLE_MS = 3000;
/** After this many requests Node-RED has collected its young garbage several times, with or without the package. */
const WORK = 150;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** The subject of a measurement: Node-RED with one package, or with none. */
interface Installed {
  name: string;
  /** The `node_modules` folder that contains the package. */
  modules: string;
  /** The types of its nodes. */
  types: readonly string[];
}

async function main(): Promise<void> {
  await ensurePackages('bench');
  const folder = await mkdtemp(join(tmpdir(), 'footprint-'));
  const device = await Device.open();
  try {
    const none: Installed = { name: '', modules: join(folder, 'none'), types: [] };
    await mkdir(none.modules);
    const packages: Installed[] = [];
    for (const source of [pack(folder), ...OTHERS]) {
      packages.push(await install(device, source, join(folder, String(packages.length))));
    }
    say('Node-RED’s memory …');
    const [base, ...loaded] = (await memories(device, [none, ...packages])) as [Memory, ...Memory[]];
    const footprints: Footprint[] = [];
    for (const [at, { name, modules }] of packages.entries()) {
      say(`${name} …`);
      const { started, worked } = loaded[at] as Memory;
      const memory = { started: rounded(started - base.started), worked: rounded(worked - base.worked) };
      footprints.push({ name, ...(await sizesOf(modules, name)), memory });
    }
    say('the agent …');
    const agent = await agentOf(device, join(folder, '0', 'node_modules', OWN));
    say('growth …');
    const growth = await growthOf(device, installationOf(device, (packages[0] as Installed).modules));
    const budgets = budgetsOf(footprints[0] as Footprint, agent, growth);
    say(`\n${packageTable(footprints)}\n${budgetTable(budgets)}`);
    await writeFile(
      RESULTS,
      `${JSON.stringify({ node: process.version, footprints, agent, growth, budgets }, null, 2)}\n`,
    );
    say(`Written to ${RESULTS}.`);
  } finally {
    await device.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param source a package's name, or a tarball of this one */
async function install(device: Device, source: string, folder: string): Promise<Installed> {
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  await run('npm', ['install', ...flags, source], { cwd: folder });
  const modules = join(folder, 'node_modules');
  const name = source.startsWith('/') ? OWN : source;
  return { name, modules, types: await nodeTypes(device, modules, name) };
}

async function sizesOf(modules: string, name: string): Promise<Omit<Footprint, 'name' | 'memory'>> {
  const packageJson = JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8'));
  const files = Object.values<string>(packageJson['node-red'].nodes).map((file) => join(modules, name, file));
  const empty = await emptyFiles(join(modules, '..'), files.length);
  return {
    installed: await sizeOf(modules),
    packages: await packagesIn(modules),
    loadMs: rounded((await loading(files)) - (await loading(empty))),
  };
}

/** The total size of all files below, in bytes. */
async function sizeOf(path: string): Promise<number> {
  const { size, isFolder } = await stat(path).then((found) => ({ size: found.size, isFolder: found.isDirectory() }));
  if (!isFolder) return size;
  const sizes = await Promise.all((await readdir(path)).map((entry) => sizeOf(join(path, entry))));
  return sizes.reduce((sum, one) => sum + one, 0);
}

async function packagesIn(modules: string): Promise<number> {
  const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: join(modules, '..') });
  // The first line is the folder itself.
  return stdout.trim().split('\n').length - 1;
}

async function emptyFiles(folder: string, count: number): Promise<string[]> {
  const paths = Array.from({ length: count }, (_, at) => join(folder, `empty-${at}.js`));
  for (const path of paths) await writeFile(path, 'module.exports = () => undefined;\n');
  return paths;
}

const LOAD = `
const begun = process.hrtime.bigint();
for (const file of process.argv.slice(1)) require(file);
process.stdout.write(String(Number(process.hrtime.bigint() - begun) / 1e6));
process.exit(0);
`;

/** How long a new process takes to load these files, the median of some, in ms. */
async function loading(files: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < STARTS; turn++) {
    const { stdout } = await run(process.execPath, ['-e', LOAD, ...files]);
    times.push(Number(stdout));
  }
  return median(times);
}

/** The node types of a package, according to Node-RED. */
async function nodeTypes(device: Device, modules: string, name: string): Promise<string[]> {
  const nodeRed = await startNodeRed(device, [], { installation: installationOf(device, modules) });
  const { port, close } = await device.forward(1880);
  const sets = await nodeSets(port);
  await close();
  await nodeRed.kill();
  return sets.filter(({ module }) => module === name).flatMap(({ types }) => types);
}

async function nodeSets(port: number): Promise<{ module: string; types: string[] }[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/nodes`, { headers: { accept: 'application/json' } });
  return answer.json() as Promise<{ module: string; types: string[] }[]>;
}

const installationOf = (device: Device, modules: string): Installation => ({
  ...{ node: device.node, modules },
  red: device.inside(join(root, 'node_modules', 'node-red', 'red.js')),
});

/** Node-RED's resident memory with each of these, the median of several starts, in turn. */
async function memories(device: Device, contestants: readonly Installed[]): Promise<Memory[]> {
  const sizes = contestants.map((): Memory[] => []);
  for (let turn = 0; turn < MEMORY_RUNS; turn++) {
    for (const [at, contestant] of contestants.entries()) sizes[at]?.push(await memory(device, contestant));
  }
  return sizes.map((ofOne) => ({
    started: median(ofOne.map(({ started }) => started)),
    worked: median(ofOne.map(({ worked }) => worked)),
  }));
}

/** Node-RED's resident memory with one node of each type, all for one device. */
async function memory(device: Device, { modules, types }: Installed): Promise<Memory> {
  const tab = { id: 'tab', type: 'tab', label: 'all', disabled: false, info: '' };
  const config = { id: 'config', type: 'smartserver', name: '' };
  const flows = types.map((type, at) =>
    type === config.type
      ? config
      : { id: `n${at}`, type, z: tab.id, x: 100, y: 40 * at, wires: [[]], device: config.id },
  );
  // Node-RED remembers the packages of its last start.
  await device.remove(join(device.account.home, '.node-red'));
  const nodeRed = await startNodeRed(device, [tab, ...flows], { installation: installationOf(device, modules) });
  await settled();
  const started = await residentMb(device, nodeRed.pid);
  await work(device);
  await settled();
  const worked = await residentMb(device, nodeRed.pid);
  await nodeRed.kill();
  return { started, worked };
}

const settled = (): Promise<void> => new Promise((done) => setTimeout(done, SETTLE_MS));

async function residentMb(device: Device, pid: number): Promise<number> {
  const status = await device.read(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** Makes Node-RED list its nodes, as the editor does. */
async function work(device: Device): Promise<void> {
  const { port, close } = await device.forward(1880);
  for (let request = 0; request < WORK; request++) await nodeSets(port);
  await close();
}

/** The footprint of one request to the agent. */
interface AgentFigures {
  /** Peak resident memory, in MB. */
  peakMb: number;
  /** From start to response, as a multiple of `node -e 0`. */
  timesEmpty: number;
  /** Resident memory of one that waits for its request, in MB. */
  waitingMb: number;
}

async function agentOf(device: Device, folder: string): Promise<AgentFigures> {
  const request = JSON.stringify({ settings: {}, call: { method: 'read', request: {} } });
  const inside = join(device.account.home, 'footprint.js');
  // As `setup` installs it.
  const agent = join(device.account.home, 'agent.js');
  for (const name of ['program.js', 'load.js'])
    await device.ok('cp', join(folder, 'dist', 'agent', name), device.account.home);
  await device.write(agent, "require('./load.js').program.agent();");
  const { code, stderr } = await device.run([device.node, join(device.account.home, 'load.js')], { input: request });
  if (code !== 0) throw new Error(stderr);
  await device.write(inside, ASKING);
  const measured = JSON.parse(await device.ok(device.node, inside, agent, request, String(STARTS))) as {
    peaks: number[];
    asked: number[];
    empty: number[];
  };
  return {
    peakMb: rounded(median(measured.peaks)),
    timesEmpty: Math.round((median(measured.asked) / median(measured.empty)) * 100) / 100,
    waitingMb: rounded(await waitingMb(device)),
  };
}

/** What one takes that has gone through a lockdown and waits. */
async function waitingMb(device: Device): Promise<number> {
  const code = `require('${device.account.home}/load.js').program.standBy(600, 60)`;
  const waiting = await device.spawn([device.node, '-e', code]);
  await settled();
  const megabytes = await residentMb(device, waiting.pid);
  waiting.endInput();
  await waiting.exited;
  return megabytes;
}

/** Runs inside the device: sends a request to the agent, and starts a Node.js that does nothing, in turn. */
const ASKING = `
const { spawnSync } = require('child_process');
const [agent, request, turns] = process.argv.slice(2);
const { writeFileSync } = require('fs');
writeFileSync('/run/peak.js', "process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS))");
const timed = (args, input) => {
  const begun = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { input, encoding: 'utf8', maxBuffer: 1e8 });
  if (status !== 0) throw new Error(stderr);
  return { ms: Number(process.hrtime.bigint() - begun) / 1e6, stdout, stderr };
};
const [peaks, asked, empty] = [[], [], []];
for (let turn = 0; turn < Number(turns); turn++) {
  const answer = timed([agent], request);
  if (!JSON.parse(answer.stdout).result) throw new Error(answer.stdout);
  asked.push(answer.ms);
  empty.push(timed(['-e', '0'], '').ms);
  peaks.push(Number(timed(['-r', '/run/peak.js', agent], request).stderr.split('peak ')[1]) / 1024);
}
console.log(JSON.stringify({ peaks, asked, empty }));
`;

function budgetsOf(
  own: Footprint,
  { peakMb, timesEmpty, waitingMb }: AgentFigures,
  { readings, changes, heapMb }: Growth,
): Budget[] {
  const atMost = (what: string, figure: number, limit: number, unit: string): Budget => ({
    ...{ what, budget: `≤ ${limit}${unit}`, figure: `${figure}${unit}`, met: figure <= limit },
  });
  return [
    atMost('installed size', rounded(own.installed / 2 ** 20), 3, ' MB'),
    atMost('packages in the tree', own.packages, 30, ''),
    atMost('loading all node sets, minus empty ones', own.loadMs, 60, ' ms'),
    atMost("Node-RED's memory with all nodes deployed, minus without", own.memory.started, 12, ' MB'),
    atMost('the same, after answering requests', own.memory.worked, 12, ' MB'),
    atMost("the agent's peak memory", peakMb, 60, ' MB'),
    atMost('a privileged program that waits', waitingMb, 70, ' MB'),
    atMost(
      `Node-RED's heap after ${readings} readings and ${changes} changes, minus after a tenth`,
      ...([rounded(heapMb.late - heapMb.early), 1, ' MB'] as const),
    ),
    atMost('the agent from start to response, relative to node -e 0', timesEmpty, 2.5, '×'),
  ];
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Exiting runs the device's own exit hook, which tears it down.
  process.once(signal, () => process.exit(1));
}

main().catch((error: Error) => {
  process.stderr.write(`npm run bench:footprint failed: ${error.message}\n`);
  process.exitCode = 1;
});
