/** Verdicts held against packets: random rulesets on a device, and a neighbour who tries what gets in, and hears what gets out. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { FAMILIES, type Family } from '../../../firewall/rules/rule';
import { addressSet, EVERYTHING, LOCAL, NO_INTERFACE, protocolBit } from '../../../firewall/verdicts/boxes';
import type { Ruleset } from '../../../firewall/verdicts/ruleset';
import { fateOf, type Verdict } from '../../../firewall/verdicts/verdict';
import { cables } from '../../device/network';
import { check } from '../../device/processes';
import { useDevice } from '../../device/suite';
import { SEED } from '../../seed';
import { Random } from '../commands';
import type { Trial } from './prober';
import { beforeLines, PORTS, type Step, steps, type Way } from './random-rules';
import { unpacked } from './ruleset-inside';

const RULESETS = Number(process.env.VERDICT_RULESETS ?? 20);
const BACKENDS = ['nft', 'legacy'] as const;
/** How long an answer may take, in ms; what is said to be open is asked again, with more patience. */
const PATIENCE = [250, 1500, 4000];
const INTERFACES = ['eth0', 'eth1', 'ip70'] as const;
const FILES = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules', '/etc/ufw/before.rules'];

interface Probe extends Trial {
  family: Family;
  interface: (typeof INTERFACES)[number];
}

/** Everything is tried from everywhere. */
const PROBES = (way: Way): Probe[] =>
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

for (const [at, backend] of BACKENDS.entries()) {
  // A seed always means the same on the same device. Most devices have iptables through nftables.
  const seeds = Array.from({ length: RULESETS }, (_, index) => SEED + index).filter(
    (seed) => (seed % 4 === 3 ? 1 : 0) === at,
  );
  if (seeds.length > 0)
    describe(`What gets through rulesets of iptables-${backend} (seeds from ${seeds[0]})`, () => suite(backend, seeds));
}

function suite(backend: (typeof BACKENDS)[number], seeds: readonly number[]): void {
  const device = useDevice({ iptables: backend });
  const files = new Map<string, string>();
  const kernel = new Map<string, string>();
  const count = { open: 0, closed: 0, unsure: 0 };

  before(async () => {
    for (const port of PORTS) {
      for (const proto of ['tcp', 'udp'] as const) {
        await device.listen(proto, port);
        await device.neighbour.listen(proto, port);
      }
    }
    for (const path of FILES) files.set(path, await device.read(path));
    for (const program of ['iptables', 'ip6tables']) kernel.set(program, await device.ok(`${program}-save`));
  });

  /** As it was at first, in the files and in the kernel. */
  async function reset(): Promise<void> {
    await device.ok('nft', 'flush', 'ruleset');
    for (const [path, text] of files) await device.write(path, text);
    for (const program of ['iptables', 'ip6tables']) {
      const empty = ['raw', 'mangle', 'nat', 'filter', 'security'].map((table) => `*${table}\nCOMMIT\n`).join('');
      await give({ argv: [`${program}-legacy-restore`], input: empty });
      await give({ argv: [`${program}-restore`], input: kernel.get(program) });
    }
  }

  const give = async ({ argv, input }: Step): Promise<string> =>
    check([...argv, input ?? ''], await device.run(argv, { input }));

  async function read(): Promise<Ruleset> {
    return unpacked(await device.ok(device.node, device.inside(join(__dirname, 'ruleset-inside.js'))));
  }

  async function tried(way: Way, trials: readonly Trial[], timeoutMs: number): Promise<boolean[]> {
    const argv = [device.node, device.inside(join(__dirname, 'prober.js')), JSON.stringify([trials, timeoutMs])];
    const machine = way === 'in' ? device.neighbour : device;
    return JSON.parse(check(argv, await machine.run(argv))) as boolean[];
  }

  for (const seed of seeds) {
    it(`seed ${seed}`, async () => {
      const random = new Random(seed);
      const way: Way = random.chance(0.65) ? 'in' : 'out';
      await reset();
      const made = steps(random, way, backend);
      if (random.chance(0.25)) {
        const path = '/etc/ufw/before.rules';
        const lines = beforeLines(random, way);
        await device.write(path, (await device.read(path)).replace(/(?<=# End required lines\n)/, lines));
        made.unshift({ argv: ['ufw', 'reload'], input: lines });
        await give({ argv: ['ufw', 'reload'] });
      }
      for (const step of made) if (step.argv[1] !== 'reload') await give(step);
      const ruleset = await read();
      const probes = PROBES(way);
      const verdicts = probes.map((probe) => verdictOf(ruleset, way, probe));
      const answers = await tried(way, probes, PATIENCE[0] as number);
      for (const timeoutMs of PATIENCE.slice(1)) {
        const again = [...probes.keys()].filter((index) => verdicts[index]?.least === 'open' && !answers[index]);
        const second =
          again.length > 0
            ? await tried(
                way,
                again.map((index) => probes[index] as Probe),
                timeoutMs,
              )
            : [];
        for (const [place, index] of again.entries()) answers[index] = second[place] as boolean;
      }
      for (const [index, probe] of probes.entries()) {
        const { least, most, letsIn, blocks } = verdicts[index] as Verdict;
        const said = `${made.map(({ argv, input }) => `${argv.join(' ')}\n${input ?? ''}`).join('\n')}
          ${way} ${JSON.stringify(probe)} ${least} ${most} ${JSON.stringify({ letsIn, blocks })}`;
        if (most === 'closed') assert.ok(!answers[index], `got through though closed:\n${said}`);
        else if (least === 'open') assert.ok(answers[index], `did not get through though open:\n${said}`);
        count[most === 'closed' ? 'closed' : least === 'open' ? 'open' : 'unsure'] += 1;
      }
    });
  }

  it('and most of it is told for certain', () => {
    assert.ok(count.open + count.closed > count.unsure, JSON.stringify(count));
    assert.ok(count.open > 0 && count.closed > 0, JSON.stringify(count));
  });
}
