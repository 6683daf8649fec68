/** A device whose firewall is what a seed says, for a suite. */
import { before } from 'mocha';
import type { Device } from '../../device/device';
import { check } from '../../device/processes';
import { Random } from '../commands';
import { listenOnAll } from './held-against-probes';
import { beforeLines, type Step, steps, type Way } from './random-rules';

const FILES = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules', '/etc/ufw/before.rules'];

interface Rulesets {
  /** Makes the ruleset of a seed. @returns which way it is about, and what was done for it */
  make(seed: number): Promise<{ way: Way; said: string }>;
}

/** Everything that is probed answers, on both sides. */
export function useRandomRulesets(device: Device, backend: 'nft' | 'legacy'): Rulesets {
  const files = new Map<string, string>();
  const kernel = new Map<string, string>();

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

  return {
    async make(seed) {
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
      return { way, said: made.map(({ argv, input }) => `${argv.join(' ')}\n${input ?? ''}`).join('\n') };
    },
  };
}
