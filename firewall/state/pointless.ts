/** Rules that let nothing in or out, as others let it through already. */
import { isBlock, type Rule } from '../rules/rule';
import type { RuleFile } from '../rules/rule-file';
import { isStructural } from '../services/about';
import { contains, touches } from '../verdicts/boxes';
import { boxesOf } from '../verdicts/packets';
import type { FamilyState } from './snapshot';

/** So many pairs are compared; in a list that is longer not all are found. */
const MOST_PAIRS = 50_000;

interface Pointless {
  rule: Rule;
  /** The one that makes it so. */
  by: Rule;
}

/** A file that has not changed since the last reading has the same ones. */
const known = new WeakMap<RuleFile, readonly Pointless[]>();

/** Those of a family. */
export function pointlessIn({ file, rules }: Pick<FamilyState, 'file' | 'rules'>): readonly Pointless[] {
  const found = known.get(file) ?? pointlessRules(rules);
  known.set(file, found);
  return found;
}

/** @param rules of one family, in order */
function pointlessRules(rules: readonly Rule[]): Pointless[] {
  const found: Pointless[] = [];
  let left = MOST_PAIRS;
  for (const direction of ['in', 'out'] as const) {
    const own = rules.filter((rule) => rule.direction === direction && !rule.routed && !isStructural(rule));
    const boxes = new Map(own.map((rule) => [rule, boxesOf(rule)]));
    const holds = (outer: Rule, inner: Rule): boolean =>
      (boxes.get(inner) ?? []).every((box) => boxes.get(outer)?.some((one) => contains(one, box)));
    const meets = (a: Rule, b: Rule): boolean =>
      (boxes.get(a) ?? []).some((box) => boxes.get(b)?.some((one) => touches(one, box)));
    const gone = new Set<Rule>();
    for (const [at, rule] of own.entries()) {
      // What it logs, or counts, it does besides.
      if (rule.action !== 'allow' || rule.log) continue;
      const by = own.find((other, place) => {
        if (other === rule || other.action !== 'allow' || gone.has(other) || !mayHold(other, rule)) return false;
        if (--left < 0 || !holds(other, rule)) return false;
        // One that comes later counts if nothing between them decides otherwise.
        return place < at || !own.slice(at + 1, place).some((one) => differs(one) && meets(one, rule));
      });
      if (by) {
        gone.add(rule);
        found.push({ rule, by });
      }
    }
  }
  return found;
}

const differs = (rule: Rule): boolean => isBlock(rule) || rule.action === 'limit' || rule.log !== '';

/** Most rules name one port, and it is another one. */
const mayHold = (outer: Rule, inner: Rule): boolean =>
  outer.dport === inner.dport || outer.dport === 'any' || !/^\d+$/.test(outer.dport);
