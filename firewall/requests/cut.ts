/** Ends the established connections that a change has closed: `before.rules` let them live on otherwise. */
import { type Connection, connections, endConnections } from '../host/connections';
import { readSockets } from '../host/sockets';
import { makeRule } from '../rules/rule';
import type { Snapshot } from '../state/snapshot';
import { chainFor, type Direction } from '../verdicts/openness';
import { boxOf, LEVEL, levelOf } from '../verdicts/packets';

interface Cut {
  count: number;
  warnings: readonly string[];
}

/** Ends what could begin before a change and could not begin after it. What fails here is a warning: the rules hold. */
export async function cutClosed(before: Snapshot, after: Snapshot): Promise<Cut> {
  try {
    const [all, sockets] = await Promise.all([connections(), readSockets()]);
    const ports = new Set(sockets.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port));
    const unwanted = all.filter((one) => {
      const direction = ports.has(one.local.port) ? 'in' : 'out';
      return lets(before, one, direction) && !lets(after, one, direction);
    });
    const count = unwanted.length === 0 ? 0 : await endConnections(unwanted);
    const left = unwanted.length - count;
    return {
      count,
      warnings: left === 0 ? [] : [`${left} connections could not be terminated: this kernel does not support it.`],
    };
  } catch (error) {
    return { count: 0, warnings: [`Connections could not be terminated: ${(error as Error).message}`] };
  }
}

/** Whether the first packet of a connection would get through, at least by one interface. */
function lets({ families, settings }: Snapshot, { family, local, remote }: Connection, direction: Direction): boolean {
  const state = families.find((one) => one.family === family);
  if (!state || !settings.enabled) return true;
  const [from, to] = direction === 'in' ? [remote, local] : [local, remote];
  const packet = makeRule(family, {
    ...{ direction, protocol: 'tcp', src: from.address, dst: to.address },
    ...{ sport: String(from.port), dport: String(to.port) },
  });
  return levelOf(boxOf(packet), chainFor(state.rules, settings.policies, direction)) !== LEVEL.deny;
}
