/** Whether a connection that is there could begin again. */
import type { Family } from '../rules/rule';
import { OWN_INTERFACES } from '../services/about';
import { addressSet, type Box, EVERYTHING, LOCAL, NO_INTERFACE, protocolBit } from './boxes';
import type { Ruleset } from './ruleset';
import { fateOf } from './verdict';

interface Endpoint {
  address: string;
  port: number;
}

/** A TCP connection between the device and another host. */
export interface Connecting {
  family: Family;
  local: Endpoint;
  remote: Endpoint;
}

/**
 * Whether its first packet may get through, by whatever interface it may come or go.
 * @param on the device's own interface that it is on; null where it is one of the network's
 */
export function mayBegin(
  rules: Ruleset,
  { family, local, remote }: Connecting,
  direction: 'in' | 'out',
  on: string | null,
): boolean {
  const ruleset = rules.find((one) => one.family === family);
  // A kernel without the family's tables stops nothing.
  if (!ruleset) return true;
  const isIn = direction === 'in';
  const [from, to] = isIn ? [remote, local] : [local, remote];
  const interfaces = on === null ? { pattern: '+', except: ['', ...OWN_INTERFACES] } : { pattern: on, except: [] };
  const box: Box = {
    ...EVERYTHING,
    protocols: protocolBit('tcp'),
    src: addressSet(from.address, family),
    dst: addressSet(to.address, family),
    sport: [from.port, from.port],
    dport: [to.port, to.port],
    ...(isIn
      ? { interfaceIn: interfaces, interfaceOut: NO_INTERFACE, dstTypes: LOCAL }
      : { interfaceIn: NO_INTERFACE, interfaceOut: interfaces }),
  };
  return fateOf(ruleset, direction, [{ box, holes: null }]).most !== 'closed';
}
