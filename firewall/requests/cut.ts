/** The established connections that a change has closed, and their end: `before.rules` let them live on otherwise. */
import type { Committed } from '../commit/transaction';
import { messageOf } from '../errors';
import { ownAddresses } from '../host/addresses';
import { type Connection, endConnections, type Network, readNetwork } from '../host/connections';
import { OWN_INTERFACES } from '../services/about';
import { rulesetIn } from '../state/kernel';
import { mayBegin } from '../verdicts/connection';
import type { Ruleset } from '../verdicts/ruleset';

/** A connection that could begin before a change and could not begin after it. */
export interface Closed extends Connection {
  direction: 'in' | 'out';
}

/** What fails here is a warning, as no rule depends on it. */
export async function closedConnections(
  [before, after]: readonly [Ruleset, Ruleset],
  network: Network | Promise<Network>,
): Promise<{ closed: readonly Closed[]; warnings: readonly string[] }> {
  try {
    const { sockets, connections } = await network;
    const ports = new Set(sockets.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port));
    // Those of loopback and of the LON tunnel are on no interface of the network's.
    const own = new Map(
      ownAddresses().flatMap(({ name, address }) => (OWN_INTERFACES.includes(name) ? [[address, name]] : [])),
    );
    const lets = (rules: Ruleset, one: Closed): boolean =>
      mayBegin(rules, one, one.direction, own.get(one.local.address) ?? null);
    const all = connections.map((one): Closed => ({ ...one, direction: ports.has(one.local.port) ? 'in' : 'out' }));
    return { closed: all.filter((one) => lets(before, one) && !lets(after, one)), warnings: [] };
  } catch (error) {
    return {
      closed: [],
      warnings: [`Connections could not be read, so none is counted or terminated: ${messageOf(error)}`],
    };
  }
}

/** Ends them. What fails here is a warning, too: the rules hold. */
export async function cut(closed: readonly Closed[]): Promise<{ count: number; warnings: readonly string[] }> {
  try {
    const count = closed.length === 0 ? 0 : await endConnections(closed);
    const left = closed.length - count;
    return {
      count,
      warnings: left === 0 ? [] : [`${left} connections could not be terminated: this kernel does not support it.`],
    };
  } catch (error) {
    return { count: 0, warnings: [`Connections could not be terminated: ${messageOf(error)}`] };
  }
}

/** The same of a change that comes by itself. @returns warnings */
export async function cutClosed({
  kernelBefore,
  kernel,
}: Pick<Committed, 'kernelBefore' | 'kernel'>): Promise<readonly string[]> {
  const { closed, warnings } = await closedConnections([rulesetIn(kernelBefore), rulesetIn(kernel)], readNetwork());
  return [...warnings, ...(await cut(closed)).warnings];
}
