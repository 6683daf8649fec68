/** What the kernel does, compared with what ufw's files would make it do. */
import type { FirewallError } from '../errors';
import { exists } from '../host/files';
import { type Saved, save } from '../host/iptables';
import { chainPrefix } from '../rules/lines';
import { IPV6_OFF_LOAD, userLoad } from '../rules/load-text';
import { FAMILIES, type Family } from '../rules/rule';
import type { RuleFile } from '../rules/rule-file';
import { firstDifference, restored, type Table } from '../rules/tables';
import { expectedTable, fullLoadOf, type Snapshot } from './snapshot';

/** The tables of the families the kernel has, whether ufw manages them or not. */
export type Kernel = Partial<Record<Family, Saved>>;

/**
 * Reads what the kernel holds of every family it has. Of one that ufw does not manage, what iptables cannot read is not
 * there: ufw-init leaves it alone for the same reason.
 * @param managed tells which families ufw manages; only waited for where a family cannot be read
 * @throws FirewallError NOT_PERMITTED, UFW_NOT_FOUND, TIMEOUT, INTERNAL
 */
export async function readKernel(managed: Managed | Promise<Managed>): Promise<Kernel> {
  const hasIpv6 = await exists('/proc/sys/net/ipv6');
  const families = FAMILIES.filter((family) => family === 'ipv4' || hasIpv6);
  const saved = families.map((family) =>
    save(family).catch(async (error: FirewallError) => {
      const isUsable = error.code !== 'INTERNAL' && error.code !== 'UFW_NOT_FOUND';
      if (isUsable || (await managed).families.includes(family)) throw error;
      return null;
    }),
  );
  const read = await Promise.all(saved);
  return Object.fromEntries(families.map((family, at) => [family, read[at]]).filter(([, one]) => one));
}

type Managed = Pick<Snapshot, 'families'>;

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
 * @param meant what iptables makes of all that ufw loads, where it was asked; without it only what ufw itself writes is
 *   known for what it is, and anything else counts as a difference
 */
export async function rulesDifference(
  snapshot: Snapshot,
  kernel: Kernel,
  family: Family,
  meant: Table | null = null,
): Promise<string | null> {
  const loads = userTable(snapshot, family);
  return differenceOf(meant ? partOf(meant, loads) : loads, (kernel[family] as Saved).filter);
}

/** Where the kernel does not hold all that ufw's files would load, in every chain of ufw's and every built-in one. */
export async function filesDifference(
  snapshot: Snapshot,
  kernel: Kernel,
  family: Family,
  meant: Table | null = null,
): Promise<string | null> {
  const expected = meant ?? expectedTable(snapshot, family);
  return differenceOf(expected, withoutForeignRules((kernel[family] as Saved).filter, expected));
}

/** The chains and policies of a table that another one has. */
const partOf = ({ chains, policies }: Table, part: Table): Table => ({
  chains: new Map([...chains].filter(([name]) => part.chains.has(name))),
  policies: new Map([...policies].filter(([name]) => part.policies.has(name))),
});

/**
 * The text that iptables has to be asked about: all that ufw would load, behind the chains of others that it may lead to,
 * which are empty here.
 */
export function meantText(snapshot: Snapshot, kernel: Kernel, family: Family): string {
  const text = snapshot.families.includes(family) ? fullLoadOf(snapshot, family, null) : IPV6_OFF_LOAD;
  const { chains, policies } = (kernel[family] as Saved).filter;
  const others = [...chains.keys()].filter((name) => !policies.has(name) && !isUfws(name) && text.includes(name));
  if (others.length === 0) return text;
  return `*filter\n${others.map((name) => `:${name} - [0:0]\n`).join('')}COMMIT\n${text}`;
}

const isUfws = (chain: string): boolean => /^ufw6?-/.test(chain);

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

/** Lines compared before Node-RED gets its turn. */
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
      if (lines.length > SLICE) await new Promise(setImmediate);
    }
  }
  return null;
}

/**
 * The table without what other programs add beside ufw's jumps: fail2ban and Docker jump from the built-in chains to
 * chains of their own, and Docker puts rules of its own into FORWARD. Those are reported as other owners. A verdict
 * put into INPUT or OUTPUT by hand stays, and makes the difference that it is. A rule of a built-in chain in ufw's files is
 * there once more after each reload, because no reload takes it out: it counts once.
 */
function withoutForeignRules(actual: Table, expected: Table): Table {
  const chains = new Map(actual.chains);
  for (const name of ['INPUT', 'OUTPUT', 'FORWARD']) {
    const wanted = expected.chains.get(name) ?? [];
    const seen = new Set<string>();
    chains.set(
      name,
      (chains.get(name) ?? []).filter((line) => {
        const isAgain = seen.has(line) && !isUfws(targetOf(line));
        seen.add(line);
        if (wanted.includes(line)) return !isAgain;
        return name !== 'FORWARD' && !jumpsElsewhere(line, actual);
      }),
    );
  }
  return { ...actual, chains };
}

const targetOf = (line: string): string =>
  /(?:^| )-[jg] (\S+)/.exec(line.replace(/"(?:\\.|[^"\\])*"/g, '""'))?.[1] ?? '';

const jumpsElsewhere = (line: string, { chains }: Table): boolean => {
  const target = targetOf(line);
  return chains.has(target) && !isUfws(target);
};
