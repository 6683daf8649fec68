/** The cables between the device and its neighbour, and their addresses. */
import { writeFile } from 'node:fs/promises';
import { check, run } from './processes';
import type { Family, InterfaceName } from './protocol';

/** The two ends of a cable. The addresses are from the ranges reserved for documentation. */
export interface Cable {
  device: Record<Family, string>;
  neighbour: Record<Family, string>;
}

/** Every interface of the device but `lo`, by name. The neighbour's ends have the same names. */
export const cables: Record<InterfaceName, Cable> = {
  eth0: {
    device: { ipv4: '192.0.2.1', ipv6: '2001:db8:1::1' },
    neighbour: { ipv4: '192.0.2.2', ipv6: '2001:db8:1::2' },
  },
  eth1: {
    device: { ipv4: '198.51.100.1', ipv6: '2001:db8:2::1' },
    neighbour: { ipv4: '198.51.100.2', ipv6: '2001:db8:2::2' },
  },
  // The LON tunnel. A cable as well: the kernel's `dummy` interface is a module not every machine has.
  ip70: {
    device: { ipv4: '203.0.113.1', ipv6: '2001:db8:3::1' },
    neighbour: { ipv4: '203.0.113.2', ipv6: '2001:db8:3::2' },
  },
};

/** Makes the cables and brings up the device's ends. `neighbourPid` is a process in the neighbour's namespace. */
export async function connect(neighbourPid: number): Promise<void> {
  await quiet();
  const links = Object.keys(cables).map((name) => `link add ${name} type veth peer name ${name} netns ${neighbourPid}`);
  await ip([...links, ...addresses('device')]);
}

/** Brings up the neighbour's ends. Runs in the neighbour's namespace. */
export async function configureNeighbour(): Promise<void> {
  await quiet();
  await ip(addresses('neighbour'));
}

function addresses(end: keyof Cable): string[] {
  const lines = Object.entries(cables).flatMap(([name, cable]) => [
    `addr add ${cable[end].ipv4}/24 dev ${name}`,
    // Without `nodad` an IPv6 address is of no use for its first second.
    `addr add ${cable[end].ipv6}/64 dev ${name} nodad`,
    `link set ${name} up`,
  ]);
  return ['link set lo up', ...lines];
}

async function ip(lines: string[]): Promise<void> {
  check(['ip', '-batch'], await run(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` }));
}

/** Takes the brakes off ICMP, which would make a knock on UDP look filtered when many knock at once. */
async function quiet(): Promise<void> {
  await Promise.all([
    writeFile('/proc/sys/net/ipv4/icmp_ratelimit', '0'),
    writeFile('/proc/sys/net/ipv4/icmp_ratemask', '0'),
    writeFile('/proc/sys/net/ipv6/icmp/ratelimit', '0'),
    // Type 2 only, "packet too big": "port unreachable" is then not counted against the machine-wide limit either.
    writeFile('/proc/sys/net/ipv6/icmp/ratemask', '2'),
    writeFile('/proc/sys/net/ipv6/conf/default/accept_dad', '0'),
  ]);
}
