/** Applying a profile: the rules and policies it leads to. Pure: a snapshot in, a plan or a refusal out. */

import { isSameList } from '../lists';
import type { SetProfileRequest } from '../messages';
import type { KnownPeers } from '../peers/known';
import type { Policies } from '../results';
import { differingPolicies } from '../rules/policies';
import { type Family, isBlock, type Rule, sameIdentity } from '../rules/rule';
import { about, isForAnyone, isStructural, remoteOf } from '../services/about';
import type { Service } from '../services/catalogue';
import { ANY_SCOPE, type Expectation, type Profile, profileNamed, type Scope } from '../services/profiles';
import { type Registry, singleRuleSpecs } from '../services/registry';
import type { Deadline } from '../state/clock';
import type { FamilyRules } from '../state/family-rules';
import { patchOf } from '../state/patch';
import type { Plan } from '../state/plan';
import { type Lease, PROFILE_LEASE, type WantedProfile } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { DIRECTIONS, type Direction, ruleFor, scopeFits } from '../verdicts/openness';
import type { Closing } from '../verdicts/still-open';
import { yieldToEventLoop } from '../yield';
import { withoutLeases } from './lease';
import { narrowedProfile, narrowedTo } from './narrow';
import { opened, type Target, withoutRulesOf } from './open-close';
import { inserted } from './rule-list';

/** Until when a profile holds, and what becomes of connections then. */
export interface Temporarily {
  id: string;
  deadline: Deadline;
  cutConnections: boolean;
}

/**
 * A profile says what every service is to be, so temporary changes end with it, also an earlier temporary profile: what this
 * one returns to is what was before both.
 * @param known who talks with which service; null where it cannot be told
 * @param blocked what is blocked by rules of its own in the first place, except where the profile opens it by another name
 * @throws FirewallError UNKNOWN_PROFILE, INVALID_INPUT
 */
export async function planProfile(
  snapshot: Snapshot,
  registry: Registry,
  request: SetProfileRequest,
  blocked: readonly Closing[] = [],
  known: KnownPeers | null = null,
  temporarily: Temporarily | null = null,
): Promise<Plan> {
  const { base, ended, leases } = withoutLeases(snapshot, () => true);
  const plan = await underProfile(base, registry, request, blocked, known);
  const lease = temporarily && leaseOf(base, plan, request, temporarily);
  if (ended.length === 0 && !lease) return plan;
  const services = ended.filter(({ key }) => key !== PROFILE_LEASE).map(({ service }) => service);
  return {
    ...plan,
    schedule: { ...snapshot.schedule, leases: lease ? [...leases, lease] : leases },
    warnings: [
      ...plan.warnings,
      ...(services.length > 0 ? [`The profile ended temporary openings or closings: ${services.join(', ')}.`] : []),
    ],
  };
}

/** What is remembered of a request for a profile. */
export const wantedBy = ({ profile, optionalServices, peers }: SetProfileRequest): WantedProfile => ({
  ...{ profile, optionalServices },
  ...(peers ? { peers } : {}),
});

/** What ends a temporary profile; null where it changes nothing. @param base what was before it */
function leaseOf(
  { families, settings, schedule }: Snapshot,
  { rules, policies, enabled }: Plan,
  request: SetProfileRequest,
  { id, deadline, cutConnections }: Temporarily,
): Lease | null {
  const patch = patchOf(families, rules);
  const isSame = differingPolicies(settings.policies, policies).length === 0 && settings.enabled === enabled;
  if (patch.length === 0 && isSame) return null;
  const from = { policies: settings.policies, enabled: settings.enabled, wanted: schedule.wanted };
  const to = { policies, enabled, wanted: wantedBy(request) };
  return {
    ...{ id, service: `profile ${request.profile}`, key: PROFILE_LEASE, deadline, cutConnections },
    end: { kind: 'undo', patch, profile: { from, to } },
  };
}

async function underProfile(
  snapshot: Snapshot,
  registry: Registry,
  request: SetProfileRequest,
  blocked: readonly Closing[],
  known: KnownPeers | null,
): Promise<Plan> {
  const named = profileNamed(registry, request.profile, request.optionalServices);
  const profile = narrowedProfile(named, request, known);
  const policies: Policies = { ...snapshot.settings.policies, ...profile.policies };
  const rules: FamilyRules[] = [];
  for (const { family, rules: old } of snapshot.families) {
    rules.push({ family, rules: await rulesUnder(old, { family, profile, policies, registry, request, blocked }) });
  }
  const warnings = snapshot.settings.enabled
    ? []
    : ['The firewall was off and is now on, and will be on after the next boot.'];
  return { rules, policies, enabled: true, warnings };
}

interface ProfileTask {
  family: Family;
  profile: Profile;
  policies: Policies;
  registry: Registry;
  request: SetProfileRequest;
  blocked: readonly Closing[];
}

async function rulesUnder(rules: readonly Rule[], task: ProfileTask): Promise<readonly Rule[]> {
  const { family, profile, policies, registry, request, blocked } = task;
  const removesOwn = profile.removesOwnRules || request.ownRules === 'remove';
  const isOwn = isOwnRule(registry);
  // Own rules that only block are no danger, unless the user asked for a clean slate.
  const isUnwanted = (rule: Rule): boolean => (request.ownRules === 'remove' || !isBlock(rule)) && isOwn(rule);
  let list: readonly Rule[] = removesOwn ? rules.filter((rule) => !isUnwanted(rule)) : rules;
  for (const { service, direction, scope } of blocked) {
    for (const spec of singleRuleSpecs(service.opens)) {
      list = first(list, ruleFor(family, direction, spec, scope, { action: 'deny' }));
    }
  }
  // What is closed must not close what is opened by another name.
  const isClosing = ({ want }: Expectation): number => (want === 'closed' ? 0 : 1);
  for (const expectation of [...profile.expectations].sort((a, b) => isClosing(a) - isClosing(b))) {
    list = meeting(list, expectation, { family, policies });
    await yieldToEventLoop();
  }
  return isSameList(list, rules) ? rules : list;
}

/** Whether a rule is about no service, nor the device's own interfaces: somebody has made it for something else. */
export function isOwnRule(registry: Registry): (rule: Rule) => boolean {
  const abouts = registry.services.flatMap((service) => DIRECTIONS.map((direction) => about(service, direction)));
  return (rule) => !isStructural(rule) && !abouts.some((isAbout) => isAbout(rule));
}

/** The rule before all others but those about the device's own interfaces, which are not the network's. */
function first(rules: readonly Rule[], rule: Rule): readonly Rule[] {
  const rest = rules.filter((other) => !sameIdentity(other, rule));
  const at = rest.findIndex((other) => !isStructural(other));
  return inserted(rest, rule, at < 0 ? rest.length : at);
}

function meeting(
  rules: readonly Rule[],
  expectation: Expectation,
  base: Pick<Target, 'family' | 'policies'>,
): readonly Rule[] {
  const { service, direction, only } = expectation;
  const list = wantedOf(rules, expectation, base);
  if (!only) return list;
  const narrowed = narrowedTo(list, service, direction, only);
  // What was opened for everybody and is narrowed again has changed nothing.
  return isSameList(narrowed, rules) ? rules : narrowed;
}

function wantedOf(
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
  if (isBlock(rule) || !about(service, direction)(rule)) return false;
  const on = direction === 'in' ? rule.interfaceIn : rule.interfaceOut;
  const remote = isForAnyone(rule) ? '' : remoteOf(rule);
  return !scopes.some((scope) => scope.interface === on && scope.from === remote);
}
