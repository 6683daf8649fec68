/** Two rulesets of which the second is the first after some changes. */
import fc from 'fast-check';
import type { Family } from '../../../firewall/rules/rule';
import { type Model, type ModelTable, model, type Shape } from './model';

/** A few rules more, less or elsewhere, or another policy. */
export const changed = (family: Family, shape: Shape): fc.Arbitrary<readonly [Model, Model]> =>
  fc
    .tuple(model(family, shape), model(family, shape), fc.array(fc.nat(1000), { minLength: 1, maxLength: 3 }))
    .map(([before, other, places]) => {
      const after = places.reduce((now, place) => edited(now, other, place), before);
      return [before, after] as const;
    });

/** One change at a place, which a number names; what is new comes from another ruleset. */
function edited(one: Model, other: Model, place: number): Model {
  const at = place % one.tables.length;
  const [table, source] = [one.tables[at], other.tables[at]];
  if (!table || !source) return one;
  const names = Object.keys(table.chains);
  const name = names[place % names.length] ?? '';
  const rules = [...(table.chains[name] ?? [])];
  const spot = place % (rules.length + 1);
  const fresh = source.chains[name]?.[place % 3];
  const kind = place % 4;
  if (kind === 0) return withTable(one, at, { ...table, policies: source.policies });
  if (kind === 1 && fresh) rules.splice(spot, 0, fresh);
  else if (kind === 2) rules.splice(spot, 1);
  else rules.push(...rules.splice(0, 1));
  return withTable(one, at, { ...table, chains: { ...table.chains, [name]: rules } });
}

const withTable = (one: Model, at: number, table: ModelTable): Model => ({
  ...one,
  tables: one.tables.map((known, index) => (index === at ? table : known)),
});
