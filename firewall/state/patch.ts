/** What a change did to the rules, kept so that it can be taken out again of whatever the rules are by then. */

import { FAMILIES, type Family, type Rule, sameIdentity } from '../rules/rule';
import { formatTuple, parseTuple } from '../rules/tuple';
import type { RuleLists } from './snapshot';

/** Per family that was changed. Rules are kept as their tuples, which is how ufw itself keeps them. */
export type Patch = Partial<Record<Family, FamilyPatch>>;

interface FamilyPatch {
  added: readonly string[];
  removed: readonly Removed[];
}

interface Removed {
  tuple: string;
  /** The rule it stood behind; null for the first. */
  after: string | null;
  /** Its place in the list (0-based), for the case that the rule it stood behind is gone. */
  at: number;
}

/** What leads from one set of lists to the other; a rule that moved counts as removed and added. */
export function patchOf(before: RuleLists, after: RuleLists): Patch {
  const patch: Patch = {};
  for (const family of FAMILIES) {
    const [old, next] = [(before[family] ?? []).map(formatTuple), (after[family] ?? []).map(formatTuple)];
    const { kept, keptOfNext } = stayed(old, next);
    const added = next.filter((_, at) => !keptOfNext.has(at));
    const removed = old.flatMap((tuple, at) => (kept.has(at) ? [] : [{ tuple, after: old[at - 1] ?? null, at }]));
    if (added.length + removed.length > 0) patch[family] = { added, removed };
  }
  return patch;
}

/** Whether it changes nothing. */
export const isEmpty = (patch: Patch): boolean => Object.keys(patch).length === 0;

/**
 * The lists without what the patch did. What somebody has decided since stays: a rule that is gone is not missed, and one
 * whose identity is taken is not restored.
 */
export function unpatched(lists: RuleLists, patch: Patch): RuleLists {
  const result: RuleLists = { ...lists };
  for (const family of FAMILIES) {
    const [list, own] = [lists[family], patch[family]];
    if (list && own) result[family] = withoutPatch(list, own, family);
  }
  return result;
}

function withoutPatch(rules: readonly Rule[], { added, removed }: FamilyPatch, family: Family): readonly Rule[] {
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
  return list.length === rules.length && list.every((rule, at) => rule === rules[at]) ? rules : list;
}

/** The places in both lists of what is in both and in the same order: a longest increasing subsequence. */
export function stayed(
  old: readonly string[],
  next: readonly string[],
): { kept: Set<number>; keptOfNext: Set<number> } {
  const places = new Map<string, number[]>();
  for (const [at, tuple] of old.entries()) places.set(tuple, [...(places.get(tuple) ?? []), at]);
  const pairs = next.flatMap((tuple, at) => {
    const place = places.get(tuple)?.shift();
    return place === undefined ? [] : [{ place, at }];
  });
  // For each length the pair that ends such a subsequence lowest, and for each pair the one before it.
  const ends: number[] = [];
  const before: (number | undefined)[] = [];
  for (const [index, { place }] of pairs.entries()) {
    let low = 0;
    for (let high = ends.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((pairs[ends[middle] as number] as { place: number }).place < place) low = middle + 1;
      else high = middle;
    }
    before[index] = ends[low - 1];
    ends[low] = index;
  }
  const kept = new Set<number>();
  const keptOfNext = new Set<number>();
  for (let index = ends[ends.length - 1]; index !== undefined; index = before[index]) {
    const { place, at } = pairs[index] as { place: number; at: number };
    kept.add(place);
    keptOfNext.add(at);
  }
  return { kept, keptOfNext };
}
