/** A profile that opens what is used, for those who use it. It is proposed to a person, and never applied by itself. */
import { type Sentence, say } from '../errors';
import type { CustomProfile } from '../messages';
import type { Family } from '../rules/rule';
import type { Service } from '../services/catalogue';
import { type Registry, serviceNamed } from '../services/registry';
import { addressSet, holds } from '../verdicts/boxes';
import { type Known, type KnownPeers, narrowing, peersOf } from './known';

type Direction = 'in' | 'out';

export interface Proposal {
  /** As the configuration takes it among its custom profiles. */
  profile: CustomProfile;
  /** What is used and is not opened to those who use it alone: not at all, or to everybody, and why. */
  left: Left[];
}

interface Left {
  service: string;
  direction: Direction;
  /** Of somebody in particular; empty for the service as a whole. */
  addresses: string[];
  reason: Sentence;
}

const NAME = 'learned';
/** So many entries has a custom profile. */
const MOST_ENTRIES = 200;

/** Networks of nobody else's, and what is sent to several. */
const NEAR: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255'],
  ipv6: ['fc00::/7', 'fe80::/10', 'ff00::/8'],
};

/** @returns null where nobody has ever learned */
export function proposalOf(known: KnownPeers, registry: Registry): Proposal | null {
  if (!known.learned) return null;
  const left: Left[] = [];
  const open: CustomProfile['open'] = [];
  const others = [...known.learned.keys()].filter((id) => !registry.services.some((service) => service.id === id));
  const services = [...registry.services, ...others.map((id) => serviceNamed(registry, id))];
  const parts = services.flatMap((service) =>
    (['in', 'out'] as const).map((direction) => ({ service, direction, ...usersOf(known, service, direction) })),
  );
  // Whoever has few peers is not to go without for one that has many.
  for (const { service, direction, to, why } of [...parts].sort((a, b) => a.to.length - b.to.length)) {
    left.push(...why);
    const fits = open.length + to.length <= MOST_ENTRIES;
    if (fits) open.push(...to.map((from) => ({ service: service.id, direction, interface: '', from })));
    else left.push(leftOut(service, direction, say`a profile has room for ${MOST_ENTRIES} entries`));
  }
  return { profile: { name: NAME, incoming: 'deny', outgoing: 'deny', open }, left };
}

const leftOut = ({ id }: Service, direction: Direction, reason: Sentence, addresses: string[] = []): Left => ({
  ...{ service: id, direction, addresses, reason },
});

/** Whom a service is to be opened to (`''` for all), and what is to be said of it. */
function usersOf(known: KnownPeers, service: Service, direction: Direction): { to: string[]; why: Left[] } {
  const users = peersOf(known, service, direction);
  const isFlooded = known.learned?.get(service.id)?.flooded.includes(direction) === true;
  if (service.internal || service.id === 'dhcp' || (users.length === 0 && !isFlooded)) return { to: [], why: [] };
  const { to, reason } = narrowing(known, service, direction);
  if (to === null) return { to: [], why: [leftOut(service, direction, reason)] };
  if (direction === 'out' && !to.every((address) => isNear(address, known))) {
    const reason = say`some of its peers are on the internet, where addresses change, so it is open to all`;
    return { to: [''], why: [leftOut(service, direction, reason)] };
  }
  const isTold = direction === 'out' || (known.typed.get(service.id) ?? []).length > 0;
  const doubtful = isTold ? [] : users.filter(isDoubtful).map(({ address }) => address);
  const once = say`seen once and never again, by UDP, where anybody can write any sender`;
  return {
    to: to.filter((address) => !doubtful.includes(address)),
    why: doubtful.length > 0 ? [leftOut(service, direction, once, doubtful)] : [],
  };
}

/** Nobody has named it, and one packet with a forged sender is enough to have made it. */
const isDoubtful = ({ count, lastSeen, ways }: Known): boolean =>
  lastSeen !== null && count < 2 && ways.every(({ port }) => port.endsWith('/udp'));

function isNear(address: string, { links }: KnownPeers): boolean {
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const set = addressSet(address, family);
  const own = links.filter(({ subnet }) => subnet.includes(':') === (family === 'ipv6')).map(({ subnet }) => subnet);
  return [...NEAR[family], ...own].some((subnet) => holds(addressSet(subnet, family), set));
}
