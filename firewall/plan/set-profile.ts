/** Requests turned into what ufw's files shall say. Pure: snapshots in, plans or refusals out. */

import type { Plan } from '../commit/transaction';
import { FirewallError, type Sentence, say } from '../errors';
import type { SetProfileRequest, ToggleServiceRequest } from '../messages';
import type { Policies } from '../results';
import { hasHostBits, normalAddress } from '../rules/address';
import { FAMILIES, type Family, type Rule } from '../rules/rule';
import { about, isForAnyone, isStructural, OWN_INTERFACES, remoteOf } from '../services/about';
import type { Service } from '../services/catalogue';
import { ANY_SCOPE, type Expectation, type Profile, profileNamed, type Scope } from '../services/profiles';
import { type Registry, serviceNamed } from '../services/registry';
import type { RuleLists, Snapshot } from '../state/snapshot';
import { chainFor, combined, type Direction, opennessOf, regionOf, scopeFits } from '../verdicts/openness';
import { guarded } from './guard';
import { closed, opened, type Target, withoutRulesOf } from './open-close';

const DIRECTIONS: readonly Direction[] = ['in', 'out'];

/**
 * @throws FirewallError UNKNOWN_PROFILE, INVALID_INPUT, LOCKOUT, WOULD_OPEN
 */
export async function planProfile(snapshot: Snapshot, registry: Registry, request: SetProfileRequest): Promise<Plan> {
  const profile = profileNamed(registry, request.profile, request.optionalServices);
  const policies: Policies = { ...snapshot.settings.policies, ...profile.policies };
  const rules: RuleLists = {};
  for (const family of snapshot.families) {
    rules[family] = await underProfile(snapshot.rules[family] ?? [], { family, profile, policies, registry, request });
  }
  const warnings = snapshot.settings.enabled ? [] : ['The firewall was off and is now on, also after the next boot.'];
  return guarded(snapshot, { rules, policies, enabled: true, warnings }, registry, request);
}

/** Node-RED's turn: with thousands of rules each of these steps takes a while. */
const breathe = (): Promise<void> => new Promise(setImmediate);

interface ProfileTask {
  family: Family;
  profile: Profile;
  policies: Policies;
  registry: Registry;
  request: SetProfileRequest;
}

async function underProfile(rules: readonly Rule[], task: ProfileTask): Promise<readonly Rule[]> {
  const { family, profile, policies, registry, request } = task;
  const removesOwn = profile.removesOwnRules || request.ownRules === 'remove';
  const abouts = registry.services.flatMap((service) => DIRECTIONS.map((direction) => about(service, direction)));
  const isOwn = (rule: Rule): boolean => !isStructural(rule) && !abouts.some((isAbout) => isAbout(rule));
  // Own rules that only block are no danger, unless the user asked for a clean slate.
  const isUnwanted = (rule: Rule): boolean =>
    (request.ownRules === 'remove' || rule.action === 'allow' || rule.action === 'limit') && isOwn(rule);
  let list: readonly Rule[] = removesOwn ? rules.filter((rule) => !isUnwanted(rule)) : rules;
  // What is closed must not close what is opened by another name.
  const isClosing = ({ want }: Expectation): number => (want === 'closed' ? 0 : 1);
  for (const expectation of [...profile.expectations].sort((a, b) => isClosing(a) - isClosing(b))) {
    list = meeting(list, expectation, { family, policies });
    await breathe();
  }
  return list.length === rules.length && list.every((rule, at) => rule === rules[at]) ? rules : list;
}

function meeting(
  rules: readonly Rule[],
  { service, direction, want, scopes }: Expectation,
  base: Pick<Target, 'family' | 'policies'>,
): readonly Rule[] {
  if (want === 'keep') return rules;
  const target = (scope: Scope): Target => ({ ...base, service, direction, scope });
  const everywhere = target(ANY_SCOPE);
  if (want === 'closed') return withoutRulesOf(rules, everywhere);
  const limited = scopes.some((scope) => scope !== ANY_SCOPE && (scope.interface !== '' || scope.from !== ''));
  // Open for some only: what let the others in goes first.
  const narrowed = limited ? rules.filter((rule) => !letsOthersIn(rule, service, direction, scopes)) : rules;
  return scopes
    .filter((scope) => scopeFits(scope, base.family))
    .reduce<readonly Rule[]>((list, scope) => opened(list, target(scope), 'allow'), narrowed);
}

function letsOthersIn(rule: Rule, service: Service, direction: Direction, scopes: readonly Scope[]): boolean {
  if (rule.action === 'deny' || rule.action === 'reject' || !about(service, direction)(rule)) return false;
  const on = direction === 'in' ? rule.interfaceIn : rule.interfaceOut;
  const remote = isForAnyone(rule) ? '' : remoteOf(rule);
  return !scopes.some((scope) => scope.interface === on && scope.from === remote);
}

/**
 * @throws FirewallError UNKNOWN_SERVICE, INVALID_INPUT, INTERNAL_SERVICE, LOCKOUT, WOULD_OPEN
 */
export async function planToggle(snapshot: Snapshot, registry: Registry, request: ResolvedToggle): Promise<Plan> {
  const { service, action, directions, scope } = request;
  const families = snapshot.families.filter((family) => scopeFits(scope, family));
  if (families.length === 0) throw invalid(say`from: ${scope.from} is an IPv6 address, and IPv6 is off in ufw.`);
  const rules: RuleLists = { ...snapshot.rules };
  const { policies } = snapshot.settings;
  for (const family of families) {
    for (const direction of directions) {
      const target: Target = { family, service, direction, scope, policies };
      const list = rules[family] ?? [];
      rules[family] =
        action === 'close' ? closed(list, target) : opened(list, target, action === 'limit' ? 'limit' : 'allow');
      await breathe();
    }
  }
  const { enabled } = snapshot.settings;
  const plan = { rules, policies, enabled, warnings: warningsOf(snapshot, rules, request) };
  return guarded(snapshot, refuseInternal(plan, snapshot, request), registry, request);
}

/** A toggle request with everything decided that depends on the state it was made in. */
export interface ResolvedToggle extends Pick<ToggleServiceRequest, 'force' | 'onlyTighten' | 'systemService'> {
  service: Service;
  action: 'open' | 'close' | 'limit';
  directions: readonly Direction[];
  scope: Scope;
  /** What was taken otherwise than it was said, in sentences. */
  notes: readonly string[];
}

/** Finds the service and decides what `toggle` means now: open what is closed, close what is open even in part. */
export function resolveToggle(snapshot: Snapshot, registry: Registry, request: ToggleServiceRequest): ResolvedToggle {
  const service = serviceNamed(registry, request.service);
  const directions =
    request.direction === undefined
      ? service.directions
      : request.direction === 'both'
        ? DIRECTIONS
        : [request.direction];
  if (OWN_INTERFACES.some((own) => isNamedBy(own, request.interface))) {
    throw invalid(say`interface: ${request.interface} is the device's own; rules about it must stay as they are.`);
  }
  const from = request.from && normalAddress(request.from);
  const scope: Scope = { interface: request.interface, from };
  const notes = from && hasHostBits(request.from) ? [`from: ${request.from} was taken as ${from}.`] : [];
  const { force, onlyTighten, systemService } = request;
  const base = { service, directions, scope, notes, force, onlyTighten, systemService };
  if (request.action !== 'toggle') return { ...base, action: request.action };
  const states = snapshot.families
    .filter((family) => scopeFits(scope, family))
    .flatMap((family) =>
      directions.map((direction) => {
        const chain = chainFor(snapshot.rules[family] ?? [], snapshot.settings.policies, direction);
        return opennessOf(
          service.opens.map((spec) => regionOf(family, direction, spec, scope)),
          chain,
        );
      }),
    );
  return { ...base, action: combined(states) === 'closed' ? 'open' : 'close' };
}

/** The vendor's page warns against touching internal ports, and says that DHCP cannot be closed. */
function refuseInternal(plan: Plan, snapshot: Snapshot, { service, action, force }: ResolvedToggle): Plan {
  if (service.id === 'dhcp' && action === 'close')
    throw invalid(say`service: ${service.label}. ${service.consequence}`);
  if (!service.internal || force) return plan;
  const adds = snapshot.families.some((family) =>
    (plan.rules[family] ?? []).some((rule) => !(snapshot.rules[family] ?? []).includes(rule)),
  );
  if (!adds) return plan;
  throw new FirewallError('INTERNAL_SERVICE', {
    what: say`${service.label} is used only inside the device and must get no rule: ${service.consequence}`,
    remedy: say`Use force if you know better.`,
  });
}

function warningsOf(
  snapshot: Snapshot,
  rules: RuleLists,
  { service, action, directions, notes }: ResolvedToggle,
): string[] {
  const warnings: string[] = [...notes];
  const abouts = directions.map((direction) => about(service, direction));
  const blocks =
    action === 'close'
      ? []
      : FAMILIES.flatMap((family) => rules[family] ?? []).filter(
          (rule) =>
            abouts.some((isAbout) => isAbout(rule)) &&
            !isForAnyone(rule) &&
            (rule.action === 'deny' || rule.action === 'reject'),
        );
  const addresses = [...new Set(blocks.map(remoteOf))];
  if (addresses.length > 0) warnings.push(`Still blocked by rules of their own: ${addresses.join(', ')}.`);
  if (action === 'close' && service.id === 'mdns') {
    warnings.push("ufw's own before.rules still accept multicast mDNS (224.0.0.251).");
  }
  if (action === 'close' && service.internal) warnings.push(service.consequence);
  if (!snapshot.settings.enabled) warnings.push('The firewall is off: the rules are stored, but nothing is filtered.');
  return warnings;
}

/** Whether an interface is the one of that name, or one of those whose names begin so (`eth+`). */
const isNamedBy = (name: string, pattern: string): boolean =>
  pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

const invalid = (what: Sentence): FirewallError => new FirewallError('INVALID_INPUT', { what });
