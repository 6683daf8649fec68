/** Whether a service is open to everybody, and not only to some addresses. */

import type { Family } from '../rules/rule';
import { ANY_SCOPE } from '../services/profiles';
import { type Addresses, ALL_ADDRESSES, addressSet, LEVEL, type Work } from './boxes';
import { pipelineOf } from './chains';
import { remembering } from './memory';
import type { Direction } from './openness';
import type { FamilyRuleset, Ruleset } from './ruleset';
import { type Asked, askedAbout, isThere, regionOf } from './verdict';
import { walk } from './walk';

/** So much is done for one answer, in boxes compared; past it, it is everybody. */
const MOST_WORK = 300_000;

/** The largest subnets that somebody owns are 10.0.0.0/8 and fc00::/7: what is larger is everybody. */
const LEAST_PREFIX: Readonly<Record<Family, number>> = { ipv4: 8, ipv6: 7 };

/** Whether a subnet is too large to be somebody's. */
export const isEverybody = (subnet: string, family: Family): boolean => isLarge(addressSet(subnet, family), family);

function isLarge({ mask }: Addresses, family: Family): boolean {
  if (mask === 0n) return true;
  return mask.toString(2).replace(/0/g, '').length < LEAST_PREFIX[family];
}

/** Whether packets to one of the ports get through, perhaps, from (or to) all addresses, on whatever interface. */
export const isOpenToEverybody = (rules: Ruleset, ports: readonly string[], direction: Direction): boolean =>
  rules.some((family) => isOpenIn(family, { direction, ports, scope: ANY_SCOPE }));

const isOpenIn = remembering(isOpenFrom, askedAbout);

function isOpenFrom(rules: FamilyRuleset, { direction, ports, scope }: Asked): boolean {
  const { family } = rules;
  const work: Work = { left: MOST_WORK };
  const pipeline = pipelineOf(rules, direction);
  let isOpen = false;
  for (const spec of ports) {
    const region = regionOf(family, direction, spec, scope);
    walk(pipeline, { region, aside: 0 }, work, {
      wants: (_, most) => !isOpen && most.level > LEVEL.deny,
      onOutcome: ({ region: part }) => {
        const remote = direction === 'in' ? part.box.src : part.box.dst;
        if ((remote === ALL_ADDRESSES || isLarge(remote, family)) && isThere(part, work)) isOpen = true;
      },
    });
  }
  return isOpen || work.left < 0;
}
