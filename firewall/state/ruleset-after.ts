/** All that will decide about packets once ufw's files say what a change wants. */
import { IPV6_OFF_LOAD, stopLoad } from '../rules/load-text';
import { restored, type Table } from '../rules/tables';
import { type Ruleset, withFilter } from '../verdicts/ruleset';
import { fullLoadOf, userTable } from './expected';
import { type FamilyKernel, isActive, type Kernel } from './kernel';
import type { Snapshot } from './snapshot';

/**
 * What the kernel will hold, whoever put it there.
 * @param before the files that the kernel was read with
 */
export function rulesetAfter(kernel: Kernel, before: Snapshot, after: Snapshot): Ruleset {
  const active = isActive(before, kernel);
  return kernel.map((own) => {
    const filter = filterAfter(own, active, after);
    return filter ? withFilter(own.ruleset, filter) : own.ruleset;
  });
}

/** Null where it stays. */
function filterAfter(
  { family, filter }: FamilyKernel,
  active: boolean,
  { families, settings }: Snapshot,
): Table | null {
  const state = families.find((one) => one.family === family);
  if (!settings.enabled) return active ? restored(stopLoad(family, filter), filter) : null;
  if (active) return state ? withUserChains(filter, userTable(state, settings)) : null;
  return restored(state ? fullLoadOf(state, settings, filter) : IPV6_OFF_LOAD, filter);
}

/** The user's chains and the policies in place of those there are; what else stands in the built-in chains stays. */
const withUserChains = (filter: Table, user: Table): Table => ({
  chains: new Map([...filter.chains, ...[...user.chains].filter(([name]) => !user.policies.has(name))]),
  policies: new Map([...filter.policies, ...user.policies]),
});
