/** The difference of two tables, carried out by a small model of `iptables-restore -n`. */
import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { tableEdits } from '../../../firewall/rules/table-edits';
import type { Table } from '../../../firewall/rules/tables';

const chain = (specs: readonly string[]) => fc.array(fc.constantFrom(...specs), { maxLength: 12 });

/** Few different lines, so that they repeat, move, come and go. */
const table: fc.Arbitrary<Table> = fc
  .record({
    policy: fc.constantFrom('ACCEPT', 'DROP'),
    input: chain(['-j A', '-j B', '-j C', '-p tcp -j D', '-p udp -j E']),
    output: chain(['-j A', '-j B']),
    own: fc.option(chain(['-j A', '-j B', '-j C'])),
  })
  .map(({ policy, input, output, own }) => ({
    policies: new Map([['INPUT', policy]]),
    chains: new Map([['INPUT', []], ['in', input], ['out', output], ...(own ? [['own', own] as const] : [])]),
  }));

/** Does what each line says, in its order; a place that is not in the chain, or a chain that is not there, is an error. */
function carriedOut(text: string, { policies, chains }: Table): Table {
  const after: Table = {
    policies: new Map(policies),
    chains: new Map([...chains].map(([name, list]) => [name, [...list]])),
  };
  const lines = text.split('\n');
  if (text !== '') assert.deepEqual([lines.shift(), lines.pop(), lines.pop()], ['*filter', '', 'COMMIT']);
  for (const line of lines.filter(Boolean)) {
    const [, name = '', policy] = /^:(\S+) (\S+) \[0:0\]$/.exec(line) ?? [];
    if (policy === '-') after.chains.set(name, []);
    else if (policy) after.policies.set(name, policy);
    if (policy) continue;
    const [, option, target = '', rest = ''] = /^-([AID]) (\S+) (.*)$/.exec(line) ?? [];
    const list = after.chains.get(target);
    assert.ok(option && list, line);
    if (option === 'A') list.push(rest);
    else {
      const [, number, spec = ''] = /^(\d+) ?(.*)$/.exec(rest) ?? [];
      const place = Number(number);
      assert.ok(place >= 1 && place <= list.length, `${line} in a chain of ${list.length}`);
      list.splice(place - 1, option === 'D' ? 1 : 0, ...(option === 'D' ? [] : [spec]));
    }
  }
  return after;
}

describe('The difference of two tables', () => {
  it('makes the second of the first, and leaves a chain alone that only the first has', () => {
    fc.assert(
      fc.property(table, table, (from, to) => {
        const { policies, chains } = carriedOut(tableEdits(from, to), from);
        assert.deepEqual(policies, to.policies);
        assert.deepEqual(chains, new Map([...from.chains, ...to.chains]));
      }),
    );
  });

  it('is nothing where they are the same', () => {
    fc.assert(fc.property(table, (same) => assert.equal(tableEdits(same, same), '')));
  });

  it('touches what comes and what goes, and no other line', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(), { minLength: 1 }), fc.infiniteStream(fc.boolean()), (numbers, keeps) => {
        const specs = numbers.map((number) => `-j J${number}`);
        const [old, next] = [keeps, keeps].map((stream) => specs.filter(() => stream.next().value)) as [
          string[],
          string[],
        ];
        const of = (list: string[]): Table => ({ policies: new Map(), chains: new Map([['in', list]]) });
        const touched = tableEdits(of(old), of(next))
          .split('\n')
          .filter((line) => line.startsWith('-'));
        const wanted = specs.filter((spec) => old.includes(spec) !== next.includes(spec));
        assert.equal(touched.length, wanted.length);
      }),
    );
  });
});
