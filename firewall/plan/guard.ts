/** What no change may do, whatever was requested: open more than permitted, or close the last way in. */

import { FirewallError, type Sentence, say } from '../errors';
import type { Policies } from '../results';
import type { Rule } from '../rules/rule';
import { ANY_SCOPE, type Scope } from '../services/profiles';
import { type Registry, serviceNamed } from '../services/registry';
import { type FamilyRules, rulesIn } from '../state/family-rules';
import type { Plan } from '../state/plan';
import type { Snapshot } from '../state/snapshot';
import { chainFor, opennessOf, regionOf, scopeFits } from '../verdicts/openness';
import { widening } from '../verdicts/widening';

/** Refuses what the request's own limits, or the last way in to the device, forbid. */
export function guarded(
  snapshot: Snapshot,
  plan: Plan,
  registry: Registry,
  { force, onlyTighten }: { force: boolean; onlyTighten: boolean },
  /** Where the web pages move: what the services are afterwards. */
  next: Registry = registry,
): Plan {
  if (onlyTighten) refuseWidening(snapshot, plan);
  const { enabled } = snapshot.settings;
  // A firewall that is off lets everything in: one that is switched off locks nobody out.
  if (force || (enabled && !plan.enabled)) return plan;
  const isLost = (scope: Scope): boolean =>
    ((!enabled && plan.enabled) || reachesWeb(snapshot.families, snapshot.settings.policies, registry, scope)) &&
    !reachesWeb(plan.rules, plan.policies, next, scope);
  if (isLost(ANY_SCOPE)) {
    throw new FirewallError('LOCKOUT', {
      what: say`this would close the last way in to the web pages, and with them the Node-RED editor.`,
      remedy: say`Leave https open for at least one address, or use force if you can reach the USB console.`,
    });
  }
  const { managementFrom } = registry;
  if (managementFrom !== '' && isLost({ interface: '', from: managementFrom })) {
    throw new FirewallError('LOCKOUT', {
      what: say`this would close the web pages to ${managementFrom}, which must always be able to reach them (managementFrom).`,
      remedy: say`Leave https open for that address, or use force if you can reach the USB console.`,
    });
  }
  return plan;
}

function refuseWidening(snapshot: Snapshot, plan: Plan): void {
  // A firewall that is off lets everything through: whatever is switched on is tighter.
  if (!snapshot.settings.enabled) return;
  for (const { family, rules } of snapshot.families) {
    const found = widening(
      { rules, policies: snapshot.settings.policies },
      { rules: rulesIn(plan.rules, family), policies: plan.policies },
    );
    if (found === null) continue;
    throw new FirewallError('WOULD_OPEN', {
      what:
        typeof found === 'string'
          ? say`onlyTighten is set, but the default policy for ${found} packets would allow more traffic.`
          : say`onlyTighten is set, but ${describe(found)} would allow more traffic.`,
    });
  }
}

function describe(rule: Rule): Sentence {
  const rest = `${rule.action} ${rule.routed ? 'routed' : rule.direction}`;
  if (rule.dport === 'any') return say`"${rest}" for every port (${rule.family})`;
  const port = `${rule.dport}${rule.protocol === 'any' ? '' : `/${rule.protocol}`}`;
  return say`"${rest}" for port ${port} (${rule.family})`;
}

function reachesWeb(lists: readonly FamilyRules[], policies: Policies, registry: Registry, scope: Scope): boolean {
  const { opens } = serviceNamed(registry, 'https');
  return lists
    .filter(({ family }) => scopeFits(scope, family))
    .some(({ family, rules }) => {
      const regions = opens.map((spec) => regionOf(family, 'in', spec, scope));
      return opennessOf(regions, chainFor(rules, policies, 'in')) !== 'closed';
    });
}
