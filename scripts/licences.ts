/**
 * `npm run licences`: prints each package of the lock file with its licence, first those that users get, then those that
 * only the project's own tools use, and fails where one is not known here to be harmless.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LICENCES } from './pack';

/** Those of tools, which are used and not passed on, besides. */
const OF_TOOLS: readonly string[] = [
  ...LICENCES,
  ...['Artistic-2.0', 'BlueOak-1.0.0', 'CC-BY-3.0', 'CC0-1.0', 'MPL-2.0', 'Python-2.0', 'Unlicense'],
];

/** Said in a package's texts only, or not in the words of SPDX; read there. */
const READ: Readonly<Record<string, string>> = {
  'cli-table': 'MIT',
  pause: 'MIT',
  'qrcode-terminal': 'Apache-2.0',
};

export interface Licensed {
  name: string;
  version: string;
  /** An SPDX expression; empty where none is known. */
  licence: string;
  /** Only tools use it. */
  isTool: boolean;
}

interface Locked {
  version: string;
  license?: string;
  dev?: boolean;
}

const NODE_MODULES = 'node_modules/';

/** The packages of the lock file in this folder, by name. */
export function licensed(folder: string): Licensed[] {
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return Object.entries<Locked>(lock.packages)
    .filter(([path]) => path !== '')
    .map(([path, { version, license, dev = false }]) => {
      const name = path.slice(path.lastIndexOf(NODE_MODULES) + NODE_MODULES.length);
      return { name, version, licence: license ?? READ[name] ?? ownWord(join(folder, path)), isTool: dev };
    })
    .sort((a, b) => Number(a.isTool) - Number(b.isTool) || a.name.localeCompare(b.name, 'en'));
}

/** What an installed package says in the way of before 2014, which npm does not take over into its lock file. */
function ownWord(folder: string): string {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return '';
  const { licenses } = JSON.parse(readFileSync(file, 'utf8'));
  return licenses?.[0]?.type ?? '';
}

/** Why the licences are not as they should be, a sentence each. */
export function licenceFaults(packages: readonly Licensed[]): string[] {
  return packages
    .filter(({ licence, isTool }) => !isOneOf(licence, isTool ? OF_TOOLS : LICENCES))
    .map(({ name, version, licence, isTool }) => {
      const use = isTool ? 'used by the project' : 'passed on to users';
      return `The licence of ${name} ${version}, ${licence || 'which is not known'}, is not one of those that may be ${use}.`;
    });
}

/** Of alternatives one is enough. */
const isOneOf = (licence: string, list: readonly string[]): boolean =>
  licence
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((one) => list.includes(one));

if (require.main === module) {
  const packages = licensed(resolve(__dirname, '..', '..'));
  for (const { name, version, licence, isTool } of packages) {
    process.stdout.write(`${isTool ? 'tools' : 'users'}  ${licence.padEnd(26)}${name} ${version}\n`);
  }
  const faults = licenceFaults(packages);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
