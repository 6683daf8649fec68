/** The ports of the device that a report speaks of, and a neighbour who probes every one of them. */
import type { Openness, ServiceReport } from '../../firewall/results';
import type { Machine } from './machine';
import type { Family, Target } from './protocol';

/** The device's ways to the outside; `lo` and `ip70` are its own. */
export const OUTSIDE = ['eth0', 'eth1'] as const;
const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/** What the neighbour found at one service, all its ports and both families taken together. */
export interface Finding {
  service: ServiceReport;
  in: Openness;
  /** The interfaces on which every probe got in. */
  interfaces: string[];
}

/** `22/tcp`, `443` (both protocols), `1628:1645/udp` (its two ends). */
export function targetsOf(spec: string, family: Family, on: (typeof OUTSIDE)[number]): Target[] {
  const [range = '', protocol] = spec.split('/');
  const protocols = protocol ? [protocol as 'tcp' | 'udp'] : (['tcp', 'udp'] as const);
  return protocols.flatMap((proto) =>
    range.split(':').map((port) => ({ proto, port: Number(port), family, interface: on })),
  );
}

/** Probes every port of every service that can be called from outside. */
export async function probeServices(device: Machine, services: readonly ServiceReport[]): Promise<Finding[]> {
  // Services that only call out have nothing to probe.
  const called = services.filter(({ listening }) => listening !== null);
  const targets = called.map(({ ports }) =>
    ports.flatMap((spec) => FAMILIES.flatMap((family) => OUTSIDE.flatMap((on) => targetsOf(spec, family, on)))),
  );
  const answers = await device.neighbour.probe(targets.flat());
  return called.map((service, index) => {
    const tried = (targets[index] ?? []).map((target) => ({ target, isIn: answers.shift() === 'in' }));
    const isOpenOn = (on: string) => tried.every(({ target, isIn }) => isIn || target.interface !== on);
    return { service, in: openness(tried.map(({ isIn }) => isIn)), interfaces: OUTSIDE.filter(isOpenOn) };
  });
}

function openness(passed: readonly boolean[]): Openness {
  if (passed.every(Boolean)) return 'open';
  return passed.some(Boolean) ? 'partial' : 'closed';
}
