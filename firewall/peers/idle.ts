/** Services that nobody uses. */
import type { Service } from '../services/catalogue';
import type { Registry } from '../services/registry';
import { peersByService } from './by-service';
import { type Learned, learnedFor } from './learned';

/** Who has not been seen for so long is not about to come, and for so long it must have been learned. */
const IDLE_DAYS = 30;
const DAY_S = 24 * 3600;

/**
 * The days since somebody last began to talk to each service that nobody uses; null where nobody ever did. Empty where it was
 * not learned for long enough to tell, and without those at which more were seen than are kept.
 * @param now in ms since 1970
 */
export function idleServices(learned: Learned | null, registry: Registry, now: number): Map<string, number | null> {
  if (!learned || learnedFor(learned) < IDLE_DAYS * DAY_S) return new Map();
  const known = peersByService(learned, registry);
  const idleFor = ({ id }: Service): number | null | undefined => {
    const found = known?.get(id);
    if (found?.flooded.includes('in')) return undefined;
    const last = (found?.peers ?? []).filter(({ direction }) => direction === 'in').map(({ lastSeen }) => lastSeen);
    if (last.length === 0) return null;
    const days = Math.floor((now / 1000 - last.reduce((a, b) => Math.max(a, b))) / DAY_S);
    return days >= IDLE_DAYS ? days : undefined;
  };
  return new Map(
    registry.services.flatMap((service): [string, number | null][] => {
      const days = service.directions.includes('in') && !service.internal ? idleFor(service) : undefined;
      return days === undefined ? [] : [[service.id, days]];
    }),
  );
}
