/** Bringing rules into the kernel, and proving that they are there. */
import { FirewallError, say } from '../errors';
import { missingRules } from '../host/in-sync';
import { restore, type Saved, tryRestore } from '../host/iptables';
import { stopLoad, userLoad } from '../rules/load-text';
import type { Family } from '../rules/rule';
import type { RuleFile } from '../rules/rule-file';
import { difference } from '../rules/table-edits';
import { isActive, type Kernel, readKernel, rulesDifference, userTable } from '../state/kernel';
import { fullLoadOf, type Snapshot } from '../state/snapshot';

/** Each family's text for the kernel, and what the kernel held before where the firewall is being started. */
export interface Loads {
  texts: readonly (readonly [Family, string])[];
  present: Kernel | null;
}

/**
 * Makes the texts: where the kernel holds what the files say, line by line, what differs; else everything, which iptables
 * first has to try without effect. They stay good while the files do: ufw changes the kernel together with them, and what somebody
 * else does to it is seen after loading.
 * @param anew everything is loaded, whatever the kernel holds and the old files say
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
  await Promise.all(texts.map(([family, text]) => tryRestore(family, text)));
  return { texts, present };
}

/**
 * Whether the kernel holds each line of the files as one rule in its place, which is what a difference is counted by. A line
 * that iptables writes otherwise, be it several rules, is not told from a wrong one.
 */
async function isLineByLine(snapshot: Snapshot, kernel: Kernel): Promise<boolean> {
  if (!isActive(snapshot, kernel)) return false;
  for (const family of snapshot.families) {
    if ((await rulesDifference(snapshot, kernel, family)) !== null) return false;
  }
  return true;
}

/** The texts of the families in which the rules or policies differ. */
function differences(before: Snapshot, after: Snapshot): (readonly [Family, string])[] {
  return after.families
    .map((family) => [family, difference(userTable(before, family), userTable(after, family))] as const)
    .filter(([, text]) => text !== '');
}

/** Each family's text for the kernel: the rules and policies, or everything where the firewall is not yet up. */
export function loadsOf(snapshot: Snapshot, present: Kernel | null): (readonly [Family, string])[] {
  return snapshot.families.map((family) => [
    family,
    present
      ? fullLoadOf(snapshot, family, present[family]?.filter ?? null)
      : userLoad(snapshot.ruleFiles[family] as RuleFile, snapshot.settings.policies),
  ]);
}

/** Loads, and proves that the kernel holds what was loaded. */
export async function load(after: Snapshot, loads: readonly (readonly [Family, string])[]): Promise<Kernel> {
  // Not both at once: two commits at the same time make one of them start again.
  for (const [family, text] of loads) await restore(family, text);
  let kernel = await readKernel(after);
  if (!after.settings.enabled || (await missingRules(after, kernel)) === null) return kernel;
  // Somebody has changed the kernel since it was looked at, or flushed ufw's chains: everything, once more.
  for (const [family, text] of loadsOf(after, isActive(after, kernel) ? null : kernel)) await restore(family, text);
  kernel = await readKernel(after);
  const missing = await missingRules(after, kernel);
  if (missing === null) return kernel;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the kernel does not hold the rules that were loaded (${missing}).`,
    state: say`The firewall was put back as it was.`,
    remedy: say`Look for another program that changes iptables, then try again.`,
  });
}

/** Switches the firewall off, and proves that packets pass it by. */
export async function stop(after: Snapshot): Promise<Kernel> {
  const present = await readKernel(after);
  for (const family of after.families) await restore(family, stopLoad(family, (present[family] as Saved).filter));
  const kernel = await readKernel(after);
  if (!isActive(after, kernel)) return kernel;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the kernel still filters after the firewall was switched off.`,
    state: say`The firewall was put back as it was.`,
    remedy: say`Look for another program that changes iptables, then try again.`,
  });
}

/** A kernel without a filter table lets everything through; restoring an empty text would leave what was loaded since. */
const NO_FILTER = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';

export const textsOf = (kernel: Kernel): Partial<Record<Family, string>> =>
  Object.fromEntries(
    (Object.entries(kernel) as [Family, { text: string }][]).map(([family, { text }]) => [
      family,
      text.includes('*filter') ? text : text + NO_FILTER,
    ]),
  );
