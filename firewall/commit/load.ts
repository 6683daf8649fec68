/** Bringing rules into the kernel, and proving that they are there. */
import { FirewallError, say } from '../errors';
import { missingRules } from '../host/in-sync';
import { restore, tryRestore } from '../host/iptables';
import { readKernel } from '../host/kernel';
import { isSameList } from '../lists';
import { IPV6_OFF_LOAD, stopLoad, userLoad } from '../rules/load-text';
import { tableEdits } from '../rules/table-edits';
import type { FamilyText } from '../state/checkpoint';
import { fullLoadOf, userTable } from '../state/expected';
import { filterOf, isActive, type Kernel, rulesDifference } from '../state/kernel';
import { testChains } from '../state/leftovers';
import type { Snapshot } from '../state/snapshot';

/** Each family's text for the kernel, and what the kernel held before where the firewall is being started. */
export interface Loads {
  texts: readonly FamilyText[];
  present: Kernel | null;
}

/**
 * Makes the texts: where the kernel holds what the files say, line by line, what differs; else everything, which iptables
 * first has to try without effect. They stay good while the files do: ufw changes the kernel together with them, and what
 * somebody else does to it is seen after loading.
 * @param anew everything is loaded, whatever the kernel contains and the old files say
 */
export async function prepareLoads(before: Snapshot, after: Snapshot, kernel: Kernel, anew = false): Promise<Loads> {
  const present = before.settings.enabled && !anew ? null : kernel;
  if (!after.settings.enabled) return { texts: [], present };
  // While the web ports move, the kernel holds the rules for the old and the new ones.
  const moves = before.sources.site?.text !== after.sources.site?.text;
  if (!present && !moves && (await isLineByLine(before, kernel))) {
    return { texts: differences(before, after), present };
  }
  const texts = loadsOf(after, present);
  await Promise.all(texts.map(tryRestore));
  return { texts, present };
}

/**
 * Whether the kernel holds each line of the files as one rule in its place, which is what a difference is counted by. A line
 * that iptables writes otherwise, be it several rules, is not told from a wrong one.
 */
async function isLineByLine(snapshot: Snapshot, kernel: Kernel): Promise<boolean> {
  if (!isActive(snapshot, kernel)) return false;
  for (const { family } of snapshot.families) {
    if ((await rulesDifference(snapshot, kernel, family)) !== null) return false;
  }
  return true;
}

/** The texts of the families in which the rules or policies differ. */
const differences = (before: Snapshot, after: Snapshot): FamilyText[] =>
  after.families.flatMap((state) => {
    const { family } = state;
    const old = before.families.find((one) => one.family === family);
    if (!old) return [];
    const text = tableEdits(userTable(old, before.settings), userTable(state, after.settings));
    return text === '' ? [] : [{ family, text }];
  });

/**
 * Each family's text for the kernel: the rules and policies, or everything where the firewall is not yet up, which also shuts
 * off the family that ufw does not manage.
 */
export const loadsOf = ({ families, settings }: Snapshot, present: Kernel | null): FamilyText[] => [
  ...families.map((state) => ({
    family: state.family,
    text: present
      ? fullLoadOf(state, settings, filterOf(present, state.family))
      : userLoad(state.file, settings.policies),
  })),
  ...(present ?? [])
    .filter(({ family }) => !families.some((state) => state.family === family))
    .map(({ family }) => ({ family, text: IPV6_OFF_LOAD })),
];

/**
 * Loads, and proves that the kernel holds what was loaded.
 * @param known what the kernel held a moment ago, where that was read
 */
export async function load(after: Snapshot, loads: readonly FamilyText[], known?: Kernel): Promise<Kernel> {
  // Not both at once: two commits at the same time make one of them start again.
  for (const one of loads) await restore(one);
  const first = await readKernel(after, known);
  if (!after.settings.enabled || (await missingRules(after, first)) === null) return first;
  // Somebody has changed the kernel since it was read, or flushed ufw's chains: load everything once more.
  for (const one of loadsOf(after, isActive(after, first) ? null : first)) await restore(one);
  const kernel = await readKernel(after, known);
  const missing = await missingRules(after, kernel);
  if (missing === null) return kernel;
  // Read twice and the same, with a load of everything in between: nobody changes it, and what differs is how iptables prints
  // the lines, which it could not be asked about.
  if (!missing.isCertain && holdsSame(after, first, kernel)) return kernel;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the kernel does not contain the rules that were loaded (${missing.text}).`,
    state: say`The firewall was restored to its previous state.`,
    remedy: say`Look for another program that changes iptables, then try again.`,
  });
}

/** Whether both kernels hold the same where ufw's rules and policies are. */
const holdsSame = ({ families, settings }: Snapshot, one: Kernel, other: Kernel): boolean =>
  families.every((state) => {
    const [a, b] = [filterOf(one, state.family), filterOf(other, state.family)];
    const { chains, policies } = userTable(state, settings);
    return (
      [...chains.keys()].every((name) => isSameList(a.chains.get(name) ?? [], b.chains.get(name) ?? [])) &&
      [...policies.keys()].every((name) => a.policies.get(name) === b.policies.get(name))
    );
  });

/** Switches the firewall off, and proves that packets pass it by. */
export async function stop(after: Snapshot): Promise<Kernel> {
  const present = await readKernel(after);
  for (const { family, filter } of present) await restore({ family, text: stopLoad(family, filter) });
  const kernel = await readKernel(after);
  if (!isActive(after, kernel)) return kernel;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the kernel is still filtering after the firewall was switched off.`,
    state: say`The firewall was restored to its previous state.`,
    remedy: say`Look for another program that changes iptables, then try again.`,
  });
}

/** Removes the chains that a killed ufw has left, and gives what the kernel holds then. */
export async function removeTestChains(after: Snapshot, kernel: Kernel): Promise<Kernel> {
  const chains = testChains(kernel);
  for (const { family, chain } of chains)
    await restore({ family, text: `*filter\n-F ${chain}\n-X ${chain}\nCOMMIT\n` });
  return chains.length === 0 ? kernel : readKernel(after);
}

/** A kernel without a filter table lets everything through; restoring an empty text would leave what was loaded since. */
const NO_FILTER = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';

/** The texts that bring each family back to what the kernel held. */
export const textsOf = (kernel: Kernel): FamilyText[] =>
  kernel.map(({ family, text }) => ({ family, text: text.includes('*filter') ? text : text + NO_FILTER }));
