/** Verdicts held against packets: random rulesets on a device, and a neighbour who tries what gets in, and hears what gets out. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { check } from '../../device/processes';
import { useDevice } from '../../device/suite';
import { SEED } from '../../seed';
import { Random } from '../commands';
import { holdAgainstProbes, listenOnAll, type Tally } from './held-against-probes';
import { beforeLines, type Step, steps, type Way } from './random-rules';

const RULESETS = Number(process.env.VERDICT_RULESETS ?? 20);
const BACKENDS = ['nft', 'legacy'] as const;
const FILES = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules', '/etc/ufw/before.rules'];

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
  const count: Tally = { open: 0, closed: 0, unsure: 0 };

  before(async () => {
    await listenOnAll(device);
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
      const said = made.map(({ argv, input }) => `${argv.join(' ')}\n${input ?? ''}`).join('\n');
      const found = await holdAgainstProbes(device, way, said);
      for (const kind of ['open', 'closed', 'unsure'] as const) count[kind] += found[kind];
    });
  }

  it('and most of it is told for certain', () => {
    assert.ok(count.open + count.closed > count.unsure, JSON.stringify(count));
    assert.ok(count.open > 0 && count.closed > 0, JSON.stringify(count));
  });
}
