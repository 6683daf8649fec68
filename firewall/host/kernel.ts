/** Reads what the kernel holds, of every family it has. */
import { codeOf } from '../errors';
import { FAMILIES } from '../rules/rule';
import type { FamilyKernel, Kernel } from '../state/kernel';
import type { Snapshot } from '../state/snapshot';
import { exists } from './files';
import { save } from './iptables';

type Managed = Pick<Snapshot, 'families'>;

/**
 * Of a family that ufw does not manage, what iptables cannot read is not there: ufw-init leaves it alone for the same
 * reason.
 * @param managed tells which families ufw manages; only waited for where a family cannot be read
 * @throws FirewallError NOT_PERMITTED, UFW_NOT_FOUND, TIMEOUT, INTERNAL
 */
export async function readKernel(managed: Managed | Promise<Managed>): Promise<Kernel> {
  const hasIpv6 = await exists('/proc/sys/net/ipv6');
  const saved = FAMILIES.filter((family) => family === 'ipv4' || hasIpv6).map((family) =>
    save(family).catch(async (error: unknown): Promise<null> => {
      const isUnusable = codeOf(error) === 'INTERNAL' || codeOf(error) === 'UFW_NOT_FOUND';
      if (!isUnusable || (await managed).families.some((state) => state.family === family)) throw error;
      return null;
    }),
  );
  return (await Promise.all(saved)).filter((one): one is FamilyKernel => one !== null);
}
