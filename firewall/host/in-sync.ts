/**
 * Whether the kernel holds what ufw's files say. What ufw itself writes is compared as text; where that differs, iptables is
 * asked what the files mean.
 */
import { fromBytes } from '../printable';
import type { Family } from '../rules/rule';
import type { Table } from '../rules/tables';
import { expectedTable } from '../state/expected';
import { filesDifference, filterOf, isActive, type Kernel, meantText, rulesDifference } from '../state/kernel';
import { type Forms, linesToAsk } from '../state/ruleset-after';
import type { Snapshot } from '../state/snapshot';
import { yieldToEventLoop } from '../yield';
import { inScratch } from './scratch';

/** Where the kernel does not hold what it should, in words. */
interface Missing {
  text: string;
  /** Whether it could be found out what the files mean: else the kernel may hold it in other words. */
  isCertain: boolean;
}

/**
 * Where the kernel does not hold the rules and policies of the files (what a change loads, and nothing around it); null where
 * it does.
 */
export async function missingRules(snapshot: Snapshot, kernel: Kernel): Promise<Missing | null> {
  if (!isActive(snapshot, kernel)) return { text: "ufw's chains are not in place", isCertain: true };
  const said = await Promise.all(
    snapshot.families.map(async ({ family }) => {
      const missing = await settled(rulesDifference, snapshot, kernel, family);
      return missing && { ...missing, text: `${family}, ${fromBytes(missing.text)}` };
    }),
  );
  const all = said.flatMap((one) => one ?? []);
  return all.find(({ isCertain }) => isCertain) ?? all[0] ?? null;
}

/** Whether the kernel holds all that ufw's files would load, in every chain of ufw's and every built-in one. */
export async function isInSync(snapshot: Snapshot, kernel: Kernel): Promise<boolean> {
  if (!snapshot.settings.enabled) return !isActive(snapshot, kernel);
  const found = await Promise.all(kernel.map(({ family }) => settled(filesDifference, snapshot, kernel, family)));
  return found.every((difference) => difference === null);
}

/**
 * What iptables makes of the lines that a change loads and that are not ufw's own: each on its own, in a chain for itself.
 * Where iptables cannot be asked, nothing is known of them.
 */
export async function formsIn(before: Snapshot, kernel: Kernel): Promise<(family: Family) => Forms> {
  const found = new Map(
    await Promise.all(
      kernel.map(async ({ family }, at) => {
        // With thousands of rules each of them takes a while to begin; their programs run at the same time.
        if (at > 0) await yieldToEventLoop();
        return [family, await formsOf(before, kernel, family)] as const;
      }),
    ),
  );
  return (family) => found.get(family) ?? NO_FORMS;
}

const NO_FORMS: Forms = new Map();

async function formsOf(before: Snapshot, kernel: Kernel, family: Family): Promise<Forms> {
  const lines = linesToAsk(before, kernel, family);
  if (lines.length === 0) return NO_FORMS;
  const chains = [filterOf(kernel, family), expectedTable(before, family)].flatMap((table) =>
    [...table.chains.keys()].filter((name) => name !== '' && !table.policies.has(name)),
  );
  const own = lines.map((_, at) => `smartserver-${at}`);
  const declared = [...new Set([...chains, ...own])].map((name) => `:${name} - [0:0]`);
  const rules = lines.map((line, at) => `-A ${own[at]} ${line}`);
  const asked = await inScratch(family, `*filter\n${[...declared, ...rules].join('\n')}\nCOMMIT\n`);
  if (asked.kind !== 'loaded') return NO_FORMS;
  return new Map(lines.map((line, at) => [line, asked.filter.chains.get(own[at] as string) ?? [line]]));
}

type Comparison = (snapshot: Snapshot, kernel: Kernel, family: Family, meant?: Table | null) => Promise<string | null>;

/** What a comparison says of the texts; where they differ, what it says of what iptables makes of them. */
async function settled(
  compare: Comparison,
  snapshot: Snapshot,
  kernel: Kernel,
  family: Family,
): Promise<Missing | null> {
  const difference = await compare(snapshot, kernel, family);
  if (difference === null) return null;
  const asked = await inScratch(family, meantText(snapshot, kernel, family));
  if (asked.kind === 'loaded') {
    const text = await compare(snapshot, kernel, family, asked.filter);
    return text === null ? null : { text, isCertain: true };
  }
  return { text: `${difference}, and iptables could not be asked: ${asked.reason}`, isCertain: false };
}
