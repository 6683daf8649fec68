/** ufw of another age and the other iptables, put over the machine's own inside a device. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { placeFolder } from './folder';
import { cache } from './snapshot';

const exec = promisify(execFile);

/** ufw as the machine has it, or as Debian bullseye and Ubuntu 18.04 and 20.04 have it. */
export type UfwVersion = 'installed' | '0.36';

/** How iptables reaches the kernel: the machine's choice, through nf_tables, or through the older ip_tables. */
export type IptablesBackend = 'installed' | 'nft' | 'legacy';

/** What the tests that hold the engine against ufw and the kernel run on, each with a name. */
export const AGES: readonly { name: string; ufw: UfwVersion; iptables: IptablesBackend }[] = [
  { name: "the machine's ufw on iptables-nft", ufw: 'installed', iptables: 'nft' },
  { name: "the machine's ufw on iptables-legacy", ufw: 'installed', iptables: 'legacy' },
  { name: 'ufw 0.36 on iptables-nft', ufw: '0.36', iptables: 'nft' },
  { name: 'ufw 0.36 on iptables-legacy', ufw: '0.36', iptables: 'legacy' },
];

/** Debian bullseye's package. A package with this hash is the right one, wherever it comes from. */
const archive = {
  path: 'pool/main/u/ufw/ufw_0.36-7.1_all.deb',
  sha256: '9871720d6d1d1af7fa583f079c70b2eca11696f0c6dc3a7ab5222d6438a555ed',
};

/** apt's own program for it: it goes the ways that apt is told to go, and checks the hash. */
const download = '/usr/lib/apt/apt-helper';

/** What ufw is made of, apart from its settings. */
const ufwPaths = ['/usr/sbin/ufw', '/usr/lib/python3/dist-packages/ufw', '/lib/ufw', '/usr/share/ufw'];

/** What `update-alternatives --set iptables` and `--set ip6tables` point elsewhere. */
const iptablesPrograms = ['iptables', 'ip6tables'].flatMap((family) =>
  ['', '-save', '-restore'].map((name) => ({ name: `${family}${name}`, family, suffix: name })),
);

const made = new Map<UfwVersion, Promise<string>>();

/**
 * The folder below which this ufw's files are; empty for the machine's own. The first time it is fetched, into
 * `dist/.cache`.
 */
export function ufwTree(version: UfwVersion): Promise<string> {
  if (version === 'installed') return Promise.resolve('');
  const known = made.get(version) ?? unpacked(join(cache, `ufw-${archive.sha256.slice(0, 16)}`));
  made.set(version, known);
  return known;
}

async function unpacked(folder: string): Promise<string> {
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const aside = await mkdtemp(`${folder}.new-`);
  try {
    const file = await fetched(aside);
    await exec('dpkg-deb', ['-x', file, aside]);
    await rm(file);
    await chmod(aside, 0o755);
    // Another process may have been faster, with the same content.
    await rename(aside, folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
    return folder;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function fetched(folder: string): Promise<string> {
  const target = join(folder, 'ufw.deb');
  const told: string[] = [];
  for (const site of new Set(await ownSites())) {
    try {
      await exec(download, ['download-file', `${site}/${archive.path}`, target, `SHA256:${archive.sha256}`]);
      return target;
    } catch (error) {
      told.push(`${site}: ${String((error as { stderr?: string }).stderr || error).trim()}`);
    }
  }
  throw new Error(
    `ufw 0.36 for the test device (${archive.path} of Debian) is not to be had where apt has its packages from.\n${told.join('\n')}`,
  );
}

/** Where this machine's apt has its packages from. */
async function ownSites(): Promise<string[]> {
  const { stdout } = await exec('apt-get', ['indextargets', '--format', '$(SITE)', 'Identifier: Packages']);
  return stdout.split('\n').filter((site) => /\/debian\/?$/.test(site));
}

/** Puts below `root` what is to be mounted for it; answers at which paths. */
export async function placeAges(root: string, tree: string, backend: IptablesBackend): Promise<string[]> {
  if (tree !== '') await Promise.all(ufwPaths.map((path) => placeLink(root, path, join(tree, path))));
  if (backend === 'installed') return tree === '' ? [] : ufwPaths;
  const alternatives = '/etc/alternatives';
  const chosen = new Map(
    iptablesPrograms.map(({ name, family, suffix }) => [name, `/usr/sbin/${family}-${backend}${suffix}`]),
  );
  for (const name of await readdir(alternatives)) {
    const path = join(alternatives, name);
    // Debian keeps a README beside the links.
    const target = chosen.get(name) ?? (await readlink(path).catch(() => null));
    if (target) await placeLink(root, path, target);
  }
  return [...(tree === '' ? [] : ufwPaths), alternatives];
}

async function placeLink(root: string, path: string, target: string): Promise<void> {
  await placeFolder(root, dirname(path));
  await symlink(target, join(root, path));
}
