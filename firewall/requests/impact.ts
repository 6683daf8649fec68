/** Who is cut off by a change that was made, or would be by one that was only tried. */
import { messageOf } from '../errors';
import { type Connection, connections } from '../host/connections';
import { serviceAt } from '../peers/by-service';
import { cutOff } from '../peers/impact';
import type { KnownPeers } from '../peers/known';
import type { ChangeResult } from '../results';
import type { Registry } from '../services/registry';
import type { ListeningSocket } from '../state/socket';
import { mayBegin } from '../verdicts/connection';
import type { Ruleset } from '../verdicts/ruleset';

type Impact = ChangeResult['impact'];

/** The connections there are; what fails here is a warning, as nothing depends on it. */
export async function connectionsNow(): Promise<{ list: readonly Connection[]; warnings: readonly string[] }> {
  try {
    return { list: await connections(), warnings: [] };
  } catch (error) {
    return { list: [], warnings: [`Connections could not be counted: ${messageOf(error)}`] };
  }
}

/**
 * @param known null where it cannot be told who talks with what
 * @param list the connections before the change
 */
export async function impactOf(
  known: KnownPeers | null,
  registry: Registry,
  [before, after]: readonly [Ruleset, Ruleset],
  list: readonly Connection[],
  sockets: readonly ListeningSocket[],
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
  const ports = new Set(sockets.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port));
  for (const one of list) {
    const direction = ports.has(one.local.port) ? 'in' : 'out';
    if (!mayBegin(before, one, direction, null) || mayBegin(after, one, direction, null)) continue;
    const service = serviceAt(registry, direction, `${direction === 'in' ? one.local.port : one.remote.port}/tcp`);
    const entry = impact.find((other) => other.service === service && other.direction === direction);
    if (entry) entry.connectionsNow++;
    else impact.push({ service, direction, peers: [], connectionsNow: 1 });
  }
  return impact;
}
