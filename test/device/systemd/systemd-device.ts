/**
 * The test device with systemd: a Debian booted in a container, with ufw, nginx, sshd, sudo and a user `apollo`, and
 * the same neighbour as the embedded device's. For what needs a real boot: units, timers, power cuts, privilege.
 * Opened by root only.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, realpath, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { startSupervisor } from '../around';
import { type DeviceOptions, stateOf } from '../device';
import { isStale, makeFolder, place, placeFolder, removeStale } from '../folder';
import { Machine } from '../machine';
import { cables } from '../network';
import type { RunOptions, RunResult } from '../protocol';
import type { Channel } from '../rpc';
import type { Snapshot } from '../snapshot';
import { projectInside } from './boot';
import { ensureContainerPackages } from './packages';
import type { SupervisorMethods } from './protocol';
import { apollo, ensureTree, node, packageFolder, project } from './tree';

export class SystemdDevice extends Machine {
  /** Owned by root, as a device's own. */
  readonly node = node;
  /** The package as installed by root, with what it depends on. */
  readonly packageFolder = packageFolder;
  /** The ordinary user `apollo`. */
  readonly account = apollo;
  declare protected readonly init: Channel<SupervisorMethods>;

  /**
   * Opens a device in the wanted state, booted. The first one on a machine takes a minute, for the base tree.
   * Rejects with what is missing on this machine, or what went wrong inside.
   */
  static async open(options: DeviceOptions = {}): Promise<SystemdDevice> {
    await ensureContainerPackages();
    await removeStale();
    const [tree, state] = await Promise.all([ensureTree(), stateOf(options)]);
    const folder = await makeFolder();
    let device: SystemdDevice | undefined;
    try {
      await fill(folder, state);
      device = new SystemdDevice(folder);
      await device.start(tree);
      return device;
    } catch (error) {
      if (device) await device.close();
      else await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(folder: string) {
    super(folder, startSupervisor(join(__dirname, 'supervisor.js')));
  }

  private async start(tree: string): Promise<void> {
    const views = {
      [join(projectInside, 'dist')]: join(project, 'dist'),
      [join(projectInside, 'node_modules')]: await realpath(join(project, 'node_modules')),
    };
    await this.init.call('start', { folder: this.folder, tree, views });
    for (const name of await this.init.call('groups')) {
      if (await isStale(name)) await this.init.call('removeGroup', name);
    }
    await this.boot();
  }

  /** Below `/opt/project`, where `dist` and `node_modules` are seen read-only. */
  inside(path: string): string {
    const below = relative(project, path);
    if (below.startsWith(`..${sep}`)) throw new Error(`${path} is not in this project.`);
    return join(projectInside, below);
  }

  /**
   * Runs a command of the shell as `apollo`, over SSH from the neighbour, in IPv4 through `eth0`. The code 255 means
   * that there was no connection, or no longer.
   */
  ssh(command: string, options: RunOptions = {}): Promise<RunResult> {
    const settings = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'ConnectTimeout=3'];
    const flags = ['-q', ...settings.flatMap((setting) => ['-o', setting])];
    // The client and its key are the container's; its network is the neighbour's.
    const client = ['chroot', join(this.folder, 'root'), 'ssh', ...flags];
    return this.neighbour.run([...client, `apollo@${cables.eth0.device.ipv4}`, command], options);
  }

  /**
   * Ends everything inside at once, by SIGKILL, and takes the cables down. What was written stays, as it is in the
   * kernel's page cache, synced or not: this shows what a change has written when it dies, and in which order, but
   * not that it has called fsync. The kernel's rules are gone, with the network namespace they were in.
   */
  powerCut(): Promise<void> {
    return this.init.call('cutPower');
  }

  /** Switches a device on that is off. Resolves when systemd has started everything. */
  boot(): Promise<void> {
    return this.init.call('boot');
  }

  /**
   * Has the device's processes share so much of one processor's time, in percent; all that there is for 100. It holds until the power
   * is cut.
   */
  limitTime(percent: number): Promise<void> {
    return this.init.call('limitTime', percent);
  }

  /** Restarts the device in good order. Resolves when systemd has started everything again. */
  async reboot(): Promise<void> {
    await Promise.all([this.nextBoot(), this.ok('systemctl', 'reboot')]);
  }

  /** Resolves when the device, having been told to reboot by somebody, is up again. To be called before. */
  nextBoot(): Promise<void> {
    return this.init.call('nextBoot');
  }
}

/** What the package needs on a device, as it is compiled. */
const INSTALLED = [
  ...['package.json', 'dist/package.json', 'dist/firewall', 'dist/nodes', 'dist/agent'],
  ...['examples', 'resources'],
];

/** Makes the device's own layer: the state of ufw, and the package as it would be installed. */
async function fill(folder: string, { files }: Snapshot): Promise<void> {
  for (const name of ['upper', 'work', 'root', 'shared']) await mkdir(join(folder, name));
  const upper = join(folder, 'upper');
  await placeFolder(upper, '/');
  for (const [path, { text, mode }] of Object.entries(files)) await place(upper, path, text, mode);
  for (const name of INSTALLED) {
    const [from, to] = [join(project, name), join(packageFolder, name)];
    if (!existsSync(from)) continue;
    await placeFolder(upper, dirname(to));
    await cp(from, join(upper, to), { recursive: true });
  }
}
