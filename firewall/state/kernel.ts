/** What the kernel holds, compared with what ufw's files would make it hold. */
import { chainPrefix } from '../rules/lines';
import type { Family } from '../rules/rule';
import { firstDifference, type Table } from '../rules/tables';
import { yieldToEventLoop } from '../yield';
import { expectedTable, userTable } from './expected';
import type { Snapshot } from './snapshot';

/** What the kernel holds of one family. */
export interface FamilyKernel {
  family: Family;
  filter: Table;
  /** All tables, as `iptables-save` prints them. */
  text: string;
}

/** The families the kernel has, whether ufw manages them or not. */
export type Kernel = readonly FamilyKernel[];

const NO_TABLE: Table = { chains: new Map(), policies: new Map() };

/** A family's filter table; empty where the kernel does not have the family. */
export const filterOf = (kernel: Kernel, family: Family): Table =>
  kernel.find((one) => one.family === family)?.filter ?? NO_TABLE;

/** Whether packets of every family ufw manages meet ufw's rules. */
export function isActive({ families }: Snapshot, kernel: Kernel): boolean {
  return families.every(({ family }) => {
    const prefix = chainPrefix(family);
    const { chains } = filterOf(kernel, family);
    return (['input', 'output', 'forward'] as const).every(
      (chain) =>
        chains.get(chain.toUpperCase())?.includes(`-j ${prefix}-before-${chain}`) === true &&
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
  for (const state of snapshot.families) {
    const expected = userTable(state, snapshot.settings);
    const difference = await differenceOf(expected, filterOf(kernel, state.family));
    if (difference !== null) return `${state.family}, ${difference}`;
  }
  return null;
}

/** Whether the kernel holds all that ufw's files would load, in every chain of ufw's and every built-in one. */
export async function isInSync(snapshot: Snapshot, kernel: Kernel): Promise<boolean> {
  if (!snapshot.settings.enabled) return !isActive(snapshot, kernel);
  for (const { family, filter } of kernel) {
    const expected = expectedTable(snapshot, family);
    if ((await differenceOf(expected, withoutForeignJumps(filter, expected))) !== null) return false;
  }
  return true;
}

/** Lines compared before the event loop gets its turn. */
const SLICE = 400;

/** The first place where the actual table is not what is expected, in words; null where there is none. */
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
      if (lines.length > SLICE) await yieldToEventLoop();
    }
  }
  return null;
}

/**
 * The table without what other programs add beside ufw's jumps: fail2ban and Docker jump from the built-in chains to
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
