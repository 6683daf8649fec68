/** Two changes as one: what is planned on top of a change that is made only together with it. */
import { formatTuple } from '../rules/tuple';
import type { FamilyRules } from '../state/family-rules';
import type { FileText, Texts } from '../state/file-text';
import type { Plan } from '../state/plan';
import { changedFiles, type Snapshot, withWanted } from '../state/snapshot';

/**
 * The plan that makes both changes, for the files as they are.
 * @param first what is to be so before, @param then plans for what is so then
 */
export async function onTop(
  snapshot: Snapshot,
  first: Plan,
  then: (base: Snapshot) => Plan | Promise<Plan>,
): Promise<Plan> {
  const base = await withWanted(snapshot, first);
  const second = await then(base);
  const site = second.site ?? base.sources.site?.text;
  const unit = second.unit ?? first.unit;
  const web = second.web ?? first.web;
  const left = [...(first.web?.left ?? []), ...(second.web?.left ?? [])];
  return {
    rules: asInFile(second.rules, snapshot),
    ...{ policies: second.policies, enabled: second.enabled, schedule: second.schedule ?? base.schedule },
    ...(site === undefined || site === snapshot.sources.site?.text ? {} : { site }),
    ...(unit ? { unit } : {}),
    ...(web ? { web: { ...web, left: left.filter((port) => !web.listening.includes(port)) } } : {}),
    // Undone, the first change is not back.
    base: textsOf(changedFiles(snapshot, base)),
    warnings: [...first.warnings, ...second.warnings],
  };
}

const textsOf = (files: readonly FileText[]): Texts => Object.fromEntries(files.map(({ path, text }) => [path, text]));

/** The rules with those that the file has as the file's own, whose text and neighbours stay as they are. */
const asInFile = (lists: readonly FamilyRules[], { families }: Snapshot): FamilyRules[] =>
  lists.map(({ family, rules }) => {
    const own = families.find((state) => state.family === family)?.rules ?? [];
    const known = new Map(own.map((rule) => [formatTuple(rule), rule]));
    return { family, rules: rules.map((rule) => known.get(formatTuple(rule)) ?? rule) };
  });
