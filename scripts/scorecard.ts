/**
 * `npm run scorecard`: packs the package, and has the flow library's own tool check it as the library will. By default it
 * uses a stand-in for the library, and needs no network once the tool is in `dist/.cache`; with `--live` the tool asks the
 * real library whether another package has nodes of the same names.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tool } from '../test/matrix/toolbox';
import { startLibrary } from '../test/release/library';
import { pack } from './pack';

const run = promisify(execFile);
/** In ms. The library that the tool queries may not respond. */
const PATIENCE_MS = 120_000;

/** The tool's checks, by its own names. */
export const CHECKS: Readonly<Record<string, string>> = {
  P01: 'has a licence',
  P03: 'links to a repository or an issue tracker',
  P04: 'has a name with a scope',
  P05: 'has the keyword node-red',
  P06: 'runs on the current Node-RED',
  P07: 'runs on the Node.js of the current Node-RED',
  P08: 'has no name similar to that of another package',
  N01: 'has no node with the name of another package’s',
  N02: 'has an example for each node',
  D01: 'has at most six dependencies',
  D02: 'has no dependency that is known to harm Node-RED',
  D03: 'has the latest versions of its dependencies',
};

/** Red checks that the README explains. */
export const EXPLAINED: readonly string[] = ['P03'];

export interface Scorecard {
  /** By the tool's name of a check; further details are passed on as they are. */
  checks: Readonly<Record<string, { test: boolean; [detail: string]: unknown }>>;
  /** The tool's output. */
  said: string;
}

/**
 * Has node-red-dev check the tarball.
 * @param proxy what it queries instead of the network; if omitted, it uses the network
 * @throws Error with its output, if it could not complete
 */
export async function scorecard(tarball: string, proxy?: string): Promise<Scorecard> {
  const folder = await mkdtemp(join(tmpdir(), 'scorecard-'));
  try {
    await run('tar', ['-xzf', tarball, '-C', folder]);
    const program = join(await tool('node-red-dev', '0.1.6'), 'node-red-dev', 'bin', 'run');
    const card = join(folder, 'card.json');
    const home = join(folder, 'home');
    await mkdir(home);
    const away = proxy ? { https_proxy: proxy, http_proxy: proxy, no_proxy: '', NO_PROXY: '' } : {};
    const args = [program, 'validate', '--path', join(folder, 'package'), '--output', card];
    const { stdout, stderr } = await run(process.execPath, args, {
      // It stores settings in the home folder.
      env: { ...process.env, ...away, HOME: home },
      timeout: PATIENCE_MS,
    }).catch((error: Error & { stderr?: string }) => {
      throw new Error(`node-red-dev gave up, ${error.stderr?.replace(/\s+/g, ' ').trim() || error.message}`);
    });
    const { package: _, ...checks } = JSON.parse(await readFile(card, 'utf8'));
    return { checks, said: `${stdout}${stderr}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is wrong with the card, one sentence each. */
export function faultsOf({ checks }: Pick<Scorecard, 'checks'>): string[] {
  const names = [...new Set([...Object.keys(CHECKS), ...Object.keys(checks)])].sort();
  return names.flatMap((name) => {
    const check = checks[name];
    if (!check) return [`The scorecard does not report ${name} (${CHECKS[name]}).`];
    if (check.test || EXPLAINED.includes(name)) return [];
    const { test, ...details } = check;
    return [`The scorecard is red: ${name} (${CHECKS[name] ?? 'an unknown check'}) ${JSON.stringify(details)}.`];
  });
}

/** Packs the package, and checks it. */
export async function scorecardOfPacked(isLive: boolean): Promise<Scorecard> {
  const folder = await mkdtemp(join(tmpdir(), 'packed-'));
  const library = isLive ? undefined : await startLibrary();
  try {
    return await scorecard(pack(folder), library?.url);
  } finally {
    library?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const isLive = process.argv.includes('--live');
  const card = await scorecardOfPacked(isLive);
  for (const [name, { test }] of Object.entries(card.checks)) {
    const verdict = test ? 'green' : EXPLAINED.includes(name) ? 'red, the README says why' : 'RED';
    process.stdout.write(`${name}  ${verdict.padEnd(26)}${CHECKS[name] ?? ''}\n`);
  }
  if (!isLive) process.stdout.write('Used a stand-in for the flow library; --live asks the real one.\n');
  const faults = faultsOf(card);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return faults.length === 0 ? 0 : 1;
}

if (require.main === module) {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: Error) => {
      process.stderr.write(`The scorecard could not be made: ${error.message}\n`);
      process.exitCode = 1;
    },
  );
}
