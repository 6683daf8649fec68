/** Who is known to talk with the services of this device. */
import { networkInterfaces } from 'node:os';
import { messageOf } from '../errors';
import type { Settings } from '../messages';
import { type KnownPeers, knownPeers } from '../peers/known';
import { typedPeers } from '../peers/typed';
import { normalAddress } from '../rules/address';
import { registryFor } from '../state/registry-for';
import type { Snapshot } from '../state/snapshot';

/** @throws FirewallError INVALID_INPUT where what was typed in the configuration is wrong */
export function knownTo(settings: Settings, snapshot: Snapshot): KnownPeers {
  const registry = registryFor(settings, snapshot);
  const interfaces = Object.entries(networkInterfaces()).flatMap(([on, all = []]) =>
    all.map((one) => ({ on, ...one })),
  );
  const typed = typedPeers(settings, registry, new Set(interfaces.map(({ address }) => address)));
  const links = interfaces.flatMap(({ on, cidr }) => (cidr ? { on, subnet: normalAddress(cidr) } : []));
  return knownPeers(typed, snapshot.learned, registry, links);
}

/** The same for a lockdown, which nothing may hold up: null, with a warning, where it cannot be told. */
export function knownToLockdown(
  settings: Settings,
  snapshot: Snapshot,
): { known: KnownPeers | null; warnings: readonly string[] } {
  try {
    return { known: knownTo(settings, snapshot), warnings: [] };
  } catch (error) {
    return { known: null, warnings: [`The peers in the configuration are not used: ${messageOf(error)}`] };
  }
}
