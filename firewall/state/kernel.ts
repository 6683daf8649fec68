/** What the kernel does, compared with what ufw's files would make it do. */
import { exists } from '../host/files';
import { type Saved, save } from '../host/iptables';
import { chainPrefix } from '../rules/lines';
import { userLoad } from '../rules/load-text';
import { FAMILIES, type Family } from '../rules/rule';
import type { RuleFile } from '../rules/rule-file';
import { firstDifference, restored, type Table } from '../rules/tables';
import { expectedTable, type Snapshot } from './snapshot';

/** The tables of the families the kernel has, whether ufw manages them or not. */
export type Kernel = Partial<Record<Family, Saved>>;

export async function readKernel(): Promise<Kernel> {
  const hasIpv6 = await exists('/proc/sys/net/ipv6');
  const families = FAMILIES.filter((family) => family === 'ipv4' || hasIpv6);
  const saved = await Promise.all(families.map(async (family) => [family, await save(family)] as const));
  return Object.fromEntries(saved);
}

/** Whether packets of every family ufw manages meet ufw's rules. */
export function isActive(snapshot: Snapshot, kernel: Kernel): boolean {
  return snapshot.families.every((family) => {
    const prefix = chainPrefix(family);
    const chains = kernel[family]?.filter.chains;
    return (['input', 'output', 'forward'] as const).every(
      (chain) =>
        chains?.get(chain.toUpperCase())?.includes(`-j ${prefix}-before-${chain}`) === true &&
        chains.get(`${prefix}-before-${chain}`)?.includes(`-j ${prefix}-user-${chain}`) === true,
    );
  });
}

/**
 * Where the kernel does not hold the rules and policies of the files (what a change loads, and nothing around it), in
 * words; null where it does.
 */
export async function missingRules(snapshot: Snapshot, kernel: Kernel): Promise<string | null> {
  if (!isActive(snapshot, kernel)) return "ufw's chains are not in place";
  for (const family of snapshot.families) {
    const difference = await differenceOf(userTable(snapshot, family), (kernel[family] as Saved).filter);
    if (difference !== null) return `${family}, ${difference}`;
  }
  return null;
}

/** What a change loads of a family: the chains of the files' rules and the policies. */
export function userTable({ ruleFiles, settings: { policies } }: Snapshot, family: Family): Table {
  const file = ruleFiles[family] as RuleFile;
  const key = JSON.stringify(policies);
  const known = userTables.get(file);
  if (known?.key === key) return known.table;
  const table = restored(userLoad(file, policies));
  userTables.set(file, { key, table });
  return table;
}

/** What a change has loaded is what the next one finds. */
const userTables = new WeakMap<RuleFile, { key: string; table: Table }>();

/** Whether the kernel holds all that ufw's files would load, in every chain of ufw's and every built-in one. */
export async function isInSync(snapshot: Snapshot, kernel: Kernel): Promise<boolean> {
  if (!snapshot.settings.enabled) return !isActive(snapshot, kernel);
  for (const [family, { filter }] of Object.entries(kernel) as [Family, Saved][]) {
    const expected = expectedTable(snapshot, family);
    if ((await differenceOf(expected, withoutForeignJumps(filter, expected))) !== null) return false;
  }
  return true;
}

/** How many lines are compared before yielding to the event loop. */
const SLICE = 400;

/** The first place where the actual table differs from the expected one, in words; null if there is none. */
async function differenceOf(expected: Table, actual: Table): Promise<string | null> {
  for (const [name, policy] of expected.policies) {
    if (actual.policies.get(name) !== policy)
      return `policy of ${name}: ${actual.policies.get(name)} instead of ${policy}`;
  }
  for (const [name, lines] of expected.chains) {
    const present = actual.chains.get(name) ?? [];
    // A built-in chain is compared only where the expected table says what stands in it.
    if (lines.length === 0 && expected.policies.has(name)) continue;
    for (let at = 0; at < Math.max(lines.length, present.length); at += SLICE) {
      const different = firstDifference(lines.slice(at, at + SLICE), present.slice(at, at + SLICE));
      if (different >= 0) {
        const [wanted, got] = [lines[at + different] ?? 'nothing', present[at + different] ?? 'nothing'];
        return `chain ${name}: "${got}" instead of "${wanted}"`;
      }
      if (lines.length > SLICE) await new Promise(setImmediate);
    }
  }
  return null;
}

/**
 * The table without what other programs add next to ufw's jumps: fail2ban and Docker jump from the built-in chains to
 * chains of their own, and Docker puts rules of its own into FORWARD. Those are reported as other owners. A verdict
 * put into INPUT or OUTPUT by hand stays, and makes the difference that it is.
 */
function withoutForeignJumps(actual: Table, expected: Table): Table {
  const chains = new Map(actual.chains);
  for (const name of ['INPUT', 'OUTPUT', 'FORWARD']) {
    const wanted = expected.chains.get(name) ?? [];
    chains.set(
      name,
      (chains.get(name) ?? []).filter(
        (line) => wanted.includes(line) || (name !== 'FORWARD' && !jumpsElsewhere(line, actual)),
      ),
    );
  }
  return { ...actual, chains };
}

function jumpsElsewhere(line: string, { chains }: Table): boolean {
  const target = /(?:^| )-[jg] (\S+)/.exec(line)?.[1];
  return target !== undefined && chains.has(target) && !/^ufw6?-/.test(target);
}
