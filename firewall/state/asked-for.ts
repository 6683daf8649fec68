/** Which differences from the profile set last were asked for since: drift is what nobody asked for. */
import type { Difference, News, OwnChange } from '../results';
import { portRanges } from '../rules/ports';
import { overlaps, type Registry } from '../services/registry';
import { POLICY_OF } from '../verdicts/openness';
import type { AskedFor } from './reported';

/** What a change that sets a profile is called, by itself or in a schedule; not what goes back to one. */
const SETS_PROFILE = /^(schedule .*: )?set-profile /;
/** Of so many profiles it is remembered. */
const MOST_PROFILES = 20;

/** What was done to the firewall, by whomever. */
export type Effect = Pick<OwnChange, 'added' | 'removed' | 'policies' | 'enabled'>;

/** A change that this package has made, and the profile that was the last to be set after it. */
export interface Made extends Effect {
  action: string;
  profile: string | null;
}

/**
 * What was asked for under each profile. A profile that somebody goes back to – an undo, a timer, a change that nobody has
 * confirmed – is found with what was asked for under it before; one that is set begins anew.
 * @param before what was asked for when it was last looked
 * @param changes what this package has done since, the oldest first
 * @param others what others have done after the last of these changes
 */
export function askedFor(
  registry: Registry,
  drift: News['drift'],
  before: readonly AskedFor[],
  changes: readonly Made[],
  others: () => Effect,
): readonly AskedFor[] {
  const known = before.filter(({ profile }) => !changes.some((one) => sets(one) && one.profile === profile));
  if (!drift) return known;
  const { profile, differences } = drift;
  const remembered = known.find((one) => one.profile === profile)?.differences ?? [];
  const under = changes.filter((one) => one.profile === profile);
  const since = under.slice(under.map(sets).lastIndexOf(true) + 1);
  const foreign = since.length > 0 && differences.length > 0 ? others() : null;
  const asked = differences.filter(
    (one) =>
      remembered.some((other) => JSON.stringify(other) === JSON.stringify(one)) ||
      (foreign && since.some((change) => touches(registry, change, one)) && !touches(registry, foreign, one)),
  );
  const rest = known.filter((one) => one.profile !== profile);
  return asked.length > 0 ? [...rest, { profile, differences: asked }].slice(-MOST_PROFILES) : rest;
}

const sets = ({ action }: Made): boolean => SETS_PROFILE.test(action);

/** Whether a difference may come from it: from rules about the service, from the default policy, or from what was switched. */
function touches(
  { services }: Registry,
  { added, removed, policies, enabled }: Effect,
  { service, direction, actual }: Difference,
): boolean {
  const policy = policies[POLICY_OF[direction]];
  // A policy that allows closes nothing, nor does one that denies open anything.
  const isByPolicy = policy !== undefined && actual !== (policy.to === 'allow' ? 'closed' : 'open');
  const isBySwitch = enabled !== null && (enabled.to || actual !== 'closed');
  const found = services.find(({ id }) => id === service);
  const specs = [...(found?.opens ?? []), ...(found?.closesToo ?? [])];
  return (
    isByPolicy ||
    isBySwitch ||
    [...added, ...removed].some(
      ({ direction: of, protocol, to }) =>
        of === direction &&
        portRanges(to.port).some(([first, last]) =>
          specs.some((spec) => overlaps(spec, `${first}:${last}/${protocol}`)),
        ),
    )
  );
}

/** The drift without what was asked for. */
export const unasked = (drift: News['drift'], asked: readonly AskedFor[]): News['drift'] => {
  const known = asked.find(({ profile }) => profile === drift?.profile)?.differences;
  return drift && { ...drift, differences: drift.differences.filter((one) => !known?.includes(one)) };
};
