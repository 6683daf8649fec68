/** What a change did to the rules, kept so that it can be taken out again of whatever the rules are by then. */
import * as z from 'zod/mini';
import { isSameList } from '../lists';
import { FAMILIES, type Rule, sameIdentity } from '../rules/rule';
import { formatTuple, parseTuple } from '../rules/tuple';
import { type FamilyRules, rulesIn } from './family-rules';

const removed = z.object({
  tuple: z.string(),
  /** The rule it stood behind; null for the first. */
  after: z.nullable(z.string()),
  /** Its place in the list (0-based), for the case that the rule it stood behind is gone. */
  at: z.int().check(z.minimum(0)),
});

/** Rules are kept as their tuples, which is how ufw itself keeps them. */
const rulesChange = z.object({ added: z.readonly(z.array(z.string())), removed: z.readonly(z.array(removed)) });
const familyPatch = z.extend(rulesChange, { family: z.enum(FAMILIES) });
type FamilyPatch = z.infer<typeof familyPatch>;

/** One entry per family that was changed; on disk each stands under its family's name. */
export const patch = z.codec(
  z.object({ ipv4: z.optional(rulesChange), ipv6: z.optional(rulesChange) }),
  z.readonly(z.array(familyPatch)),
  {
    decode: (named) =>
      FAMILIES.flatMap((family) => {
        const own = named[family];
        return own ? [{ family, ...own }] : [];
      }),
    encode: (list) => Object.fromEntries(list.map(({ family, ...own }) => [family, own])),
  },
);
export type Patch = z.infer<typeof patch>;

/** What leads from one set of lists to the other; a rule that moved counts as removed and added. */
export const patchOf = (before: readonly FamilyRules[], after: readonly FamilyRules[]): Patch =>
  FAMILIES.flatMap((family) => {
    const [old, next] = [rulesIn(before, family).map(formatTuple), rulesIn(after, family).map(formatTuple)];
    const { kept, keptOfNext } = stayed(old, next);
    const added = next.filter((_, at) => !keptOfNext.has(at));
    const removed = old.flatMap((tuple, at) => (kept.has(at) ? [] : [{ tuple, after: old[at - 1] ?? null, at }]));
    return added.length + removed.length > 0 ? [{ family, added, removed }] : [];
  });

/**
 * The lists without what the patch did. What somebody has decided since stays: a rule that is gone is not missed, and one
 * whose identity is taken is not restored.
 */
export const unpatched = (lists: readonly FamilyRules[], patch: Patch): FamilyRules[] =>
  lists.map(({ family, rules }) => {
    const own = patch.find((one) => one.family === family);
    return { family, rules: own ? withoutPatch(rules, own) : rules };
  });

/** Whether two patches do the same at the same places. */
export const isSamePatch = (a: Patch, b: Patch): boolean => JSON.stringify(a) === JSON.stringify(b);

function withoutPatch(rules: readonly Rule[], { family, added, removed }: FamilyPatch): readonly Rule[] {
  const list = [...rules];
  for (const tuple of added) {
    const at = list.findIndex((rule) => formatTuple(rule) === tuple);
    if (at >= 0) list.splice(at, 1);
  }
  for (const { tuple, after, at } of removed) {
    const rule = parseTuple(tuple, family);
    if (!rule || list.some((other) => sameIdentity(other, rule))) continue;
    const before = list.findIndex((other) => formatTuple(other) === after);
    list.splice(after === null ? 0 : before >= 0 ? before + 1 : Math.min(at, list.length), 0, rule);
  }
  return isSameList(list, rules) ? rules : list;
}

/** What stands in both lists: its place in the old one and in the next, and the pair before it in a subsequence. */
interface Pair {
  place: number;
  at: number;
  before: Pair | undefined;
}

/** The places in both lists of what is in both and in the same order: a longest increasing subsequence. */
export function stayed(
  old: readonly string[],
  next: readonly string[],
): { kept: Set<number>; keptOfNext: Set<number> } {
  const places = new Map<string, number[]>();
  for (const [at, tuple] of old.entries()) places.set(tuple, [...(places.get(tuple) ?? []), at]);
  const pairs = next.flatMap((tuple, at): Pair[] => {
    const place = places.get(tuple)?.shift();
    return place === undefined ? [] : [{ place, at, before: undefined }];
  });
  // For each length the pair that ends such a subsequence lowest, and for each pair the one before it.
  const ends: Pair[] = [];
  for (const pair of pairs) {
    let low = 0;
    for (let high = ends.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((ends[middle]?.place ?? 0) < pair.place) low = middle + 1;
      else high = middle;
    }
    pair.before = ends[low - 1];
    ends[low] = pair;
  }
  const kept = new Set<number>();
  const keptOfNext = new Set<number>();
  for (let pair = ends[ends.length - 1]; pair; pair = pair.before) {
    kept.add(pair.place);
    keptOfNext.add(pair.at);
  }
  return { kept, keptOfNext };
}
