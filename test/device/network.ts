/** The cables between the device and its neighbour, and their addresses. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { probe } from './probe';
import { check, run } from './processes';
import type { Family, InterfaceName, RunResult } from './protocol';

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

export const names = Object.keys(cables) as InterfaceName[];

/**
 * Makes the cables and brings up the device's ends. `neighbourPid` is a process in the neighbour's namespace.
 */
export async function connect(neighbourPid: number): Promise<void> {
  await quiet();
  await ip([...links(neighbourPid), ...settings('device', 'neighbour')]);
}

/** Makes the cables and leaves the device's ends down: they may be handed on. */
export async function plug(neighbourPid: number): Promise<void> {
  await quiet();
  await ip(links(neighbourPid));
}

/** Puts the device's ends, which are in this namespace, into that of another process; they are down there. */
export async function handOver(pid: number): Promise<void> {
  await ip(names.map((name) => `link set ${name} netns ${pid}`));
}

/** What brings up the device's ends of plugged cables, as input of `ip -batch`. */
export const deviceSettings = (): string => `${settings('device', 'neighbour').join('\n')}\n`;

/** Resolves when every cable is up at the end where `runThere` runs programs: the kernel is later than `ip`. */
export async function raised(runThere: (argv: string[]) => Promise<RunResult>): Promise<void> {
  const argv = ['ip', '-oneline', 'link', 'show'];
  for (let tries = 0; ; tries += 1) {
    const lines = check(argv, await runThere(argv)).split('\n');
    const down = names.filter(
      (name) => !lines.some((line) => line.includes(` ${name}@`) && line.includes(' state UP ')),
    );
    if (down.length === 0) return;
    if (tries === 100) throw new Error(`These cables stay down: ${down.join(', ')}.`);
    await pause(20);
  }
}

/** Brings up the neighbour's ends. Runs in the neighbour's namespace. */
export async function configureNeighbour(): Promise<void> {
  await quiet();
  await ip(settings('neighbour', 'device'));
}

/** Resolves when packets pass through every cable: the kernel finishes bringing them up after `ip` has returned. */
export async function passable(): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const { device, neighbour } = cables[name];
      const door = { proto: 'tcp', host: neighbour.ipv4, localAddress: device.ipv4, port: 1, timeoutMs: 100 } as const;
      for (let tries = 0; !(await probe(door)); tries += 1) {
        if (tries === 50) throw new Error(`No packet passes through ${name}.`);
      }
    }),
  );
}

function links(neighbourPid: number): string[] {
  return names.map((name, i) => {
    // Not the same index at both ends: the kernel would take an end for no cable's, and be a second later to raise it.
    const index = { device: 11 + i, neighbour: 21 + i };
    const end = (which: keyof Cable) => `name ${name} index ${index[which]} address ${mac(name, which)}`;
    return `link add ${end('device')} type veth peer ${end('neighbour')} netns ${neighbourPid}`;
  });
}

function settings(own: keyof Cable, other: keyof Cable): string[] {
  const lines = names.flatMap((name) => [
    `addr add ${cables[name][own].ipv4}/24 dev ${name}`,
    // Without `nodad` an IPv6 address is of no use for its first second.
    `addr add ${cables[name][own].ipv6}/64 dev ${name} nodad`,
    `link set ${name} up`,
    // So that no probe is lost to the search for its neighbour, which is repeated only every second.
    ...Object.values(cables[name][other]).map(
      (address) => `neigh add ${address} lladdr ${mac(name, other)} dev ${name}`,
    ),
  ]);
  return ['link set lo up', ...lines];
}

/** The hardware address of an end. */
export function mac(name: InterfaceName, end: keyof Cable): string {
  return `02:00:00:00:0${names.indexOf(name)}:0${end === 'device' ? 1 : 2}`;
}

async function ip(lines: string[]): Promise<void> {
  check(['ip', '-batch'], await run(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` }));
}

/** Takes the brakes off ICMP, which would make a UDP probe look filtered when many are sent at once. */
export async function quiet(): Promise<void> {
  await Promise.all([
    writeFile('/proc/sys/net/ipv4/icmp_ratelimit', '0'),
    writeFile('/proc/sys/net/ipv4/icmp_ratemask', '0'),
    writeFile('/proc/sys/net/ipv6/icmp/ratelimit', '0'),
    // Type 2 only, "packet too big": "port unreachable" is then not counted against the machine-wide limit either.
    writeFile('/proc/sys/net/ipv6/icmp/ratemask', '2'),
    writeFile('/proc/sys/net/ipv6/conf/default/accept_dad', '0'),
  ]);
}
