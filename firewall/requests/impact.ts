/** Who is cut off by a change that was made, or would be by one that was only tried. */
import { serviceAt } from '../peers/by-service';
import { cutOff } from '../peers/impact';
import type { KnownPeers } from '../peers/known';
import type { ChangeResult } from '../results';
import type { Registry } from '../services/registry';
import type { Ruleset } from '../verdicts/ruleset';
import type { Closed } from './cut';

type Impact = ChangeResult['impact'];

/** @param known null where it cannot be told who talks with what */
export async function impactOf(
  known: KnownPeers | null,
  registry: Registry,
  [before, after]: readonly [Ruleset, Ruleset],
  closed: readonly Closed[],
): Promise<Impact> {
  const impact: Impact = (known ? await cutOff(known, registry, before, after) : []).map(
    ({ service, direction, peers }) => ({
      ...{ service, direction, connectionsNow: 0 },
      peers: peers.map(({ address, lastSeen, count }) => ({
        ...{ address, count },
        lastSeen: lastSeen === null ? null : new Date(lastSeen * 1000).toISOString(),
      })),
    }),
  );
  for (const { direction, local, remote } of closed) {
    const service = serviceAt(registry, direction, `${direction === 'in' ? local.port : remote.port}/tcp`);
    const entry = impact.find((other) => other.service === service && other.direction === direction);
    if (entry) entry.connectionsNow++;
    else impact.push({ service, direction, peers: [], connectionsNow: 1 });
  }
  return impact;
}
