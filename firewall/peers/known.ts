/** Who is known to talk with a service: whom somebody has typed, and who was seen. */
import { type Sentence, say } from '../errors';
import type { Settings } from '../messages';
import { normalAddress } from '../rules/address';
import type { Service } from '../services/catalogue';
import type { Registry } from '../services/registry';
import { addressSet, holds } from '../verdicts/boxes';
import { peersByService, type ServicePeers } from './by-service';
import type { Learned } from './learned';
import type { InterfaceAddress } from './samples';
import { type Typed, typedPeers } from './typed';

/** One who talks with a service. */
export interface Known {
  /** An address or subnet. */
  address: string;
  /** In seconds since 1970; null where it was typed, and not seen. */
  lastSeen: number | null;
  count: number;
  /** To which ports, and by which interface; null where that is not known. */
  ways: readonly { port: string; on: string | null }[];
}

export interface KnownPeers {
  typed: Typed;
  /** By service; null where nobody has ever learned. */
  learned: ReadonlyMap<string, ServicePeers> | null;
  /** The subnets that are right behind an interface. */
  links: readonly Link[];
}

export interface Link {
  on: string;
  subnet: string;
}

type Way = 'in' | 'out';

export const knownPeers = (
  typed: Typed,
  learned: Learned | null,
  registry: Registry,
  links: readonly Link[] = [],
): KnownPeers => ({
  ...{ typed, links },
  learned: peersByService(learned, registry),
});

/**
 * The same on a device that has these addresses.
 * @throws FirewallError INVALID_INPUT where what was typed in the configuration is wrong
 */
export function knownOn(
  addresses: readonly InterfaceAddress[],
  settings: Pick<Settings, 'peers'>,
  learned: Learned | null,
  registry: Registry,
): KnownPeers {
  const typed = typedPeers(settings, registry, new Set(addresses.map(({ address }) => address)));
  const links = addresses.map(({ name, cidr }) => ({ on: name, subnet: normalAddress(cidr) }));
  return knownPeers(typed, learned, registry, links);
}

/** Everybody who is known to talk with a service, each of them once. */
export function peersOf(
  { typed, learned, links }: KnownPeers,
  { id, directions, opens }: Pick<Service, 'id' | 'directions' | 'opens'>,
  direction: Way,
): Known[] {
  const seen = (learned?.get(id)?.peers ?? []).filter((one) => one.direction === direction);
  const byAddress = new Map<string, Known>();
  for (const { address, lastSeen, count, port, interface: on } of seen) {
    const known = byAddress.get(address);
    byAddress.set(address, {
      address,
      lastSeen: Math.max(lastSeen, known?.lastSeen ?? 0),
      count: count + (known?.count ?? 0),
      ways: [...(known?.ways ?? []), { port, on: on ?? linkOf(address, links) }],
    });
  }
  for (const address of directions.includes(direction) ? (typed.get(id) ?? []) : []) {
    const known = byAddress.get(address) ?? { address, lastSeen: null, count: 0, ways: [] };
    byAddress.set(address, {
      ...known,
      ways: [...known.ways, ...opens.map((port) => ({ port, on: linkOf(address, links) }))],
    });
  }
  return [...byAddress.values()];
}

/** By which interface an address is reached without a router; null where it is by none. */
function linkOf(address: string, links: readonly Link[]): string | null {
  const isV6 = address.includes(':');
  const family = isV6 ? 'ipv6' : 'ipv4';
  const set = addressSet(address, family);
  const near = links.filter(({ subnet }) => subnet.includes(':') === isV6 && holds(addressSet(subnet, family), set));
  return near.length === 1 ? (near[0]?.on ?? null) : null;
}

/** So many addresses become rules. */
const MOST_RULES = 250;

/** Whom a service can be narrowed to, or why it cannot. */
export type Narrowing = { to: readonly string[]; reason: null } | { to: null; reason: Sentence };

/** Whom somebody has typed goes before who was seen: among those may be whoever should not have been there. */
export function narrowing(known: KnownPeers, service: Service, direction: Way): Narrowing {
  const typed = known.typed.get(service.id) ?? [];
  if (typed.length > 0) return { to: broadest(typed), reason: null };
  const learned = known.learned?.get(service.id);
  if (learned?.flooded.includes(direction)) {
    return { to: null, reason: say`more addresses were seen than are kept, so nobody knows who needs it` };
  }
  const seen = broadest(peersOf(known, service, direction).map(({ address }) => address));
  if (seen.length === 0) return { to: null, reason: say`nobody is known who uses it` };
  if (seen.length > MOST_RULES) return { to: null, reason: say`more than ${MOST_RULES} addresses use it` };
  return { to: seen, reason: null };
}

/** Without those that lie in others. */
function broadest(addresses: readonly string[]): string[] {
  const sets = [...new Set(addresses)].map((address) => {
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    return { address, family, set: addressSet(address, family) } as const;
  });
  return sets
    .filter((one) => !sets.some((other) => other !== one && other.family === one.family && holds(other.set, one.set)))
    .map(({ address }) => address);
}
