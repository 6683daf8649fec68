/** Which differences from the profile set last were asked for since: drift is what nobody asked for. */
import type { Difference, News, OwnChange } from '../results';
import { portRanges } from '../rules/ports';
import { overlaps, type Registry } from '../services/registry';
import type { AskedFor } from './reported';
import type { RuleChanges } from './rule-changes';

/** What a change that sets a profile is called, by itself or in a schedule: what was asked for before it is over. */
const SETS_PROFILE = /(^|: )set-profile /;

/**
 * @param before what was asked for when it was last looked
 * @param changes what this package has done since, the oldest first
 * @param others what others have done to the rules after the last of these changes
 * @returns null where nothing that differs was asked for
 */
export function askedFor(
  { services }: Registry,
  { profile, differences }: NonNullable<News['drift']>,
  before: AskedFor | null,
  changes: readonly OwnChange[],
  others: RuleChanges,
): AskedFor | null {
  const resets = changes.map(({ action }) => SETS_PROFILE.test(action)).lastIndexOf(true);
  const known = resets === -1 && before?.profile === profile ? before.differences : [];
  const since = changes.slice(resets + 1);
  const touches = ({ added, removed }: RuleChanges, { service, direction }: Difference): boolean => {
    const found = services.find(({ id }) => id === service);
    return [...added, ...removed].some(
      ({ direction: of, protocol, to }) =>
        of === direction &&
        portRanges(to.port).some(([first, last]) =>
          [...(found?.opens ?? []), ...(found?.closesToo ?? [])].some((spec) =>
            overlaps(spec, `${first}:${last}/${protocol}`),
          ),
        ),
    );
  };
  const asked = differences.filter(
    (one) =>
      known.some((other) => JSON.stringify(other) === JSON.stringify(one)) ||
      (since.some((change) => touches(change, one)) && !touches(others, one)),
  );
  return asked.length > 0 ? { profile, differences: asked } : null;
}

/** The drift without what was asked for. */
export const unasked = (drift: News['drift'], asked: AskedFor | null): News['drift'] =>
  drift && { ...drift, differences: drift.differences.filter((one) => !asked?.differences.includes(one)) };
