/** Verdicts of a device's whole ruleset, held against packets: a neighbour tries what gets in, and hears what gets out. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { FAMILIES, type Family } from '../../../firewall/rules/rule';
import { addressSet, EVERYTHING, LOCAL, NO_INTERFACE, protocolBit } from '../../../firewall/verdicts/boxes';
import type { Ruleset } from '../../../firewall/verdicts/ruleset';
import { fateOf, type Verdict } from '../../../firewall/verdicts/verdict';
import type { Device } from '../../device/device';
import { cables } from '../../device/network';
import { check } from '../../device/processes';
import type { Trial } from './prober';
import { PORTS, type Way } from './random-rules';
import { unpacked } from './ruleset-inside';

/** How long an answer may take, in ms; what is said to be open is asked again, with more patience. */
const PATIENCE = [250, 1500, 4000];
const INTERFACES = ['eth0', 'eth1', 'ip70'] as const;

export interface Probe extends Trial {
  family: Family;
  interface: (typeof INTERFACES)[number];
}

/** Everything is tried from everywhere. */
export const PROBES = (way: Way): Probe[] =>
  FAMILIES.flatMap((family) =>
    INTERFACES.flatMap((on) => {
      const { device, neighbour } = cables[on];
      const [here, there] = way === 'in' ? [neighbour, device] : [device, neighbour];
      const ends = { host: there[family], localAddress: here[family], family, interface: on };
      return PORTS.flatMap((port) => (['tcp', 'udp'] as const).map((proto): Probe => ({ ...ends, proto, port })));
    }),
  );

/** What a ruleset says of one packet, of which only the port it comes from is not known: one of those for clients. */
function verdictOf(
  ruleset: Ruleset,
  way: Way,
  { family, proto, port, host, localAddress, interface: on }: Probe,
): Verdict {
  const rules = ruleset.find((one) => one.family === family);
  assert.ok(rules);
  const name = { pattern: on, except: [] };
  const box = {
    ...EVERYTHING,
    protocols: protocolBit(proto),
    dport: [port, port] as const,
    sport: [32768, 60999] as const,
    src: addressSet(localAddress, family),
    dst: addressSet(host, family),
    interfaceIn: way === 'in' ? name : NO_INTERFACE,
    interfaceOut: way === 'in' ? NO_INTERFACE : name,
    dstTypes: way === 'in' ? LOCAL : 1 << 1,
  };
  return fateOf(rules, way, [{ box, holes: null }]);
}

/** Has everything that is probed answered, on both sides. */
export async function listenOnAll(device: Device): Promise<void> {
  for (const port of PORTS) {
    for (const proto of ['tcp', 'udp'] as const) {
      await device.listen(proto, port);
      await device.neighbour.listen(proto, port);
    }
  }
}

/** How many probes the verdicts foresaw, and how many could not be foreseen. */
export interface Tally {
  open: number;
  closed: number;
  unsure: number;
}

/**
 * Probes everything one way, and fails where a verdict is wrong.
 * @param about what is in the error
 */
export async function holdAgainstProbes(device: Device, way: Way, about: string): Promise<Tally> {
  const ruleset = unpacked(await device.ok(device.node, device.inside(join(__dirname, 'ruleset-inside.js'))));
  const probes = PROBES(way);
  const verdicts = probes.map((probe) => verdictOf(ruleset, way, probe));
  const isOdd = (index: number, answer: boolean): boolean => {
    const { least, most } = verdicts[index] as Verdict;
    return (least === 'open' && !answer) || (most === 'closed' && answer);
  };
  const answers = await answersTo(device, way, probes, isOdd);
  const count: Tally = { open: 0, closed: 0, unsure: 0 };
  for (const [index, probe] of probes.entries()) {
    const { least, most, letsIn, blocks } = verdicts[index] as Verdict;
    const said = `${about}
          ${way} ${JSON.stringify(probe)} ${least} ${most} ${JSON.stringify({ letsIn, blocks })}`;
    if (most === 'closed') assert.ok(!answers[index], `got through though closed:\n${said}`);
    else if (least === 'open') assert.ok(answers[index], `did not get through though open:\n${said}`);
    count[most === 'closed' ? 'closed' : least === 'open' ? 'open' : 'unsure'] += 1;
  }
  return count;
}

/**
 * Which of the probes get through. What is odd is asked again, with more patience: what should not have got through may be
 * taken for a packet of an earlier probe that came from the same port, as connections outlive rulesets. From another port it
 * is a new one.
 */
export async function answersTo(
  device: Device,
  way: Way,
  probes: readonly Probe[],
  isOdd: (index: number, answer: boolean) => boolean,
): Promise<boolean[]> {
  const answers = await tried(device, way, probes, PATIENCE[0] as number);
  for (const timeoutMs of PATIENCE.slice(1)) {
    const again = [...answers.keys()].filter((index) => isOdd(index, answers[index] as boolean));
    if (again.length === 0) break;
    const asked = again.map((index) => probes[index] as Probe);
    const second = await tried(device, way, asked, timeoutMs);
    for (const [place, index] of again.entries()) answers[index] = second[place] as boolean;
  }
  return answers;
}

async function tried(device: Device, way: Way, trials: readonly Trial[], timeoutMs: number): Promise<boolean[]> {
  const argv = [device.node, device.inside(join(__dirname, 'prober.js')), JSON.stringify([trials, timeoutMs])];
  const machine = way === 'in' ? device.neighbour : device;
  return JSON.parse(check(argv, await machine.run(argv))) as boolean[];
}
