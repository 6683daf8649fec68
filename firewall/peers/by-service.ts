/** Who talks, by service. */
import type { Service } from '../services/catalogue';
import { covers, type Registry } from '../services/registry';
import { known, type Learned } from './learned';
import type { Peer } from './peer';

export interface ServicePeers {
  peers: readonly Peer[];
  /** There were more than are kept: who is missing nobody knows, and in which direction. */
  flooded: readonly ('in' | 'out')[];
}

/** By id, or by port (`9100/tcp`) where it is the port of no service; null where nobody has ever learned. */
export function peersByService(learned: Learned | null, registry: Registry): Map<string, ServicePeers> | null {
  if (!learned) return null;
  const { peers, flooded } = known(learned);
  const found = new Map<string, { peers: Peer[]; flooded: Set<'in' | 'out'> }>();
  const names = new Map<string, string>();
  const at = (direction: 'in' | 'out', port: string): { peers: Peer[]; flooded: Set<'in' | 'out'> } => {
    const place = `${direction} ${port}`;
    const name = names.get(place) ?? serviceAt(registry, direction, port);
    names.set(place, name);
    const entry = found.get(name) ?? { peers: [], flooded: new Set() };
    found.set(name, entry);
    return entry;
  };
  for (const one of peers) at(one.direction, one.port).peers.push(one);
  for (const place of flooded) {
    const [direction, port = ''] = place.split(' ');
    const way = direction === 'in' ? 'in' : 'out';
    at(way, port).flooded.add(way);
  }
  return new Map([...found].map(([id, entry]) => [id, { peers: entry.peers, flooded: [...entry.flooded] }]));
}

type IsOf = (service: Service, direction: 'in' | 'out', port: string) => boolean;

const isAbout: IsOf = ({ directions }, direction) => directions.includes(direction);
const mayBeAbout: IsOf = (service, direction) => service[direction] !== null;
const opens: IsOf = (service, _, port) => service.opens.some((spec) => covers(spec, port));
const closes: IsOf = (service, _, port) => service.closesToo.some((spec) => covers(spec, port));

/** The likeliest first: a port that is open for the service in its own direction. */
const WAYS: readonly (readonly IsOf[])[] = [
  [isAbout, opens],
  [isAbout, closes],
  [mayBeAbout, opens],
  [mayBeAbout, closes],
];

/** The service that a port belongs to in a direction, or the port itself. */
function serviceAt({ services }: Registry, direction: 'in' | 'out', port: string): string {
  for (const way of WAYS) {
    const found = services.find((service) => way.every((is) => is(service, direction, port)));
    if (found) return found.id;
  }
  return port;
}
