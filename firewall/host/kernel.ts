/** Reads what the kernel holds, of every family it has. */
import { FAMILIES } from '../rules/rule';
import type { Kernel } from '../state/kernel';
import { exists } from './files';
import { save } from './iptables';

/** @throws FirewallError NOT_PERMITTED, UFW_NOT_FOUND, INTERNAL */
export async function readKernel(): Promise<Kernel> {
  const hasIpv6 = await exists('/proc/sys/net/ipv6');
  return Promise.all(FAMILIES.filter((family) => family === 'ipv4' || hasIpv6).map(save));
}
