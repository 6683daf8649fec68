/**
 * `npm run bench`: this package, a script of `ufw` calls and `ufw reload` side by side on one embedded device, in turn,
 * with an increasing number of other rules; and this version beside 1.0.0. Prints a table and writes `bench/results.json`.
 * `-- --quick` repeats less. A missed target is printed, but is not an error.
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Device } from '../test/device/device';
import { ensurePackages } from '../test/device/packages';
import { Actor } from './actor';
import { besideFormer } from './beside-former';
import { addRules, blocklist } from './blocklist';
import { type BesideFormer, type Figure, isReading, median, type Results, rounded, targetsOf } from './figures';
import { machine } from './machine';
import { type Leaks, leaks, processes, type Timing, timed } from './measure';
import { type Contestant, ENGINE, type Operation, prepare } from './operations';
import { besideTable, figureTable, targetTable } from './table';

const RESULTS = join(resolve(__dirname, '..', '..'), 'bench', 'results.json');
const SIZES = [0, 30, 300, 3000];

interface Repetitions {
  timed: number;
  /** Of changes: this package's take only a moment, and more of them make a leak more likely to be seen. */
  probed: { engine: number; others: number };
}

const FULL: Repetitions = { timed: 7, probed: { engine: 10, others: 2 } };
/** With thousands of rules the `ufw` calls of one repetition take half a minute. */
const FULL_MANY: Repetitions = { timed: 5, probed: { engine: 10, others: 2 } };
const QUICK: Repetitions = { timed: 2, probed: { engine: 2, others: 1 } };
const MANY = 1000;

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

async function main(): Promise<void> {
  const quick = process.argv.includes('--quick');
  await ensurePackages('bench');
  const figures: Figure[] = [];
  for (const size of SIZES) {
    say(`${size} other rules …`);
    const own = await withRules(size, quick ? QUICK : size >= MANY ? FULL_MANY : FULL);
    figures.push(...own);
    say(figureTable(own));
  }
  const beside: BesideFormer[] = [];
  for (const size of SIZES.filter((one) => one < MANY)) beside.push(...(await besideFormer(size, quick ? 3 : 25)));
  say(besideTable(beside));
  const targets = targetsOf(figures, beside);
  say(targetTable(targets));
  const results: Results = { machine: await machine(), figures, besideFormer: beside, targets };
  await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  say(`Written to ${RESULTS}.`);
}

/** All figures with this many other rules, on a separate device. */
async function withRules(size: number, repetitions: Repetitions): Promise<Figure[]> {
  const device = await Device.open();
  try {
    await addRules(device, blocklist(size));
    const actor = await Actor.start(device);
    const operations = await prepare(device, actor);
    const figures: Figure[] = [];
    for (const operation of operations) {
      const own = await figuresOf(device, actor, operation, repetitions);
      figures.push(...own.map((figure) => ({ otherRules: size, ...figure })));
    }
    await actor.stop();
    return figures;
  } finally {
    await device.close();
  }
}

async function figuresOf(
  device: Device,
  actor: Actor,
  operation: Operation,
  repetitions: Repetitions,
): Promise<Omit<Figure, 'otherRules'>[]> {
  const { contestants } = operation;
  const timings = new Map(contestants.map((contestant) => [contestant, [] as Timing[]]));
  for (let turn = 0; turn < repetitions.timed; turn++) {
    // A different one is first each time.
    const first = turn % contestants.length;
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      timings.get(contestant)?.push(await timed(device, actor, operation, contestant));
    }
  }
  const msOf = (contestant: Contestant): number[] => (timings.get(contestant) ?? []).map(({ ms }) => ms);
  const reference = median(contestants.filter(({ name }) => name === ENGINE).flatMap(msOf));
  const figures: Omit<Figure, 'otherRules'>[] = [];
  for (const contestant of contestants) {
    const ms = msOf(contestant);
    const blocks = (timings.get(contestant) ?? []).map(({ blockMs }) => blockMs);
    const counts = await processes(device, operation, contestant);
    const isEngine = contestant.name === ENGINE;
    figures.push({
      operation: operation.name,
      contestant: contestant.name,
      ms: {
        median: rounded(median(ms)),
        min: rounded(Math.min(...ms)),
        max: rounded(Math.max(...ms)),
        repetitions: ms.length,
      },
      timesThisPackage: rounded(median(ms) / reference),
      processes: { total: counts.reduce((sum, count) => sum + count, 0), perChange: Math.max(...counts) },
      probes: isReading(operation.name) ? null : await probed(device, actor, operation, contestant, repetitions),
      blockMs: isEngine ? { median: rounded(median(blocks)), max: rounded(Math.max(...blocks)) } : null,
    });
  }
  return figures;
}

async function probed(
  device: Device,
  actor: Actor,
  operation: Operation,
  contestant: Contestant,
  repetitions: Repetitions,
): Promise<NonNullable<Figure['probes']>> {
  const count = contestant.name === ENGINE ? repetitions.probed.engine : repetitions.probed.others;
  const total: Leaks = { closedProbes: 0, leaked: 0, openProbes: 0, dropped: 0 };
  for (let turn = 0; turn < count; turn++) {
    // The two families are two kernel commits, so either may leak.
    const found = await leaks(device, actor, operation, contestant, turn % 2 === 0 ? 'ipv4' : 'ipv6');
    for (const key of Object.keys(total) as (keyof Leaks)[]) total[key] += found[key];
  }
  return { repetitions: count, ...total };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Exiting runs the device's own exit hook, which tears it down.
  process.once(signal, () => process.exit(1));
}

main().catch((error: Error) => {
  process.stderr.write(`npm run bench failed: ${error.message}\n`);
  process.exitCode = 1;
});
