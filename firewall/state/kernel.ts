/** What the kernel holds, compared with what ufw's files would make it hold. */
import type { Policy } from '../messages';
import type { Policies } from '../results';
import { chainPrefix } from '../rules/lines';
import { IPV6_OFF_TABLE } from '../rules/load-text';
import { type ChainName, POLICY_OF } from '../rules/policies';
import type { Family } from '../rules/rule';
import { firstDifference, type Table } from '../rules/tables';
import type { FamilyRuleset, Ruleset } from '../verdicts/ruleset';
import { yieldToEventLoop } from '../yield';
import { expectedTable, fullLoadOf, userTable } from './expected';
import type { Snapshot } from './snapshot';

/** What the kernel holds of one family. */
export interface FamilyKernel {
  family: Family;
  /** All that decides about its packets. */
  ruleset: FamilyRuleset;
  /** The tables that nftables has, iptables' own included, as `FAMILY NAME`; null where that is not known. */
  nftTables: readonly string[] | null;
  filter: Table;
  /** All tables, as `iptables-save` prints them; bytes as latin1, as those of ufw's files. */
  text: string;
}

/** The families the kernel has, whether ufw manages them or not. */
export type Kernel = readonly FamilyKernel[];

/** All that decides about packets, of every family. */
export const rulesetIn = (kernel: Kernel): Ruleset => kernel.map(({ ruleset }) => ruleset);

export const NO_TABLE: Table = { chains: new Map(), policies: new Map() };

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

/** The default policies as packets meet them: one that accepts in any family ufw manages is `allow`, whatever the files say. */
export function policiesInForce({ families, settings }: Snapshot, kernel: Kernel): Policies {
  const inForce = (chain: ChainName): Policy => {
    const set = settings.policies[POLICY_OF[chain]];
    const accepts = families.some(
      ({ family }) => filterOf(kernel, family).policies.get(chain.toUpperCase()) === 'ACCEPT',
    );
    if (accepts) return 'allow';
    return set === 'allow' ? 'deny' : set;
  };
  return { incoming: inForce('input'), outgoing: inForce('output'), routed: inForce('forward') };
}

/**
 * Where the kernel does not hold the rules and policies of a family's file (what a change loads, and nothing around it), in
 * words; null where it does.
 * @param meant what iptables makes of all that ufw loads, where it was asked; without it only what ufw itself writes is
 *   known for what it is, and anything else counts as a difference
 */
export async function rulesDifference(
  { families, settings }: Snapshot,
  kernel: Kernel,
  family: Family,
  meant: Table | null = null,
): Promise<string | null> {
  const state = families.find((one) => one.family === family);
  if (!state) return null;
  const loads = userTable(state, settings);
  return differenceOf(meant ? partOf(meant, loads) : loads, filterOf(kernel, family));
}

/** Where the kernel does not hold all that ufw's files would load, in every chain of ufw's and every built-in one. */
export async function filesDifference(
  snapshot: Snapshot,
  kernel: Kernel,
  family: Family,
  meant: Table | null = null,
): Promise<string | null> {
  const expected = meant ?? expectedTable(snapshot, family);
  return differenceOf(expected, withoutForeignRules(filterOf(kernel, family), expected));
}

/**
 * Where the kernel does not hold what it held once, in words; null where it does. Only ufw's chains and the policies are
 * compared: others may have changed what is theirs since.
 */
export async function differenceFrom(saved: Table, kernel: Kernel, family: Family): Promise<string | null> {
  const own = new Map([...saved.chains].filter(([name]) => isUfws(name)));
  return differenceOf({ chains: own, policies: saved.policies }, filterOf(kernel, family));
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
export function meantText({ families, settings }: Snapshot, kernel: Kernel, family: Family): string {
  const state = families.find((one) => one.family === family);
  const text = state ? fullLoadOf(state, settings, null) : IPV6_OFF_TABLE;
  const { chains, policies } = filterOf(kernel, family);
  const others = [...chains.keys()].filter((name) => !policies.has(name) && !isUfws(name) && text.includes(name));
  if (others.length === 0) return text;
  return `*filter\n${others.map((name) => `:${name} - [0:0]\n`).join('')}COMMIT\n${text}`;
}

const isUfws = (chain: string): boolean => /^ufw6?-/.test(chain);

/** Lines compared before the event loop gets its turn. */
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
      if (lines.length > SLICE) await yieldToEventLoop();
    }
  }
  return null;
}

/**
 * The table without what other programs add next to ufw's jumps: fail2ban and Docker jump from the built-in chains to
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
