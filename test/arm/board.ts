/**
 * The ARM board: a whole 32-bit machine under emulation, which boots Debian's kernel, with the packed package installed, next to the
 * same neighbour as other test devices. Opened by root only.
 */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { pack } from '../../scripts/pack';
import { startSupervisor } from '../device/around';
import { makeFolder, removeStale } from '../device/folder';
import { Machine } from '../device/machine';
import type { Installation } from '../device/node-red';
import { ensurePackages } from '../device/packages';
import { check } from '../device/processes';
import type { FetchOptions, FetchResult, RunOptions, RunResult } from '../device/protocol';
import type { Channel } from '../device/rpc';
import { apollo, node, project } from '../device/systemd/tree';
import { ensureImage, npmInside, type REDS, redInside } from './image';
import { projectInside } from './names';
import type { BoardMethods } from './protocol';

const exec = promisify(execFile);

/** Where the package is installed, by root. */
const INSTALLED = '/opt/package';
const TARBALL = 'package.tgz';
/** How long a program may take unless something else is said: there a `ufw reload` takes half a minute. */
const PATIENCE_MS = 600_000;

export class Board extends Machine {
  readonly node = node;
  readonly packageFolder = `${INSTALLED}/node_modules/@smartserver/node-red-firewall`;
  readonly account = apollo;
  declare protected readonly init: Channel<BoardMethods>;

  /** Boots a board with the vendor's rules, and installs the package on it. The first one on a machine has its disk to be made. */
  static async open(): Promise<Board> {
    if (process.getuid?.() !== 0) throw new Error('The ARM board needs root. Run this as root.');
    await ensurePackages('board');
    await removeStale();
    const image = await ensureImage();
    const folder = await makeFolder();
    let board: Board | undefined;
    try {
      const disk = ['-f', 'qcow2', '-F', 'raw', '-b', image.disk, join(folder, 'disk')];
      await exec('qemu-img', ['create', '-q', ...disk]);
      await fillPayload(folder);
      board = new Board(folder);
      await board.init.call('start', { folder, image });
      await board.boot();
      await board.install();
      return board;
    } catch (error) {
      if (board) await board.close();
      else await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(folder: string) {
    super(folder, startSupervisor(join(__dirname, 'supervisor.js')));
  }

  /** Below `/run/project`, where this project's compiled tests are. */
  inside(path: string): string {
    return join(projectInside, relative(project, path));
  }

  override run(argv: string[], options: RunOptions = {}): Promise<RunResult> {
    return super.run(argv, { timeoutMs: PATIENCE_MS, ...options });
  }

  /** What Node-RED is started with. */
  installation(red: (typeof REDS)[number]): Installation {
    return { node, red: redInside(red), modules: `${INSTALLED}/node_modules` };
  }

  /** One HTTP request on the board itself. */
  fetch(url: string, options: FetchOptions = {}): Promise<FetchResult> {
    return this.init.call('fetch', url, options);
  }

  /** Switches a board on that is off. Resolves when systemd has started everything. */
  boot(): Promise<void> {
    return this.init.call('boot');
  }

  /** Kills the emulator: what the board has not flushed to its disk is lost. */
  powerCut(): Promise<void> {
    return this.init.call('cutPower');
  }

  /** As the palette manager does, with the registry out of reach. */
  private async install(): Promise<void> {
    await this.ok('mkdir', '-p', INSTALLED);
    await this.write(
      `${INSTALLED}/package.json`,
      '{ "name": "node-red-project", "version": "0.0.1", "private": true }',
    );
    const flags = ['--offline', '--no-audit', '--no-fund', '--no-update-notifier', '--save', '--save-prefix=~'];
    const argv = [node, npmInside, 'install', ...flags, join(projectInside, TARBALL)];
    check(argv, await this.run(argv, { cwd: INSTALLED }));
  }
}

/** What is tested, and the programs that the tests start on the board, as an archive that is a drive's content. */
async function fillPayload(folder: string): Promise<void> {
  const packed = join(folder, 'packed');
  const tarball = pack(packed);
  const own = ['dist/test/device', 'dist/test/arm'];
  const named = [`--transform=s,^${relative(packed, tarball)}$,${TARBALL},`, '-C', packed, relative(packed, tarball)];
  await exec('tar', ['-c', '-f', join(folder, 'payload'), '-C', project, ...own, ...named]);
  await rm(packed, { recursive: true });
}
