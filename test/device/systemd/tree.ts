/**
 * The base tree: a Debian of the host's own release, or of the newer one that CONTAINER_RELEASE names, with systemd, ufw,
 * nginx and sshd, a user `apollo`, Node.js, and what this package depends on. Made once and never changed; devices are layers
 * above it.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { place, placeFolder } from '../folder';
import { deviceSettings } from '../network';
import type { Files } from '../pristine';
import { certificate, nginxFiles } from '../site';
import { cache } from '../snapshot';

const exec = promisify(execFile);

/** This project's folder, above `dist`. */
export const project = join(__dirname, '..', '..', '..', '..');

/** Where the package is installed inside, owned by root. */
export const packageFolder = '/usr/lib/node_modules/@smartserver/node-red-firewall';

/** Where Node.js is inside, owned by root. */
export const node = '/usr/local/bin/node';

export const apollo = { uid: 1000, gid: 1000, home: '/home/apollo' };

/** What any device has of Debian. */
export const debianPackages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'procps', 'sudo', 'python3', 'openssl', 'ca-certificates'],
  ...['ufw', 'iptables', 'iproute2', 'nginx-light', 'openssh-server', 'openssh-client'],
  // Moves a program's clock, where nobody may set the device's: it is the machine's.
  'libfaketime',
  ...['libstdc++6', 'libgcc-s1', 'libatomic1'],
];

/** What it has of this project's. */
export const files: Files = {
  ...nginxFiles,
  '/etc/hostname': { mode: 0o644, text: 'smartserver\n' },
  '/etc/hosts': { mode: 0o644, text: '127.0.0.1 localhost smartserver\n::1 localhost\n' },
  '/etc/systemd/journald.conf.d/persistent.conf': { mode: 0o644, text: '[Journal]\nStorage=persistent\n' },
  '/etc/cables': { mode: 0o644, text: deviceSettings() },
  // The device's network comes up as any does: after ufw, which is there before `network-pre.target`.
  '/etc/systemd/system/cables.service': {
    mode: 0o644,
    text: `[Unit]
Description=Addresses of the device
DefaultDependencies=no
Wants=network-pre.target network.target
After=network-pre.target
Before=network.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip -batch /etc/cables

[Install]
WantedBy=multi-user.target
`,
  },
};

/** Run inside by a shell, when all packages and files are there. */
export const settle = `${node} --version
groupadd --gid ${apollo.gid} apollo
useradd --create-home --uid ${apollo.uid} --gid apollo --shell /bin/bash apollo
systemd-machine-id-setup
systemctl set-default multi-user.target
systemctl enable cables.service ssh.service nginx.service ufw.service
systemctl mask console-getty.service getty.target apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \\
  e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-timesyncd.service
mkdir -p /var/log/journal /etc/nginx/ssl /var/lib/smartserver-firewall
rm -f /etc/nginx/sites-enabled/default
ln -s /etc/nginx/sites-available/apollo.conf /etc/nginx/sites-enabled/apollo.conf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 -subj /CN=smartserver \\
  -keyout ${certificate.key} -out ${certificate.cert}
mkdir -p -m 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
install -d -m 700 -o apollo -g apollo /home/apollo/.ssh
install -m 600 -o apollo -g apollo /root/.ssh/id_ed25519.pub /home/apollo/.ssh/authorized_keys
apt-get clean
`;

/** Runs in namespaces of its own, also of the network: nothing that is installed or set up here reaches the host. */
const setUp = `
set -e
umask 022
chroot "$1" /debootstrap/debootstrap --second-stage
cp -a "$2/." "$1"
chroot "$1" sh -e <<'END'
${settle}END
`;

let made: Promise<string> | undefined;

/** The tree's folder, made if need be: a minute, once. Of processes that want it at once, one makes it. */
export function ensureTree(): Promise<string> {
  made ??= wantedRelease().then(treeOf);
  return made;
}

const wantedRelease = async (): Promise<string> => process.env.CONTAINER_RELEASE || hostRelease();

/** The same, of a release by its code name. */
export async function treeOf(release: string): Promise<string> {
  const dependencies = await productionPackages();
  const program = await realpath(process.execPath);
  const { size, mtimeMs } = await stat(program);
  const key = { release, debianPackages, files, setUp, dependencies, program, size, mtimeMs };
  const recipe = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16);
  const path = join(cache, `systemd-${release}-${recipe}`);
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  return locked(join(cache, `systemd-${release}.lock`), async () => {
    if (existsSync(path)) return path;
    // Half-made ones, and those of older recipes.
    const others = (await readdir(cache)).filter((other) => other.startsWith(`systemd-${release}-`));
    await Promise.all(others.map((other) => rm(join(cache, other), { recursive: true, force: true })));
    const extras = `${path}.extras`;
    await makeExtras(extras, program, Object.keys(dependencies));
    await bootstrap(`${path}.new`, release, extras);
    await rm(extras, { recursive: true });
    await rename(`${path}.new`, path);
    return path;
  });
}

/** What the tree has besides Debian's packages. */
async function makeExtras(extras: string, program: string, dependencies: string[]): Promise<void> {
  for (const [path, { text, mode }] of Object.entries(files)) await place(extras, path, text, mode);
  await placeFolder(extras, dirname(node));
  await copyFile(program, join(extras, node));
  await placeFolder(extras, packageFolder);
  for (const name of dependencies) {
    await cp(await realpath(join(project, name)), join(extras, packageFolder, name), { recursive: true });
  }
}

async function bootstrap(tree: string, release: string, extras: string): Promise<void> {
  const { site, components } = await mirror(release);
  const fetch = ['debootstrap', '--foreign', '--variant=minbase', `--components=${components}`];
  await contained([], [...fetch, `--include=${debianPackages.join(',')}`, release, tree, site]);
  await contained(['--net'], ['sh', '-c', setUp, 'sh', tree, extras]);
}

/** Runs a program that mounts and starts things. They are gone when it ends, and it ends when this process does. */
export async function contained(namespaces: string[], argv: string[]): Promise<void> {
  const own = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', ...namespaces];
  try {
    await exec('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...own, ...argv], { maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`The base tree could not be made: ${(stdout + stderr).slice(-4000)}`);
  }
}

/** The host's release by its code name. A newer one has a newer C library, with which the host's Node.js runs, too. */
export async function hostRelease(): Promise<string> {
  const release = /^VERSION_CODENAME="?(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (!release) throw new Error('The test device with systemd needs a host with Debian or Ubuntu.');
  return release;
}

/** Where the host's apt has its release from, and others of the same distribution are. */
export async function mirror(release: string): Promise<{ site: string; components: string }> {
  const host = await hostRelease();
  const format = '$(SITE) $(RELEASE) $(COMPONENT)';
  const { stdout } = await exec('apt-get', ['indextargets', '--format', format, 'Identifier: Packages']);
  const targets = stdout.split('\n').map((line) => line.split(' '));
  const own = targets.filter(([, name, component]) => name === host && component === 'main');
  const site = own[0]?.[0];
  if (!site) throw new Error(`apt has no source for ${host}, so none for ${release}.`);
  const components = targets.filter(([from, name]) => from === site && name === host).map(([, , name]) => name);
  return { site, components: [...new Set(components)].join(',') };
}

/**
 * Folders and versions of what the package needs when it is installed, from the lock file. That also lists what is not
 * there: packages for other platforms, and those whose installation is somebody else's choice.
 */
async function productionPackages(): Promise<Record<string, string>> {
  const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean }>;
  };
  const wanted = Object.entries(lock.packages).filter(
    ([name, { dev }]) => name !== '' && !dev && existsSync(join(project, name)),
  );
  return Object.fromEntries(wanted.map(([name, { version }]) => [name, version]));
}

/** Does something while no other process does it. The lock ends with this process. */
export async function locked<T>(path: string, act: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  try {
    const [answer] = await Promise.race([once(holder.stdout, 'data'), ended]);
    if (String(answer) !== 'held\n') throw new Error(`flock ended with ${answer}.`);
    return await act();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
