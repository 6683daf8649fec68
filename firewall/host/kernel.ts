/** Reads what the kernel holds, of every family it has. */
import { codeOf } from '../errors';
import { FAMILIES, type Family } from '../rules/rule';
import { type Kernel, type KernelTexts, kernelIn, timeless } from '../state/kernel';
import type { Snapshot } from '../state/snapshot';
import { exists } from './files';
import { save } from './iptables';
import { nftTables, readRulesetTexts } from './ruleset';

type Managed = Pick<Snapshot, 'families'>;

/**
 * Of a family that ufw does not manage, what iptables cannot read is not there: ufw-init leaves it alone for the same
 * reason.
 * @param managed tells which families ufw manages; only waited for where a family cannot be read
 * @param known what was read a moment ago: which tables nftables has besides is not asked again
 * @throws FirewallError NOT_PERMITTED, UFW_NOT_FOUND, TIMEOUT, INTERNAL
 */
export const readKernel = async (managed: Managed | Promise<Managed>, known?: Kernel): Promise<Kernel> =>
  kernelIn(await readKernelTexts(managed, known));

/** The same as it is printed. */
export async function readKernelTexts(managed: Managed | Promise<Managed>, known?: Kernel): Promise<KernelTexts> {
  const hasIpv6 = await exists('/proc/sys/net/ipv6');
  const saving = FAMILIES.filter((family) => family === 'ipv4' || hasIpv6).map((family) =>
    save(family).then(
      (text) => ({ family, text }),
      async (error: unknown): Promise<null> => {
        const isUnusable = codeOf(error) === 'INTERNAL' || codeOf(error) === 'UFW_NOT_FOUND';
        if (!isUnusable || (await managed).families.some((state) => state.family === family)) throw error;
        return null;
      },
    ),
  );
  const listed = known?.[0] ? known[0].nftTables : nftTables();
  const [saved, nft] = await Promise.all([Promise.all(saving), listed]);
  const there = saved.filter((one): one is { family: Family; text: string } => one !== null);
  const texts = await readRulesetTexts(
    there.map(({ family, text }) => ({ family, text: timeless(text) })),
    nft,
  );
  return { saves: there, beside: texts.families.map(({ beside }) => beside), nftTables: nft, nft: texts.nft };
}
