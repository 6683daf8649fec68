/**
 * `npm run release:check [TAG]`: whether the checked-out commit may be released under its tag, or under the one named. Prints
 * each reason why not, and exits with 1 if there is one.
 *
 * It queries the registry and the flow library. `--offline` skips the audit, reports that, and runs the scorecard against a
 * stand-in for the library.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { auditFaults, audits } from './audit';
import { licenceFaults, licensed } from './licences';
import { faultsOf, scorecardOfPacked } from './scorecard';

/** The reasons against a release, one sentence each. */
type Check = (folder: string) => string[] | Promise<string[]>;

/** The checks that need more than the folder itself, by name. */
export type Checks = Readonly<Record<string, Check>>;

/**
 * All reasons against a release of the checked-out commit.
 * @param folder of a git repository with the package
 * @param tag to release it under; left out, a tag of the commit
 */
export async function refusals(folder: string, checks: Checks, tag?: string): Promise<string[]> {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const git = (...args: string[]): string[] =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).split('\n').filter(Boolean);
  const { version } = JSON.parse(read('package.json'));
  const found = [
    ...ofTag(version, tag === undefined ? git('tag', '--points-at', 'HEAD') : [tag]),
    ...ofChangelog(version, read('CHANGELOG.md')),
    ...ofTree(git('status', '--porcelain')),
    ...ofLock(version, JSON.parse(read('package-lock.json'))),
    ...ofContact(read('SECURITY.md')),
  ];
  for (const [name, check] of Object.entries(checks)) {
    try {
      found.push(...(await check(folder)));
    } catch (error) {
      found.push(`The ${name} could not be checked: ${(error as Error).message}`);
    }
  }
  return found;
}

function ofTag(version: string, tags: readonly string[]): string[] {
  const expected = `v${version}`;
  if (tags.length === 0) return [`The commit has no tag; package.json requires ${expected}.`];
  if (tags.includes(expected)) return [];
  return [`The tag is ${tags.join(', ')}, but package.json requires ${expected}.`];
}

/** `## [1.2.3] – 2026-01-31`. */
function ofChangelog(version: string, changelog: string): string[] {
  const start = `## [${version}]`;
  const heading = changelog.split('\n').find((line) => line.startsWith(start));
  if (heading === undefined) return [`CHANGELOG.md has no entry for ${version}.`];
  const [, date = ''] = /^ [–-] (\d{4}-\d\d-\d\d)$/.exec(heading.slice(start.length).trimEnd()) ?? [];
  return isDate(date) ? [] : [`The entry for ${version} in CHANGELOG.md has no date: "${heading}".`];
}

/** Rejects, for example, the 31st of February, which Date would turn into a day in March. */
function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function ofTree(changes: readonly string[]): string[] {
  if (changes.length === 0) return [];
  return [`There are uncommitted changes: ${changes.map((line) => line.trim()).join(', ')}.`];
}

/** Whoever finds a vulnerability has to be able to report it. */
function ofContact(security: string): string[] {
  if (!/@example\.com/.test(security) && /[\w.-]+@[\w-]+\.\w/.test(security)) return [];
  return ['SECURITY.md has no address to which vulnerabilities can be reported.'];
}

interface Lock {
  version: string;
  packages: Record<string, { version?: string; resolved?: string; integrity?: string }>;
}

function ofLock(version: string, { version: locked, packages }: Lock): string[] {
  const resolved = Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined);
  return [
    ...(locked === version && packages['']?.version === version
      ? []
      : [`package-lock.json has version ${locked}, but package.json has ${version}.`]),
    ...(resolved.length === 0
      ? []
      : [
          `package-lock.json ties ${resolved.length} packages to addresses, for example ${resolved[0]}: remove the "resolved" entries.`,
        ]),
  ];
}

/** The checks that work without the network, and with it. */
const checksOf = (isOffline: boolean): Checks => ({
  licences: (folder) => licenceFaults(licensed(folder)),
  ...(isOffline ? {} : { audit: (folder: string) => auditFaults(audits(folder)) }),
  scorecard: async () => faultsOf(await scorecardOfPacked(!isOffline)),
});

async function main(): Promise<number> {
  const [tag] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const isOffline = process.argv.includes('--offline');
  if (isOffline) process.stdout.write('Skipped: npm audit, npm audit signatures, the flow library.\n');
  const found = await refusals(resolve(__dirname, '..', '..'), checksOf(isOffline), tag);
  for (const refusal of found) process.stderr.write(`${refusal}\n`);
  process.stdout.write(found.length === 0 ? 'This commit may be released.\n' : 'This commit may not be released.\n');
  return found.length === 0 ? 0 : 1;
}

if (require.main === module) {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: Error) => {
      process.stderr.write(`The release could not be checked: ${error.message}\n`);
      process.exitCode = 1;
    },
  );
}
