/** Command sequences through the real `ufw` on one device, and through the engine on its twin: the same bytes, the same kernel. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { AGES } from '../device/ages';
import { useDevice, useEngine } from '../device/suite';
import { SEED } from '../seed';
import { APPLICATION_FILE, type Command, command, PORTLESS, Random, WITHOUT_VRRP } from './commands';

const SEQUENCES = Number(process.env.DIFFERENTIAL_SEQUENCES ?? 300);
const LENGTH = 4;
const FILES = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules', '/etc/default/ufw', '/etc/ufw/ufw.conf'];

for (const [at, age] of AGES.entries()) {
  // A seed always means the same commands on the same device.
  const seeds = Array.from({ length: SEQUENCES }, (_, sequence) => SEED + sequence).filter(
    (seed) => seed % AGES.length === at,
  );
  if (seeds.length > 0)
    describe(`The engine writes what ${age.name} writes (seeds from ${seeds[0]})`, () => suite(age, seeds));
}

function suite({ ufw, iptables }: (typeof AGES)[number], seeds: readonly number[]): void {
  const withUfw = useDevice({ rules: 'none', ufw, iptables });
  const withEngine = useDevice({ rules: 'none', ufw, iptables });
  let empty: Map<string, string>;

  before(async () => {
    for (const device of [withUfw, withEngine]) {
      await device.write('/etc/ufw/applications.d/tests', APPLICATION_FILE, 0o644);
      // Debian ships user6.rules without the limit chains' lines; they are loaded from the second start on.
      await device.ufw('reload');
    }
    empty = new Map(await Promise.all(FILES.map(async (path) => [path, await withUfw.read(path)] as const)));
  });
  const engine = useEngine(withEngine);

  /** Has the kernel hold what the rule files say, as ufw does after most changes. */
  const loadFiles = () =>
    withUfw.ok('sh', '-c', 'iptables-restore -n < /etc/ufw/user.rules && ip6tables-restore -n < /etc/ufw/user6.rules');

  for (const seed of seeds) {
    it(`seed ${seed}`, async () => {
      const random = new Random(seed);
      const commands: Command[] = [];
      const counts = { ipv4: 0, ipv6: 0 };
      for (const path of FILES) await withUfw.write(path, empty.get(path) as string);
      await loadFiles();
      for (let step = 0; step < LENGTH; step++) {
        const next = command(random, commands, counts, ufw === '0.36' ? WITHOUT_VRRP : PORTLESS);
        commands.push(next);
        await withUfw.ufw(...next.argv);
        const text = await withUfw.read('/etc/ufw/user.rules');
        const text6 = await withUfw.read('/etc/ufw/user6.rules');
        counts.ipv4 = rows(text);
        counts.ipv6 = rows(text6);
      }
      for (const path of FILES) await withEngine.write(path, empty.get(path) as string);
      for (const { edits } of commands) await engine.edit(edits);
      const said = commands.map(({ argv }) => `ufw ${argv.join(' ')}`).join('\n');
      for (const path of FILES)
        assert.equal(await withEngine.read(path), await withUfw.read(path), `${path} after\n${said}`);
      // This ufw takes the first line of the kernel's that looks like the deleted rule's, which may be another rule's.
      if (ufw === '0.36' && commands.some(({ argv }) => argv.includes('delete'))) await loadFiles();
      for (const family of ['ipv4', 'ipv6'] as const) {
        assert.equal(await withEngine.save(family), await withUfw.save(family), `${family} tables after\n${said}`);
      }
      await withEngine.ufw('reload');
      for (const family of ['ipv4', 'ipv6'] as const) {
        assert.equal(
          await withEngine.save(family),
          await withUfw.save(family),
          `${family} tables after a reload after\n${said}`,
        );
      }
    });
  }
}

/** Rows of `ufw status numbered`: the tuples of one application count once. */
function rows(text: string): number {
  const tuples = text.split('\n').filter((line) => line.startsWith('### tuple ###'));
  const keys = tuples
    .map((line) => (line.includes(' comment=') ? line.slice(0, line.indexOf(' comment=')) : line))
    .map((line) => {
      const fields = line.split(' ').slice(3);
      return fields.length < 8 ? line : [fields[6], fields[3], fields[7], fields[5], fields[8]].join(' ');
    });
  return new Set(keys).size;
}
