/** Which entries somebody asks for. */
import type { Entry } from './entry';
import type { Source } from './source';

export interface Wanted {
  /** ISO 8601; from this on, and before that. */
  since?: string | undefined;
  until?: string | undefined;
  source?: Source['kind'] | undefined;
  /** The id of a service. */
  service?: string | undefined;
}

/** Those that are asked for, the newest first. */
export const selected = (entries: readonly Entry[], { since, until, source, service }: Wanted): Entry[] =>
  entries
    .filter(
      (one) =>
        (since === undefined || Date.parse(one.at) >= Date.parse(since)) &&
        (until === undefined || Date.parse(one.at) < Date.parse(until)) &&
        (source === undefined || one.source.kind === source) &&
        (service === undefined || one.services.includes(service)),
    )
    .reverse();
