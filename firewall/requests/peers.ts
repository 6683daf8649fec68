/** Who is known to talk with the services of this device. */
import { messageOf } from '../errors';
import { ownAddresses } from '../host/addresses';
import type { Settings } from '../messages';
import { type KnownPeers, knownOn } from '../peers/known';
import { registryFor } from '../state/registry-for';
import type { Snapshot } from '../state/snapshot';

/** @throws FirewallError INVALID_INPUT where what was typed in the configuration is wrong */
export const knownTo = (settings: Settings, snapshot: Snapshot): KnownPeers =>
  knownOn(ownAddresses(), settings, snapshot.learned, registryFor(settings, snapshot));

/** The same for what nothing may hold up, a lockdown: null, with a warning, where it cannot be told. */
export function knownOrNot(
  settings: Settings,
  snapshot: Snapshot,
): { known: KnownPeers | null; warnings: readonly string[] } {
  try {
    return { known: knownTo(settings, snapshot), warnings: [] };
  } catch (error) {
    return { known: null, warnings: [`The peers in the configuration are not used: ${messageOf(error)}`] };
  }
}
