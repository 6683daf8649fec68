/**
 * What was found out about a ruleset. It holds as long as the ruleset is the same object, as readings ask the same again; and
 * most of it holds after a change, which is about a few ports: what was asked about packets that no changed rule is about is
 * carried over.
 */
import { isSameList, present } from '../lists';
import type { Family } from '../rules/rule';
import type { Table } from '../rules/tables';
import { type Box, touches } from './boxes';
import { rewritesOf } from './chains';
import { changes } from './changes';
import { kernelRule } from './kernel-rule';
import type { FamilyRuleset, Layer } from './ruleset';

interface Remembered<Answer> {
  answer: Answer;
  /** The packets that were asked about. */
  about: readonly Box[];
}

/** One for each kind of question. */
const memories: ((from: FamilyRuleset, to: FamilyRuleset, changed: readonly Box[]) => void)[] = [];

/**
 * @param answer depends on nothing but what the rules do with the packets asked about, in their order
 * @param askedAbout the packets that a question is about
 */
export function remembering<Question, Answer>(
  answer: (rules: FamilyRuleset, asked: Question) => Answer,
  askedAbout: (family: Family, asked: Question) => readonly Box[],
): (rules: FamilyRuleset, asked: Question) => Answer {
  const answers = new WeakMap<FamilyRuleset, Map<string, Remembered<Answer>>>();
  memories.push((from, to, changed) => {
    const holding = [...(answers.get(from) ?? [])].filter(
      ([, { about }]) => !about.some((box) => changed.some((one) => touches(one, box))),
    );
    answers.set(to, new Map(holding));
  });
  return (rules, asked) => {
    const known = answers.get(rules) ?? new Map<string, Remembered<Answer>>();
    answers.set(rules, known);
    const key = JSON.stringify(asked);
    const before = known.get(key);
    if (before) return before.answer;
    const made = { answer: answer(rules, asked), about: askedAbout(rules.family, asked) };
    known.set(key, made);
    return made.answer;
  };
}

/** Makes what holds for a ruleset as well known of another one, about which nothing was asked yet. */
export function carryOver(from: FamilyRuleset, to: FamilyRuleset): void {
  const changed = changedPackets(from, to);
  if (changed) for (const carry of memories) carry(from, to, changed);
}

/** The packets that a rule is about which only one of two rulesets has; null where they differ otherwise, or too much. */
function changedPackets(from: FamilyRuleset, to: FamilyRuleset): Box[] | null {
  // What is rewritten meets rules about other packets, and nftables' own chains are known by their effects alone.
  if (from.foreign.length > 0 || to.foreign.length > 0 || rewritesOf(from).length > 0) return null;
  const [old, ...oldOthers] = from.layers as readonly [Layer, ...Layer[]];
  const [next, ...others] = to.layers as readonly [Layer, ...Layer[]];
  if (others.length !== oldOthers.length || !others.every((one, at) => isSameLayer(one, present(oldOthers[at]))))
    return null;
  const [filter, nextFilter] = [old.tables.get('filter'), next.tables.get('filter')];
  if (!filter || !nextFilter || !isSameLayer(old, next, 'filter')) return null;
  if (!haveSameKeys(filter.chains, nextFilter.chains) || !isSameMap(filter.policies, nextFilter.policies)) return null;
  const lines = [...nextFilter.chains].flatMap(([name, list]) => {
    const { gone, fresh } = changes(present(filter.chains.get(name)), list, (line) => line);
    return [...gone, ...fresh];
  });
  return lines.flatMap((line) => kernelRule(line, from.family).parts.map(({ box }) => box));
}

const isSameLayer = (one: Layer, other: Layer, except = ''): boolean =>
  one.through === other.through &&
  haveSameKeys(one.tables, other.tables) &&
  [...one.tables].every(([name, table]) => name === except || isSameTable(table, present(other.tables.get(name))));

const isSameTable = (one: Table, other: Table): boolean =>
  one === other || (isSameMap(one.policies, other.policies) && isSameMap(one.chains, other.chains, isSameList));

const haveSameKeys = (one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean =>
  one.size === other.size && [...one.keys()].every((key) => other.has(key));

const isSameMap = <Value>(
  one: ReadonlyMap<string, Value>,
  other: ReadonlyMap<string, Value>,
  isSame = (a: Value, b: Value): boolean => a === b,
): boolean => haveSameKeys(one, other) && [...one].every(([key, value]) => isSame(value, other.get(key) as Value));
