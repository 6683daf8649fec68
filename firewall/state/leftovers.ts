/** What a `ufw` command that was killed half-way leaves behind; a restore repairs it. */
import { type Sentence, say } from '../errors';
import type { Family } from '../rules/rule';
import { isActive, type Kernel } from './kernel';
import type { Snapshot } from './snapshot';

/** `ufw insert` and `ufw reload` try out in such a chain what iptables can do, and remove it at once. */
const TEST_CHAIN = /^ufw6?-caps-test/;

/** What is left behind. */
export function leftovers(snapshot: Snapshot, kernel: Kernel): Sentence[] {
  const chains = [...new Set(testChains(kernel).map(({ chain }) => chain))];
  return [
    ...(!snapshot.settings.enabled && holdsRules(kernel)
      ? [
          say`The firewall will be off at the next boot, but the kernel still contains its rules: a ufw command was killed.`,
        ]
      : []),
    ...(snapshot.settings.enabled && !isActive(snapshot, kernel)
      ? [say`ufw.conf says that the firewall is on, but ufw's chains in the kernel are empty: nothing is filtered.`]
      : []),
    ...chains.map((chain) => say`The chain ${chain} was left in the kernel: a ufw command was killed.`),
  ];
}

/** The chains that ufw tries things out in, and should have removed. */
export const testChains = (kernel: Kernel): { family: Family; chain: string }[] =>
  kernel.flatMap(({ family, filter }) =>
    [...filter.chains.keys()].filter((chain) => TEST_CHAIN.test(chain)).map((chain) => ({ family, chain })),
  );

/** A firewall that was stopped properly leaves no user rules in the kernel. */
const holdsRules = (kernel: Kernel): boolean =>
  kernel.some(({ filter: { chains } }) =>
    [...chains].some(([name, lines]) => /^ufw6?-user-input$/.test(name) && lines.length > 0),
  );
