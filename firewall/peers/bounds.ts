/** How much is kept of who talks: addresses, then subnets, and then it is only said that there were too many. */
import { normalAddress } from '../rules/address';
import { once, type Peer } from './peer';

export interface Portion {
  peers: readonly Peer[];
  /** Directions and ports at which more addresses were seen than are kept: `in 1628/udp`. */
  flooded: readonly string[];
}

/** So many addresses are kept of one port, beyond that subnets, and of those … */
const MOST_ADDRESSES = 1000;
const MOST_SUBNETS = 250;
/** … and so many of all ports together. A line of the file has a hundred bytes. */
const MOST_PEERS = 2000;

const placeOf = ({ direction, port }: Peer): string => `${direction} ${port}`;

/** The /24 that an IPv4 address is in, the /64 of an IPv6 one. */
function subnetOf(address: string): string {
  const [first = ''] = address.split('/');
  return first.includes(':') ? normalAddress(`${first}/64`) : first.replace(/\d+$/, '0/24');
}

/** Who talked often goes before who talked once, and who did so lately before the others. */
const byWeight = (a: Peer, b: Peer): number => b.count - a.count || b.lastSeen - a.lastSeen;

/** No more than is kept. Of what is left out the rarest comes first, and its port counts as flooded from then on. */
export function bounded({ peers, flooded }: Portion): Portion {
  const isOver = peers.length > MOST_ADDRESSES || flooded.length > 0;
  if (!isOver) return { peers, flooded };
  const places = new Map<string, Peer[]>();
  for (const one of peers) {
    const place = places.get(placeOf(one));
    if (place) place.push(one);
    else places.set(placeOf(one), [one]);
  }
  const over = new Set(flooded);
  const kept: Peer[] = [];
  for (const [place, all] of places) {
    const some = all.length > MOST_ADDRESSES ? inSubnets(all) : all;
    if (some !== all && some.length > MOST_SUBNETS) over.add(place);
    kept.push(...(some === all ? all : some.sort(byWeight).slice(0, MOST_SUBNETS)));
  }
  const rest = kept.sort(byWeight).splice(MOST_PEERS);
  for (const one of rest) over.add(placeOf(one));
  return { peers: kept, flooded: [...over].sort().slice(0, MOST_PEERS) };
}

const inSubnets = (peers: readonly Peer[]): Peer[] =>
  once(
    peers.map((one) => ({ ...one, address: subnetOf(one.address) })),
    'same',
  );
