/** What a change was to close or to narrow and could not, because somebody else lets it through. */

import { rendered } from '../errors';
import type { StillOpen } from '../results';
import type { Snapshot } from '../state/snapshot';
import { isOpenToEverybody } from '../verdicts/everybody';
import { asRead } from '../verdicts/owner';
import type { Ruleset } from '../verdicts/ruleset';
import { type Closing, stillOpen } from '../verdicts/still-open';
import type { Remaining } from './narrow';
import { plannedIn } from './planned-in';

/** @param then what decides about packets after the change */
export async function leftOpen(then: Ruleset, after: Snapshot, closings: readonly Closing[]): Promise<StillOpen[]> {
  const open = await stillOpen(then, closings, plannedIn(after));
  return open.map((one) => ({ ...one, decidedBy: one.decidedBy.map(asRead) }));
}

/** What everybody still gets through to. */
export const openToAll = (then: Ruleset, remaining: readonly Remaining[]): OpenToAll[] =>
  remaining
    .filter(({ service, direction }) => isOpenToEverybody(then, service.opens, direction))
    .map(({ service, direction, reason }) => ({ service: service.id, direction, reason }));

export interface OpenToAll extends Omit<Remaining, 'service'> {
  service: string;
}

/** In sentences. */
export const openToAllWarnings = (list: readonly OpenToAll[]): string[] =>
  list.map(
    ({ service, direction, reason }) =>
      `${service} stays open ${direction === 'in' ? 'to' : 'towards'} everybody: ${rendered(reason)}. Its peers can be named in the configuration.`,
  );
