/** What the documents say about error codes, nodes and each other, against what there is. */
import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, it } from 'mocha';
import { ERROR_CODES } from '../firewall/errors';
import { fleetRequest } from '../firewall/fleet/envelope';
import { fleetSchema } from '../scripts/fleet-schema';
import { NODES } from './sets';

const root = resolve(__dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

/** The names in the first column of a document's tables. */
const rowsOf = (...path: string[]): string[] =>
  [...read(...path).matchAll(/^\| `([\w-]+)` \|/gm)].map((match) => match[1] as string);

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [read(path)] : [];
  });
}

describe('The README', () => {
  it('lists each node of the package, and no other', () => {
    assert.deepEqual(rowsOf('README.md').sort(), [...NODES].sort());
  });

  it('is short, and begins with what a user does', () => {
    const text = read('README.md');
    assert.ok(text.split(/\s+/).length < 1200);
    const order = [
      'npm install @smartserver',
      'The first flow, in five steps',
      'npm ci && npm start',
      'npm ci && npm test',
    ];
    const places = order.map((one) => text.indexOf(one));
    assert.deepEqual(
      places,
      [...places].sort((one, other) => one - other),
    );
    assert.ok(places.every((place) => place > 0));
  });
});

describe('The page on troubleshooting', () => {
  it('explains each error code that can occur, and no other', () => {
    const list = /ERROR_CODES = \[[^\]]*\]/;
    const code = ['firewall', 'nodes', 'agent'].flatMap(sources).join('\n').replace(list, '');
    const occurring = ERROR_CODES.filter((one) => code.includes(`'${one}'`));
    assert.deepEqual(rowsOf('docs', 'troubleshooting.md').sort(), [...occurring].sort());
  });
});

describe('The documents', () => {
  const documents = readdirSync(join(root, 'docs'), { recursive: true })
    .map((name) => join('docs', String(name)))
    .filter((name) => name.endsWith('.md'));

  it('lead to files that are there', () => {
    for (const document of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...documents]) {
      for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
        assert.ok(existsSync(join(root, dirname(document), target)), `${document}: ${target}`);
      }
    }
  });
});

describe('The page on IEC 62443-4-2', () => {
  const page = read('docs', 'iec-62443-4-2.md');
  const lines = page.split('\n').filter((line) => /^\| (CR|NDR|EDR) /.test(line));

  it('names for each requirement tests that exist', () => {
    assert.ok(lines.length > 20);
    for (const line of lines) {
      const [, requirement, , , tests = ''] = line.split('|').map((cell) => cell.trim());
      const named = [...tests.matchAll(/`(test\/[\w/-]+\.test\.ts)` “([^”]+)”/g)];
      assert.equal(named.length, tests.split(/; (?=`)/).length, requirement);
      for (const [, path = '', title = ''] of named) {
        const titles = [...read(path).matchAll(/\bit\(\s*(['`])(.*)\1/g)].map((match) => match[2] ?? '');
        assert.ok(
          titles.some((one) => one.includes(title)),
          `${requirement}: ${path} has no test “${title}”`,
        );
      }
    }
  });

  it('is about each requirement once, in the order of the standard', () => {
    const numbers = lines.map((line) => /(\d)\.(\d+)/.exec(line)?.slice(1).map(Number) ?? []);
    const order = numbers.map(([part = 0, number = 0]) => part * 100 + number);
    assert.deepEqual(
      order,
      [...new Set(order)].sort((a, b) => a - b),
    );
  });
});

describe('The documentation of fleets', () => {
  it('has a JSON Schema that matches the schemas ("npm run schema" writes it)', () => {
    assert.equal(read('docs', 'fleet.schema.json'), fleetSchema());
  });

  it('has an example that is valid', () => {
    const [, example = ''] = /```json\n([^`]*)```/.exec(read('docs', 'fleets.md')) ?? [];
    assert.equal(fleetRequest.parse(JSON.parse(example)).action, 'set-profile');
  });
});
