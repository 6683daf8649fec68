/** Whose doing a rule is: worked out from what the rules were, what they are, and what this package says it did. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { ruleChanges, without } from '../../../firewall/state/rule-changes';

const ruleOf = (port: number) => ({
  ...({ number: port, action: 'allow', direction: 'in', protocol: 'tcp', family: 'ipv4', comment: '' } as const),
  to: { address: '0.0.0.0/0', port: String(port), app: null },
  from: { address: '0.0.0.0/0', port: 'any', app: null },
  ...{ interface: null, log: null },
});
const portsOf = (rules: readonly { to: { port: string } }[]) => rules.map(({ to }) => Number(to.port));
const lists = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 10 });

/** The rules with what a difference does to them; a new one comes last. */
function applied(ports: readonly number[], { added, removed }: ReturnType<typeof ruleChanges>): number[] {
  const gone = portsOf(removed);
  return [...ports.filter((port) => !gone.includes(port)), ...portsOf(added)];
}

describe('The difference of two lists of rules', () => {
  it('leads from one to the other, and says as little as it can', () => {
    fc.assert(
      fc.property(lists, lists, (before, after) => {
        const found = ruleChanges(before.map(ruleOf), after.map(ruleOf));
        assert.deepEqual(applied(before, found).sort(), [...after].sort());
        assert.equal(found.added.length - found.removed.length, after.length - before.length);
      }),
    );
    assert.deepEqual(ruleChanges([1, 2, 3].map(ruleOf), [1, 2, 3].map(ruleOf)), { added: [], removed: [] });
  });

  it('has a rule that moved removed and added, and not one that only has another number', () => {
    const moved = ruleChanges([1, 2, 3].map(ruleOf), [3, 1, 2].map(ruleOf));
    assert.deepEqual([portsOf(moved.added), portsOf(moved.removed)], [[3], [3]]);
    const renumbered = [1, 2].map((port) => ({ ...ruleOf(port), number: port + 7 }));
    assert.deepEqual(ruleChanges([1, 2].map(ruleOf), renumbered), { added: [], removed: [] });
  });

  it('without what own changes did is what others did, whatever the order', () => {
    fc.assert(
      fc.property(lists, fc.array(fc.tuple(fc.boolean(), lists), { maxLength: 5 }), (start, steps) => {
        let now: readonly number[] = start;
        const changes = steps.map(([isOwn, next]) => {
          const change = ruleChanges(now.map(ruleOf), next.map(ruleOf));
          now = next;
          return { isOwn, change };
        });
        const own = changes.filter(({ isOwn }) => isOwn).map(({ change }) => change);
        const others = without(ruleChanges(start.map(ruleOf), now.map(ruleOf)), own);
        const count = (port: number) => (change: ReturnType<typeof ruleChanges>) =>
          portsOf(change.added).filter((one) => one === port).length -
          portsOf(change.removed).filter((one) => one === port).length;
        for (let port = 1; port <= 12; port += 1) {
          const foreign = changes.filter(({ isOwn }) => !isOwn).map(({ change }) => count(port)(change));
          assert.equal(Math.sign(foreign.reduce((sum, one) => sum + one, 0)), count(port)(others));
        }
      }),
    );
  });
});
