/** What the sampler has seen, taken from its file. */

import { isAddress, normalAddress } from '../rules/address';
import type { Clock } from '../state/clock';
import { bounded } from './bounds';
import type { Seen } from './learned';
import type { Peer } from './peer';

/** The subnets of the device's interfaces. */
export interface InterfaceAddress {
  name: string;
  /** In its one form, see `normalAddress`. */
  address: string;
  /** `192.0.2.1/24` */
  cidr: string;
}

export interface Samples {
  seen: Seen;
  /** When it was looked last, in seconds since the boot. */
  lookedAt: number;
}

const HEAD = /^S ([0-9a-f-]{1,60}) (\d{1,12}) (\d{1,12}) \d+ [01]$/;
const PEER =
  /^P (in|out) (tcp|udp) (\d{1,5}) (\S{2,39}) (\S{2,39}) (\d{1,12}) (\d{1,12}) (\d{1,10}) (\d{1,6}) -?\d+ ([01]{7}) ([01]{24})$/;
const FLOOD = /^F (in|out) (tcp|udp) (\d{1,5})$/;

/** Null where nothing was seen yet, or the text is not the sampler's. */
export function samplesIn(
  text: string,
  { uptime, wall }: Clock,
  interfaces: readonly InterfaceAddress[],
): Samples | null {
  const [head = '', ...lines] = text.split('\n');
  const [, samples, seconds, at] = HEAD.exec(head) ?? [];
  if (samples === undefined) return null;
  const names = new Map(interfaces.map(({ address, name }) => [address, name]));
  const nameFor = memo((address) => interfaces.find(({ cidr }) => isIn(address, cidr))?.name ?? null);
  const moment = (seconds: string | undefined): number =>
    Math.max(0, Math.round(wall / 1000 - uptime + Number(seconds)));
  const peers: Peer[] = [];
  const flooded: string[] = [];
  for (const line of lines) {
    const [, direction, protocol, port] = FLOOD.exec(line) ?? [];
    if (direction !== undefined) flooded.push(`${direction} ${port}/${protocol}`);
    const found = line.startsWith('P') ? PEER.exec(line) : null;
    if (!found) continue;
    const [, way, kind, number, other = '', own = '', first, last, count, days, weekdays = '', hours = ''] = found;
    if (!isAddress(other) || !isAddress(own)) continue;
    const address = normalAddress(other);
    peers.push({
      direction: way === 'in' ? 'in' : 'out',
      ...{ port: `${number}/${kind}`, address },
      // What was sent to all does not say where; the sender's subnet does.
      interface: names.get(normalAddress(own)) ?? nameFor(address),
      ...{ firstSeen: moment(first), lastSeen: moment(last) },
      ...{ count: Number(count), days: Number(days), weekdays, hours },
    });
  }
  return { seen: { samples, seconds: Number(seconds), ...bounded({ peers, flooded }) }, lookedAt: Number(at) };
}

function memo(of: (address: string) => string | null): (address: string) => string | null {
  const known = new Map<string, string | null>();
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const found = of(address);
    known.set(address, found);
    return found;
  };
}

/** Whether an address is in the subnet of another. */
function isIn(address: string, cidr: string): boolean {
  const [, prefix = ''] = cidr.split('/');
  const isSameFamily = address.includes(':') === cidr.includes(':');
  return isSameFamily && prefix !== '' && normalAddress(`${address}/${prefix}`) === normalAddress(cidr);
}
