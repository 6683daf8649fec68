/** What a killed `ufw` command leaves behind: recognised here, and repaired by a restore. */
import { restore, type Saved } from '../host/iptables';
import type { Family } from '../rules/rule';
import { isActive, type Kernel, readKernel } from './kernel';
import type { Snapshot } from './snapshot';

/** `ufw insert` and `ufw reload` try out in such a chain what iptables can do, and remove it at once. */
const TEST_CHAIN = /^ufw6?-caps-test/;

/** What is left behind, in sentences. */
export function leftovers(snapshot: Snapshot, kernel: Kernel): string[] {
  const chains = [...new Set(testChains(kernel).map(([, chain]) => chain))];
  return [
    ...(!snapshot.settings.enabled && holdsRules(kernel)
      ? [
          'The firewall will be off at the next boot, but the kernel still contains its rules: a ufw command was killed.',
        ]
      : []),
    ...(snapshot.settings.enabled && !isActive(snapshot, kernel)
      ? ["ufw.conf says that the firewall is on, but ufw's chains in the kernel are empty: nothing is filtered."]
      : []),
    ...chains.map((chain) => `The chain ${chain} was left in the kernel: a ufw command was killed.`),
  ];
}

/** Removes the chains, and returns what the kernel contains then; reloading files and rules repairs the rest. */
export async function removeLeftovers(kernel: Kernel): Promise<Kernel> {
  const chains = testChains(kernel);
  for (const [family, chain] of chains) await restore(family, `*filter\n-F ${chain}\n-X ${chain}\nCOMMIT\n`);
  return chains.length === 0 ? kernel : readKernel();
}

const testChains = (kernel: Kernel): [Family, string][] =>
  (Object.entries(kernel) as [Family, Saved][]).flatMap(([family, { filter }]) =>
    [...filter.chains.keys()]
      .filter((chain) => TEST_CHAIN.test(chain))
      .map((chain): [Family, string] => [family, chain]),
  );

/** A firewall that was stopped properly leaves no user rules in the kernel. */
const holdsRules = (kernel: Kernel): boolean =>
  (Object.values(kernel) as Saved[]).some(({ filter: { chains } }) =>
    [...chains].some(([name, lines]) => /^ufw6?-user-input$/.test(name) && lines.length > 0),
  );
