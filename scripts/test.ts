/**
 * `npm test`: the linter, then every test file in a mocha process of its own, two at a time. Prints what a file said when
 * it is through, and at the end how many tests passed and failed; a file without a test counts as failed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { ensurePackages } from '../test/device/packages';

const root = resolve(__dirname, '..', '..');
const compiled = join(root, 'dist', 'test');
/** Half of the tests' time is waiting: for knocks that nobody answers, and for ufw. */
const WORKERS = Math.max(2, cpus().length);
const SHARDS = 6;
const SEQUENCES = Number(process.env.DIFFERENTIAL_SEQUENCES ?? 300);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? Date.now() % 1_000_000);
/** The longest first, so that none of them is what everybody waits for at the end. */
const LONG = ['death', 'web-ports', 'change', 'read', 'packets', 'dialogs'];

interface Job {
  title: string;
  arguments: string[];
  env: Record<string, string>;
}

interface Outcome {
  title: string;
  passed: number;
  failed: number;
}

const running = new Set<ChildProcess>();

function jobs(): Job[] {
  const files = testFiles(compiled);
  const rank = (file: string): number => {
    const at = LONG.findIndex((name) => file.endsWith(`${name}.test.js`));
    return at < 0 ? LONG.length : at;
  };
  const plain = files
    .filter((file) => !file.endsWith('differential.test.js') && !file.endsWith('death.test.js'))
    .sort((a, b) => rank(a) - rank(b))
    .map((file): Job => ({ title: relative(compiled, file), arguments: [file], env: {} }));
  const death = files
    .filter((file) => file.endsWith('death.test.js'))
    .flatMap((file) =>
      DYING.map(
        (name): Job => ({
          title: `${relative(compiled, file)}: ${name}`,
          arguments: [file, '-f', `step ${name} `],
          env: {},
        }),
      ),
    );
  const each = Math.ceil(SEQUENCES / SHARDS);
  const differential = files
    .filter((file) => file.endsWith('differential.test.js'))
    .flatMap((file) =>
      Array.from(
        { length: SHARDS },
        (_, shard): Job => ({
          title: `${relative(compiled, file)} ${shard + 1} of ${SHARDS}`,
          arguments: [file],
          env: { DIFFERENTIAL_SEQUENCES: String(each), DIFFERENTIAL_SEED: String(SEED + shard * each) },
        }),
      ),
    );
  return [...death, ...differential, ...plain];
}

/** The changes of death.test.ts, each with a device of its own. */
const DYING = ['toggle-service', 'set-profile', 'change-web-ports', 'change-web-ports, keeping the old ones'];

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  });
}

function run(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code: code ?? 1, output });
    });
  });
}

async function test({ title, arguments: args, env }: Job): Promise<Outcome> {
  const started = Date.now();
  const { code, output } = await run(
    process.execPath,
    [join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'), ...args],
    env,
  );
  const count = (word: string): number => Number(new RegExp(`^ +(\\d+) ${word}`, 'm').exec(output)?.[1] ?? 0);
  const passed = count('passing');
  const failed = Math.max(count('failing'), code === 0 && passed > 0 ? 0 : 1);
  process.stdout.write(
    `== ${title}: ${passed} passed, ${failed} failed, ${Math.round((Date.now() - started) / 1000)} s\n`,
  );
  if (failed > 0) process.stdout.write(`${output}\n`);
  return { title, passed, failed };
}

async function main(): Promise<number> {
  await ensurePackages('tests');
  const lint = await run(
    process.execPath,
    [join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'), 'check', '.'],
    {},
  );
  process.stdout.write(`== biome check: ${lint.code === 0 ? 'clean' : `failed\n${lint.output}`}\n`);
  process.stdout.write(`== differential test: ${SEQUENCES} sequences from seed ${SEED}\n`);
  const left = jobs();
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (let job = left.shift(); job; job = left.shift()) outcomes.push(await test(job));
    }),
  );
  const sum = (key: 'passed' | 'failed'): number => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const failed = sum('failed') + (lint.code === 0 ? 0 : 1);
  for (const { title } of outcomes.filter((outcome) => outcome.failed > 0)) process.stdout.write(`FAILED: ${title}\n`);
  process.stdout.write(`${sum('passed')} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Only its own children; each ends what it started when its parent is gone.
    for (const child of running) child.kill('SIGTERM');
    process.exitCode = 1;
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
