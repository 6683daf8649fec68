/** Whether packets that got through do so no more. */
import type { Scope } from '../services/profiles';
import { LEVEL, type Work } from './boxes';
import { pipelineOf } from './chains';
import type { Direction } from './openness';
import type { FamilyRuleset } from './ruleset';
import { asideOf, isThere, regionOf } from './verdict';
import { walk } from './walk';

/** So much is done for one answer, in boxes compared; past it packets count as cut off. */
const MOST_WORK = 300_000;

/**
 * Whether there are packets to a port, in a scope, that the one ruleset lets through, perhaps, and the other certainly does not.
 * @param port like `1628/udp`
 */
export function isCutOff(
  before: FamilyRuleset,
  after: FamilyRuleset,
  direction: Direction,
  port: string,
  scope: Scope,
): boolean {
  const work: Work = { left: MOST_WORK };
  const aside = asideOf(direction, scope);
  const [old, next] = [pipelineOf(before, direction), pipelineOf(after, direction)];
  let isFound = false;
  walk(old, { region: regionOf(before.family, direction, port, scope), aside }, work, {
    wants: (_, most) => !isFound && most.level > LEVEL.deny,
    onOutcome: ({ region }) => {
      walk(next, { region, aside }, work, {
        wants: (_, most) => !isFound && most.level === LEVEL.deny,
        onOutcome: (then) => {
          if (isThere(then.region, work)) isFound = true;
        },
      });
    },
  });
  return isFound || work.left < 0;
}
