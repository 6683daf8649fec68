/** Ends the established connections that a change has closed: `before.rules` let them live on otherwise. */
import { networkInterfaces } from 'node:os';
import type { Committed } from '../commit/transaction';
import { messageOf } from '../errors';
import { type Connection, connections, endConnections } from '../host/connections';
import { readSockets } from '../host/sockets';
import { OWN_INTERFACES } from '../services/about';
import { rulesetIn } from '../state/kernel';
import { mayBegin } from '../verdicts/connection';
import type { Ruleset } from '../verdicts/ruleset';

interface Cut {
  count: number;
  warnings: readonly string[];
}

/** Ends what could begin before a change and could not begin after it. What fails here is a warning: the rules hold. */
export async function cutClosed({ kernelBefore, kernel }: Pick<Committed, 'kernelBefore' | 'kernel'>): Promise<Cut> {
  try {
    const [all, sockets] = await Promise.all([connections(), readSockets()]);
    const ports = new Set(sockets.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port));
    const own = ownAddresses();
    const lets = (rules: Ruleset, one: Connection): boolean =>
      mayBegin(rules, one, ports.has(one.local.port) ? 'in' : 'out', own.get(one.local.address) ?? null);
    const [before, after] = [rulesetIn(kernelBefore), rulesetIn(kernel)];
    const unwanted = all.filter((one) => lets(before, one) && !lets(after, one));
    const count = unwanted.length === 0 ? 0 : await endConnections(unwanted);
    const left = unwanted.length - count;
    return {
      count,
      warnings: left === 0 ? [] : [`${left} connections could not be terminated: this kernel does not support it.`],
    };
  } catch (error) {
    return { count: 0, warnings: [`Connections could not be terminated: ${messageOf(error)}`] };
  }
}

/** The addresses of loopback and of the LON tunnel, each with its interface. */
function ownAddresses(): ReadonlyMap<string, string> {
  const interfaces = networkInterfaces();
  return new Map(
    OWN_INTERFACES.flatMap((name) => (interfaces[name] ?? []).map(({ address }): [string, string] => [address, name])),
  );
}
