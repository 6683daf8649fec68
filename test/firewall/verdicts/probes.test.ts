/** Verdicts held against packets: random rulesets on a device, and a neighbour who tries what gets in, and hears what gets out. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { useDevice } from '../../device/suite';
import { SEED } from '../../seed';
import { holdAgainstProbes, type Tally } from './held-against-probes';
import { useRandomRulesets } from './random-rulesets';

const RULESETS = Number(process.env.VERDICT_RULESETS ?? 20);
const BACKENDS = ['nft', 'legacy'] as const;

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
  const rulesets = useRandomRulesets(device, backend);
  const count: Tally = { open: 0, closed: 0, unsure: 0 };

  for (const seed of seeds) {
    it(`seed ${seed}`, async () => {
      const { way, said } = await rulesets.make(seed);
      const found = await holdAgainstProbes(device, way, said);
      for (const kind of ['open', 'closed', 'unsure'] as const) count[kind] += found[kind];
    });
  }

  it('and most of it is told for certain', () => {
    assert.ok(count.open + count.closed > count.unsure, JSON.stringify(count));
    assert.ok(count.open > 0 && count.closed > 0, JSON.stringify(count));
  });
}
