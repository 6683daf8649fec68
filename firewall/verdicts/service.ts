/** How open a service is, over all families the kernel has, and who decides it. */
import type { Openness } from '../results';
import type { Family } from '../rules/rule';
import type { Service } from '../services/catalogue';
import { ANY_SCOPE, type Scope } from '../services/profiles';
import type { Direction } from './openness';
import { combined } from './openness';
import { type DecidedBy, distinct } from './owner';
import type { FamilyRuleset, Ruleset } from './ruleset';
import { type Verdict, verdictOn } from './verdict';

export interface ServiceVerdict {
  /** What is known for certain; `partial` where it is not. */
  state: Openness;
  /** Whether nothing is left open by rules whose effect cannot be known. */
  isCertain: boolean;
  /** Whether a packet may get through. */
  maybeOpen: boolean;
  families: readonly { family: Family; state: Openness }[];
  decidedBy: readonly DecidedBy[];
  /** Other ports from where a rewrite leads to the service's. */
  through: readonly string[];
}

/**
 * @param managed the families that ufw manages; another one counts only where it lets something through
 */
export function serviceVerdict(
  rules: Ruleset,
  managed: readonly Family[],
  { opens }: Pick<Service, 'opens'>,
  direction: Direction,
  scope: Scope = ANY_SCOPE,
): ServiceVerdict {
  const judged = rules.map((of: FamilyRuleset) => ({
    family: of.family,
    verdict: verdictOn(of, { direction, ports: opens, scope }),
  }));
  const counted = judged.filter(({ family, verdict }) => managed.includes(family) || verdict.most !== 'closed');
  const states = counted.map(({ family, verdict }) => ({ family, state: stateOf(verdict) }));
  const state = combined(states.map((one) => one.state));
  const verdicts = counted.map(({ verdict }) => verdict);
  return {
    state,
    isCertain: verdicts.every(({ least, most }) => least === most),
    maybeOpen: verdicts.some(({ most }) => most !== 'closed'),
    families: states,
    decidedBy: distinct([
      ...(state === 'closed' ? [] : verdicts.flatMap(({ letsIn }) => letsIn)),
      ...(state === 'open' ? [] : verdicts.flatMap(({ blocks }) => blocks)),
    ]),
    through: [...new Set(verdicts.flatMap(({ through }) => through))],
  };
}

const stateOf = ({ least, most }: Verdict): Openness => (least === most ? least : 'partial');
