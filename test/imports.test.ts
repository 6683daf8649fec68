/** Who may import whom, types included: data flows one way, and what decides touches no machine. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..', '..');
const SOURCES = ['firewall', 'nodes', 'agent', 'scripts', 'bench'];

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** `from '…'`, `import('…')` and `require('…')` with a path of this tree. */
const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\brequire\s*\(\s*)'(\.[^']*)'/g;

function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(IMPORT)].map(([, target = '']) => `${normalize(join(dirname(path), target))}.ts`);
}

const imports = new Map(SOURCES.flatMap(filesBelow).map((path): [string, string[]] => [path, importsOf(path)]));

/** All that a file brings along, by the way it does. */
function reachable(path: string): Map<string, string[]> {
  const ways = new Map<string, string[]>([[path, [path]]]);
  for (const [at, way] of ways) {
    for (const next of imports.get(at) ?? []) if (!ways.has(next)) ways.set(next, [...way, next]);
  }
  ways.delete(path);
  return ways;
}

/** The ways by which files of one room reach what they may not. */
function forbidden(room: RegExp, banned: RegExp): string[] {
  return [...imports.keys()]
    .filter((path) => room.test(path))
    .flatMap((path) => [...reachable(path)])
    .filter(([target]) => banned.test(target))
    .map(([, way]) => way.join(' → '));
}

describe('The imports of the tree', () => {
  it('are found in every file that has some', () => {
    assert.ok(imports.size > 120, `${imports.size} files`);
    assert.deepEqual(
      importsOf('firewall/queue.ts').includes('firewall/errors.ts') && importsOf('firewall/firewall.ts').length > 5,
      true,
    );
  });

  it('make no circle', () => {
    const circles = [...imports.keys()].flatMap((path) =>
      [...reachable(path)].filter(([at]) => imports.get(at)?.includes(path)).map(([, way]) => way.join(' → ')),
    );
    assert.deepEqual(circles, []);
  });

  it('lead from nothing that decides to the machine, nor to what writes', () => {
    const pure = /^firewall\/(state|rules|verdicts|services|plan|calendar|peers|ledger)\//;
    const acting = /^firewall\/(host|commit|requests|watch|fleet)\/|^firewall\/(web\/server|firewall|queue|sudo)\.ts$/;
    assert.deepEqual(forbidden(pure, acting), []);
  });

  it('lead from values and verdicts to no plan, and from rules to no service', () => {
    assert.deepEqual(forbidden(/^firewall\/(state|verdicts|services|rules|calendar|peers)\//, /^firewall\/plan\//), []);
    assert.deepEqual(forbidden(/^firewall\/(rules|services|verdicts|calendar)\//, /^firewall\/state\//), []);
    assert.deepEqual(forbidden(/^firewall\/rules\//, /^firewall\/(services\/(?!port-spec)|verdicts\/)/), []);
  });

  it('lead from the engine to no node and no program of its own', () => {
    assert.deepEqual(forbidden(/^firewall\//, /^(nodes|agent|scripts|bench|test)\//), []);
  });

  it('lead from the transaction to no request, and from what one request does to no queue', () => {
    assert.deepEqual(forbidden(/^firewall\/(host|commit)\//, /^firewall\/(requests|plan|watch|fleet)\//), []);
    assert.deepEqual(forbidden(/^firewall\/requests\//, /^firewall\/(firewall|queue|sudo)\.ts$/), []);
  });

  it('bring along for the privileged program nothing that it does not run', () => {
    const others =
      /^firewall\/(watch|fleet)\/|^firewall\/host\/(inotify|tail|lines)\.ts$|^agent\/(setup|command-line|words)\.ts$/;
    assert.deepEqual(forbidden(/^agent\/program\.ts$/, others), []);
    assert.deepEqual(forbidden(/^agent\/program\.ts$/, /^firewall\/(firewall|queue|sudo)\.ts$/), []);
  });

  it('lead from pure code to no file, process or network of Node.js', () => {
    const acting = /'node:(fs|fs\/promises|child_process|net|http|https|dgram|os)'|'execa'/;
    const found = [...imports.keys()]
      .filter((path) => /^firewall\/(state|rules|verdicts|services|plan|calendar|peers|ledger)\//.test(path))
      .filter((path) =>
        readFileSync(join(ROOT, path), 'utf8')
          .replace(/import \{ isIP[^}]*\} from 'node:net';/, '')
          .match(acting),
      );
    assert.deepEqual(found, []);
  });
});
