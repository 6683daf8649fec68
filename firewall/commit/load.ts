/** Bringing rules into the kernel, and proving that they are there. */
import { FirewallError, say } from '../errors';
import { restore, type Saved, tryRestore } from '../host/iptables';
import { stopLoad, userLoad } from '../rules/load-text';
import type { Family } from '../rules/rule';
import type { RuleFile } from '../rules/rule-file';
import { difference } from '../rules/table-edits';
import { isActive, type Kernel, missingRules, readKernel, userTable } from '../state/kernel';
import { fullLoadOf, type Snapshot } from '../state/snapshot';

/** Each family's text for the kernel, and what the kernel held before where the firewall is being started. */
export interface Loads {
  texts: readonly (readonly [Family, string])[];
  present: Kernel | null;
}

/**
 * Makes the texts: where the kernel holds what the files say, what differs; else everything, which iptables first has to
 * try without effect. They stay good while the files do: ufw changes the kernel together with them, and what somebody
 * else does to it is seen after loading.
 * @param anew everything is loaded, whatever the kernel contains and the old files say
 */
export async function prepareLoads(before: Snapshot, after: Snapshot, kernel: Kernel, anew = false): Promise<Loads> {
  const present = before.settings.enabled && !anew ? null : kernel;
  if (!after.settings.enabled) return { texts: [], present };
  // While the web ports move, the kernel holds the rules for the old and the new ones.
  const moves = before.sources.site?.text !== after.sources.site?.text;
  if (!present && !moves && (await missingRules(before, kernel)) === null) {
    return { texts: differences(before, after), present };
  }
  const texts = loadsOf(after, present);
  await Promise.all(texts.map(([family, text]) => tryRestore(family, text)));
  return { texts, present };
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
  let kernel = await readKernel();
  if (!after.settings.enabled || (await missingRules(after, kernel)) === null) return kernel;
  // Somebody has changed the kernel since it was read, or flushed ufw's chains: load everything once more.
  for (const [family, text] of loadsOf(after, isActive(after, kernel) ? null : kernel)) await restore(family, text);
  kernel = await readKernel();
  const missing = await missingRules(after, kernel);
  if (missing === null) return kernel;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the kernel does not contain the rules that were loaded (${missing}).`,
    state: say`The firewall was restored to its previous state.`,
    remedy: say`Look for another program that changes iptables, then try again.`,
  });
}

/** Switches the firewall off, and proves that packets pass it by. */
export async function stop(after: Snapshot): Promise<Kernel> {
  const present = await readKernel();
  for (const family of after.families) await restore(family, stopLoad(family, (present[family] as Saved).filter));
  const kernel = await readKernel();
  if (!isActive(after, kernel)) return kernel;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the kernel is still filtering after the firewall was switched off.`,
    state: say`The firewall was restored to its previous state.`,
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
