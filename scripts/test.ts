/**
 * `npm test`: the linter, then every test file in a separate mocha process, several at a time. Prints the output of a file
 * that fails, and at the end how many tests passed and failed; a file without a test, or with a skipped one, has failed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { ufwTree } from '../test/device/ages';
import { removeStale } from '../test/device/folder';
import { ensurePackages } from '../test/device/packages';
import { ensureContainerPackages } from '../test/device/systemd/packages';
import { ensureTree, hostRelease, treeOf } from '../test/device/systemd/tree';
import { DYING } from '../test/firewall/dying';
import { POWER_CUTS } from '../test/firewall/power-cuts';
import { SEED } from '../test/seed';

const root = resolve(__dirname, '..', '..');
const compiled = join(root, 'dist', 'test');
const modules = join(root, 'node_modules');
const WORKERS = Math.max(2, cpus().length);
const SHARDS = 3;
const SEQUENCES = Number(process.env.DIFFERENTIAL_SEQUENCES ?? 80);
/** In ms. A test process that takes longer has hung. */
const PATIENCE_MS = 20 * 60_000;
/** By the host's release, one whose userland is newer than the device's: ufw, iptables, systemd, sudo and Python. */
const NEWER: Readonly<Record<string, string>> = { bookworm: 'trixie' };
/** What is run in it, too: privileges, timers, boots, web ports and what sudo runs. */
const IN_NEWER = 'agent/deadlines.test.js';
/** How much of a file's failures is repeated at the end, in characters. */
const REASONS = 1500;
/** The longest first, so that none of them is the last one that everything waits for. */
const LONGEST = [
  ...['death', 'differential', 'power-cut', 'restore', 'web-ports', 'change', 'read', 'packets'],
  ...['matrix', 'dialogs', 'accessibility', 'keyboard', 'examples', 'fleet', 'ages', 'forged-alarms', 'concurrency'],
  ...['schedule-cuts', 'watch', 'deadlines', 'sequences', 'schedules'],
];

/** One mocha process. */
interface Job {
  title: string;
  arguments: string[];
  env: Record<string, string>;
}

interface Outcome {
  title: string;
  passed: number;
  failed: number;
  output: string;
}

const running = new Set<ChildProcess>();
let isStopped = false;

function jobs(newer: string | undefined): Job[] {
  const rank = (file: string): number => {
    const at = LONGEST.findIndex((name) => file.endsWith(`/${name}.test.js`));
    return at < 0 ? LONGEST.length : at;
  };
  return testFiles(compiled)
    .sort((a, b) => rank(a) - rank(b))
    .flatMap(jobsOf)
    .flatMap((job) =>
      newer && job.title === IN_NEWER
        ? [job, { ...job, title: `${job.title} on ${newer}`, env: { CONTAINER_RELEASE: newer } }]
        : [job],
    );
}

/** Most files are one job. Three would be the last ones that everything waits for, and are split up. */
function jobsOf(file: string): Job[] {
  const job: Job = { title: relative(compiled, file), arguments: [file], env: {} };
  if (file.endsWith('/death.test.js')) {
    return DYING.map(({ name }) => ({
      ...job,
      title: `${job.title}: ${name}`,
      arguments: [file, '-f', `step ${name} `],
    }));
  }
  if (file.endsWith('/power-cut.test.js')) {
    return POWER_CUTS.map(({ name }) => ({
      ...job,
      title: `${job.title}: ${name}`,
      arguments: [file, '-f', `of ${name} leaves`],
    }));
  }
  if (file.endsWith('/differential.test.js')) {
    const shards = Math.min(SHARDS, SEQUENCES);
    const firsts = Array.from({ length: shards + 1 }, (_, shard) => SEED + Math.floor((shard * SEQUENCES) / shards));
    return firsts.slice(0, -1).map((first, shard) => ({
      ...job,
      title: `${job.title} ${shard + 1} of ${shards}`,
      env: {
        SEED: String(first),
        DIFFERENTIAL_SEQUENCES: String((firsts[shard + 1] as number) - first),
      },
    }));
  }
  return [job];
}

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  });
}

/** Runs a program from node_modules; resolves when it has ended and nothing writes to its output any more. */
function run(
  program: string[],
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [join(modules, ...program), ...args], {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  running.add(child);
  let output = '';
  const collect = (chunk: string): void => {
    output += chunk;
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(child);
      if (signal) output += `\nEnded by ${signal}.`;
      resolve({ code: code ?? 1, output });
    });
  });
}

async function test({ title, arguments: args, env }: Job): Promise<Outcome> {
  const started = Date.now();
  const { code, output } = await run(['mocha', 'bin', 'mocha.js'], args, env);
  const count = (word: string): number => Number(new RegExp(`^ +(\\d+) ${word}`, 'm').exec(output)?.[1] ?? 0);
  const passed = count('passing');
  const isComplete = code === 0 && passed > 0;
  const failed = Math.max(count('failing') + count('pending'), isComplete ? 0 : 1);
  if (isStopped) return { title, passed, failed, output };
  const seconds = Math.round((Date.now() - started) / 1000);
  process.stdout.write(`== ${title}: ${passed} passed, ${failed} failed, ${seconds} s\n`);
  if (failed > 0) process.stdout.write(`${output}\n`);
  return { title, passed, failed, output };
}

/** Processes the list with as many processes at a time as there are cores, and one more for jobs that start no browser. */
async function testAll(newer: string | undefined): Promise<Outcome[]> {
  const left = jobs(newer);
  const outcomes: Outcome[] = [];
  const work = async (mayTake: (job: Job) => boolean): Promise<void> => {
    for (let at = left.findIndex(mayTake); at >= 0 && !isStopped; at = left.findIndex(mayTake)) {
      const [job] = left.splice(at, 1) as [Job];
      outcomes.push(await test(job));
    }
  };
  const isLight = ({ title }: Job): boolean => !title.startsWith('editor/');
  await Promise.all([...Array.from({ length: WORKERS }, () => work(() => true)), work(isLight)]);
  return outcomes;
}

async function main(): Promise<number> {
  if (!Number.isInteger(SEQUENCES) || SEQUENCES < 1) throw new Error('DIFFERENTIAL_SEQUENCES must be a number from 1.');
  await ensurePackages('tests');
  // Here, like the tree below, so that a missing package is reported once.
  await ufwTree('0.36');
  const newer = process.getuid?.() === 0 ? NEWER[await hostRelease()] : undefined;
  if (process.getuid?.() === 0) {
    await ensureContainerPackages();
    // Here, so that no test spends its time on it, and a failure is reported once.
    await Promise.all([ensureTree(), ...(newer ? [treeOf(newer)] : [])]);
  } else {
    process.stdout.write('== tests on devices with systemd: skipped, they need root\n');
  }
  const lint = await run(['@biomejs', 'biome', 'bin', 'biome'], ['check', '.']);
  process.stdout.write(`== biome check: ${lint.code === 0 ? 'clean' : `failed\n${lint.output}`}\n`);
  process.stdout.write(`== differential test: ${SEQUENCES} sequences from seed ${SEED}\n`);
  const outcomes = await testAll(newer);
  if (isStopped) {
    await removeStale();
    return 130;
  }
  const sum = (key: 'passed' | 'failed'): number => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const failed = sum('failed') + (lint.code === 0 ? 0 : 1);
  // Repeated: often only the end of a long output is kept.
  for (const { title, output } of outcomes.filter((outcome) => outcome.failed > 0)) {
    const reasons = output.slice(Math.max(0, output.search(/^ +\d+ failing/m)));
    process.stdout.write(`FAILED: ${title}\n${reasons.slice(0, REASONS)}\n`);
  }
  process.stdout.write(`${sum('passed')} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    isStopped = true;
    // Only its own children; each cleans up after itself.
    for (const child of running) child.kill('SIGTERM');
  });
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    process.stderr.write(`npm test failed: ${error.message}\n`);
    process.exitCode = 1;
  },
);
