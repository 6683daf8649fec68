/** Reads what the kernel holds, of every family it has. */
import { codeOf } from '../errors';
import { FAMILIES, type Family } from '../rules/rule';
import type { FamilyKernel, Kernel } from '../state/kernel';
import type { Snapshot } from '../state/snapshot';
import { type FamilyRuleset, filterOf, rulesetOf } from '../verdicts/ruleset';
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
    save(family).then(
      (text): FamilyKernel => {
        const ruleset = rulesetFor(family, text);
        return { family, text, ruleset, filter: filterOf(ruleset) };
      },
      async (error: unknown): Promise<null> => {
        const isUnusable = codeOf(error) === 'INTERNAL' || codeOf(error) === 'UFW_NOT_FOUND';
        if (!isUnusable || (await managed).families.some((state) => state.family === family)) throw error;
        return null;
      },
    ),
  );
  return (await Promise.all(saved)).filter((one): one is FamilyKernel => one !== null);
}

/** What was read last: where the kernel has not changed, what is known of its rules still holds. */
const last = new Map<Family, { key: string; ruleset: FamilyRuleset }>();

function rulesetFor(family: Family, save: string): FamilyRuleset {
  // The counters of the built-in chains, and the time in a comment, are other each time.
  const key = save.replace(/^# (?:Generated|Completed) .*$/gm, '').replace(/^(:\S+ \S+) \[\d+:\d+\]$/gm, '$1');
  const known = last.get(family);
  if (known?.key === key) return known.ruleset;
  const [ruleset] = rulesetOf([{ family, save, beside: '' }], null);
  if (!ruleset) throw new Error('a ruleset per family');
  last.set(family, { key, ruleset });
  return ruleset;
}
