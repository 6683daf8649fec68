/** All that will decide about packets once ufw's files say what a change wants. */
import { IPV6_OFF_LOAD, stopLoad } from '../rules/load-text';
import type { Family } from '../rules/rule';
import { canonical, restored, type Table } from '../rules/tables';
import { withFilter } from '../verdicts/from-texts';
import type { FamilyRuleset, Ruleset } from '../verdicts/ruleset';
import { yieldToEventLoop } from '../yield';
import { expectedTable, fullLoadOf, userTable } from './expected';
import { type FamilyKernel, filterOf, isActive, type Kernel } from './kernel';
import type { Snapshot } from './snapshot';

/** What iptables makes of lines of ufw's files: each with the rules that it becomes. */
export type Forms = ReadonlyMap<string, readonly string[]>;

/**
 * What the kernel will hold, whoever put it there.
 * @param before the files that the kernel was read with
 * @param formsOf of each family; a line that is not in them is one that ufw itself writes
 * @param stops whether a firewall that is off then is switched off, as it is on until then: where it was off in the files all
 *   along, nothing is loaded and the kernel stays as it is
 */
export async function rulesetAfter(
  kernel: Kernel,
  before: Snapshot,
  after: Snapshot,
  formsOf: (family: Family) => Forms,
  stops = before.settings.enabled,
): Promise<Ruleset> {
  const active = isActive(before, kernel);
  const rules: FamilyRuleset[] = [];
  for (const own of kernel) {
    const filter = filterAfter(own, { active, stops }, after);
    await yieldToEventLoop();
    rules.push(filter ? withFilter(own.ruleset, inForms(filter, formsOf(own.family))) : own.ruleset);
    await yieldToEventLoop();
  }
  return rules;
}

/**
 * The lines of a family's files that a change loads and that the kernel does not hold as text: what they mean is not told by
 * what the kernel prints of them.
 */
export function linesToAsk(snapshot: Snapshot, kernel: Kernel, family: Family): string[] {
  const state = snapshot.families.find((one) => one.family === family);
  if (!state) return [];
  const active = isActive(snapshot, kernel);
  const { chains } = active ? userTable(state, snapshot.settings) : expectedTable(snapshot, family);
  const present = filterOf(kernel, family).chains;
  const lines = [...chains].flatMap(([name, specs]) => {
    const known = new Set((active ? present.get(name) : [])?.map(canonical));
    return specs.filter((spec) => !known.has(canonical(spec)));
  });
  return [...new Set(lines)];
}

function inForms({ chains, policies }: Table, forms: Forms): Table {
  if (forms.size === 0) return { chains, policies };
  const formed = [...chains].map(([name, specs]): [string, string[]] => [
    name,
    specs.flatMap((spec) => forms.get(spec) ?? [spec]),
  ]);
  return { chains: new Map(formed), policies };
}

/** Null where it stays. */
function filterAfter(
  { family, filter }: FamilyKernel,
  { active, stops }: { active: boolean; stops: boolean },
  { families, settings }: Snapshot,
): Table | null {
  const state = families.find((one) => one.family === family);
  if (!settings.enabled) return active && stops ? restored(stopLoad(family, filter), filter) : null;
  if (active) return state ? withUserChains(filter, userTable(state, settings)) : null;
  return restored(state ? fullLoadOf(state, settings, filter) : IPV6_OFF_LOAD, filter);
}

/** The user's chains and the policies in place of those there are; what else stands in the built-in chains stays. */
const withUserChains = (filter: Table, user: Table): Table => ({
  chains: new Map([...filter.chains, ...[...user.chains].filter(([name]) => !user.policies.has(name))]),
  policies: new Map([...filter.policies, ...user.policies]),
});
