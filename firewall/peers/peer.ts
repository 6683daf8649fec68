/** Who talks: one address, or one subnet where there were too many, at one port in one direction. */
import * as z from 'zod/mini';
import { isAddress, normalAddress } from '../rules/address';
import { isPortSpec } from '../services/port-spec';
import { isEverybody } from '../verdicts/everybody';

export interface Peer {
  /** `in`: it has begun to talk to the device; `out`: the device to it. */
  direction: 'in' | 'out';
  /** Where it was begun to talk to: `1628/udp`. */
  port: string;
  /** An address or subnet in its one form, see `normalAddress`. */
  address: string;
  /** Where it is reached; null where that is not known. */
  interface: string | null;
  /** In seconds since 1970. */
  firstSeen: number;
  lastSeen: number;
  /** How many conversations were begun. */
  count: number;
  /** On how many days of learning. */
  days: number;
  /** On which weekdays, from Monday on, and in which hours, by the device's clock: a `1` for each, else a `0`. */
  weekdays: string;
  hours: string;
}

/** Any that a date can be made of. */
const MOST_SECONDS = 1e11;
const MOST_COUNT = 1e9;

/** One as it is kept: a line, so that a file of many stays small. */
const LINE =
  /^(in|out) (\d{1,5}\/(?:tcp|udp)) (\S{2,43}) (\S{1,15}) (\d{1,12}) (\d{1,12}) (\d{1,10}) (\d{1,6}) ([01]{7}) ([01]{24})$/;

export const formatPeer = (one: Peer): string =>
  [
    ...[one.direction, one.port, one.address, one.interface ?? '-', one.firstSeen, one.lastSeen],
    ...[one.count, one.days, one.weekdays, one.hours],
  ].join(' ');

function parsePeer(line: string): Peer | null {
  const [, way, port = '', address = '', device, first, last, times, days, weekdays = '', hours = ''] =
    LINE.exec(line) ?? [];
  if (!way || !isPortSpec(port) || !isAddress(address) || normalAddress(address) !== address) return null;
  // Nobody is everybody, whatever a file says.
  if (isEverybody(address, address.includes(':') ? 'ipv6' : 'ipv4')) return null;
  const [firstSeen, lastSeen, count] = [Number(first), Number(last), Number(times)];
  if (lastSeen > MOST_SECONDS || firstSeen > lastSeen || count > MOST_COUNT) return null;
  return {
    direction: way === 'in' ? 'in' : 'out',
    ...{ port, address, interface: device === undefined || device === '-' ? null : device },
    ...{ firstSeen, lastSeen, count, days: Number(days), weekdays, hours },
  };
}

/** A peer as it is kept in a file. */
export const peerLine = z.pipe(
  z.string().check(z.maxLength(200)),
  z.transform((line: string, { issues }): Peer => {
    const found = parsePeer(line);
    if (found) return found;
    issues.push({ code: 'custom', message: 'is no peer', input: line });
    return z.NEVER;
  }),
);

/** What tells one from another. */
export const keyOf = ({ direction, port, address }: Peer): string => `${direction} ${port} ${address}`;

const either = (a: string, b: string): string =>
  [...a].map((bit, at) => (bit === '1' || b[at] === '1' ? '1' : '0')).join('');

/** Two records of the same peer as one. @param daysOf how many days both together make */
const joined = (a: Peer, b: Peer, daysOf: (a: number, b: number) => number): Peer => ({
  ...a,
  interface: a.interface === b.interface ? a.interface : null,
  firstSeen: Math.min(a.firstSeen, b.firstSeen),
  lastSeen: Math.max(a.lastSeen, b.lastSeen),
  count: Math.min(MOST_COUNT, a.count + b.count),
  days: daysOf(a.days, b.days),
  ...{ weekdays: either(a.weekdays, b.weekdays), hours: either(a.hours, b.hours) },
});

/** Each peer once. `days` adds up where the records are of different times, and else is the most of any. */
export function once(peers: Iterable<Peer>, times: 'different' | 'same'): Peer[] {
  const known = new Map<string, Peer>();
  const daysOf = (a: number, b: number): number => (times === 'same' ? Math.max(a, b) : a + b);
  for (const one of peers) {
    const same = known.get(keyOf(one));
    known.set(keyOf(one), same ? joined(same, one, daysOf) : one);
  }
  return [...known.values()];
}
