/**
 * `npm run licences`: prints each package of the lock file with its licence, first those that users get, then those used
 * only by the project's tools, and fails if one is not known to be harmless.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LICENCES } from './pack';

/** Additionally permitted for tools, which are used but not redistributed. */
const OF_TOOLS: readonly string[] = [
  ...LICENCES,
  ...['Artistic-2.0', 'BlueOak-1.0.0', 'CC-BY-3.0', 'CC0-1.0', 'MPL-2.0', 'Python-2.0', 'Unlicense'],
];

/** Licences found only in a package's texts, or not declared as SPDX. */
const READ: Readonly<Record<string, string>> = {
  'cli-table': 'MIT',
  pause: 'MIT',
  'qrcode-terminal': 'Apache-2.0',
};

export interface Licensed {
  name: string;
  version: string;
  /** An SPDX expression; empty if unknown. */
  licence: string;
  /** Whether only tools use it. */
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

/** The licence that an installed package declares in the format used before 2014, which npm does not copy to its lock file. */
function ownWord(folder: string): string {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return '';
  const { licenses } = JSON.parse(readFileSync(file, 'utf8'));
  return licenses?.[0]?.type ?? '';
}

/** What is wrong with the licences, one sentence each. */
export function licenceFaults(packages: readonly Licensed[]): string[] {
  return packages
    .filter(({ licence, isTool }) => !isOneOf(licence, isTool ? OF_TOOLS : LICENCES))
    .map(({ name, version, licence, isTool }) => {
      const use = isTool ? 'used by the project' : 'passed on to users';
      return `The licence of ${name} ${version}, ${licence || 'which is not known'}, is not one of those that may be ${use}.`;
    });
}

/** One of several alternatives is enough. */
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
