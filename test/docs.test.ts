/** What the README says about error codes and nodes, against the code. */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'mocha';
import { ERROR_CODES } from '../firewall/errors';
import { fleetRequest } from '../firewall/fleet/envelope';
import { fleetSchema } from '../scripts/fleet-schema';
import { NODES } from './sets';

const root = resolve(__dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

/** The names in the first column of the README's tables. */
const rows = [...read('README.md').matchAll(/^\| `([\w-]+)` \|/gm)].map((match) => match[1] as string);

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [read(path)] : [];
  });
}

describe('The README', () => {
  it('explains each error code that can occur, and no other', () => {
    const list = /ERROR_CODES = \[[^\]]*\]/;
    const code = ['firewall', 'nodes', 'agent'].flatMap(sources).join('\n').replace(list, '');
    const occurring = ERROR_CODES.filter((one) => code.includes(`'${one}'`));
    assert.deepEqual(rows.filter((row) => /^[A-Z_]+$/.test(row)).sort(), [...occurring].sort());
  });

  it('lists each node of the package, and no other', () => {
    assert.deepEqual(rows.filter((row) => /^[a-z-]+$/.test(row)).sort(), [...NODES].sort());
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
    const [, example = ''] = /```json\n([^`]*)```/.exec(read('README.md')) ?? [];
    assert.equal(fleetRequest.parse(JSON.parse(example)).action, 'set-profile');
  });
});
