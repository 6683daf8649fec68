/** What the kernel holds once ufw's files have been loaded. */
import { fullLoad, IPV6_OFF_TABLE, userLoad } from '../rules/load-text';
import type { Family } from '../rules/rule';
import type { RuleFile } from '../rules/rule-file';
import { restored, type Table } from '../rules/tables';
import type { UfwSettings } from '../rules/ufw-settings';
import type { FamilyState, Snapshot } from './snapshot';

type Policies = Pick<UfwSettings, 'policies'>;

/** The text that brings up the whole firewall of a family. @param present what the kernel holds of it already */
export const fullLoadOf = (state: FamilyState, { policies }: Policies, present: Table | null): string =>
  fullLoad({ before: state.before, after: state.after, user: state.file }, policies, present);

/** The filter table of a family after ufw has loaded the snapshot's files. */
export function expectedTable({ families, settings }: Snapshot, family: Family): Table {
  const state = families.find((one) => one.family === family);
  if (!state) return restored(IPV6_OFF_TABLE);
  const key = JSON.stringify([state.before, state.after, settings.policies]);
  return remembered(expectedTables, state.file, key, () => restored(fullLoadOf(state, settings, null)));
}

/** What a change loads of a family: the chains of the files' rules and the policies. */
export function userTable({ file }: FamilyState, { policies }: Policies): Table {
  return remembered(userTables, file, JSON.stringify(policies), () => restored(userLoad(file, policies)));
}

/** What a rule file leads to depends on the rest only by a short text, and seldom changes between two readings. */
type Tables = WeakMap<RuleFile, { key: string; table: Table }>;
const expectedTables: Tables = new WeakMap();
const userTables: Tables = new WeakMap();

function remembered(tables: Tables, file: RuleFile, key: string, make: () => Table): Table {
  const known = tables.get(file);
  if (known?.key === key) return known.table;
  const table = make();
  tables.set(file, { key, table });
  return table;
}
