/** Opening and closing a service, permanently or temporarily. Pure: a snapshot in, a plan or a refusal out. */

import { FirewallError, rendered, type Sentence, say } from '../errors';
import { isSameList } from '../lists';
import type { ToggleServiceRequest } from '../messages';
import type { Policies } from '../results';
import { hasHostBits, normalAddress } from '../rules/address';
import { isBlock } from '../rules/rule';
import { about, isForAnyone, OWN_INTERFACES, remoteOf } from '../services/about';
import { nameOf, type Service } from '../services/catalogue';
import type { Scope } from '../services/profiles';
import { type Registry, servicesNamed } from '../services/registry';
import type { Deadline } from '../state/clock';
import { type FamilyRules, rulesIn } from '../state/family-rules';
import { isSamePatch, type Patch, patchOf } from '../state/patch';
import { type Plan, unchanged } from '../state/plan';
import type { Lease } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { reversed, type UnitChange } from '../state/unit';
import { matches } from '../verdicts/boxes';
import { chainFor, combined, DIRECTIONS, type Direction, opennessOf, regionOf, scopeFits } from '../verdicts/openness';
import type { Closing } from '../verdicts/still-open';
import { yieldToEventLoop } from '../yield';
import { isToggleLease, without, withoutLeases, withRules } from './lease';
import { closed, opened, type Target } from './open-close';

/** What is decided about a toggle besides its rules. */
export interface While {
  id: string;
  /** When the change is over; null: it stays. */
  deadline: Deadline | null;
  /** The systemd unit that the request itself starts or stops. */
  unit: UnitChange | undefined;
}

/**
 * Toggles that are made together: each on top of those before it.
 * @throws FirewallError UNKNOWN_SERVICE, INVALID_INPUT, INTERNAL_SERVICE
 */
export async function planToggles(
  snapshot: Snapshot,
  toggles: readonly ResolvedToggle[],
  { unit, ...made }: While,
): Promise<Plan> {
  let plan = unchanged(snapshot);
  let base = snapshot;
  for (const toggle of toggles) {
    const next = await planToggle(base, toggle, { ...made, unit: toggle.systemService ? unit : undefined });
    plan = {
      ...plan,
      ...next,
      warnings: [...plan.warnings, ...next.warnings.filter((one) => !plan.warnings.includes(one))],
    };
    base = { ...withRules(snapshot, plan.rules), schedule: plan.schedule ?? snapshot.schedule };
  }
  return plan;
}

/**
 * A toggle, permanent or temporary. An earlier lease of the same service is replaced: what this one returns to is what was
 * before both. When another lease ends, what is asked here still holds, as long as it is to last.
 * @throws FirewallError UNKNOWN_SERVICE, INVALID_INPUT, INTERNAL_SERVICE
 */
async function planToggle(snapshot: Snapshot, toggle: ResolvedToggle, { id, deadline, unit }: While): Promise<Plan> {
  const { service, directions, scope } = toggle;
  if (!snapshot.families.some(({ family }) => scopeFits(scope, family)))
    throw invalid(say`from: ${scope.from} is an IPv6 address, but IPv6 is disabled in ufw.`);
  const key = [service.id, directions.join('+'), scope.interface, scope.from].join(' ');
  const isEverywhere = scope.interface === '' && scope.from === '';
  const { base, ended, leases } = withoutLeases(
    snapshot,
    (lease) => lease.key === key || (isEverywhere && deadline === null && lease.key.startsWith(`${service.id} `)),
  );
  const { policies, enabled } = snapshot.settings;
  const rules = await toggled(base.families, policies, toggle);
  const { patch, others, warnings } = await beside(base, rules, leases, toggle, deadline);
  // What an earlier lease had started or stopped is part of what this one goes back to.
  const earlier = ended.map(({ end }) => end.unit).find((one) => one !== undefined);
  const back = earlier && reversed(earlier);
  const whole = unit ? { ...unit, from: earlier?.from ?? unit.from } : toggle.systemService ? earlier : undefined;
  const acts = unit ?? (toggle.systemService ? undefined : back);
  const isLeased = deadline !== null && (patch.length > 0 || whole !== undefined);
  const end = { kind: 'undo' as const, patch, ...(whole ? { unit: whole } : {}) };
  const lease: Lease[] = isLeased
    ? [{ id, service: service.id, key, deadline, end, cutConnections: toggle.cutConnections }]
    : [];
  const next = [...others, ...lease];
  const plan = { rules, policies, enabled, warnings: [...warningsOf(snapshot, rules, toggle), ...warnings] };
  return {
    ...refuseInternal(plan, snapshot, toggle),
    ...(acts ? { unit: acts } : {}),
    ...(isSameList(next, snapshot.schedule.leases) ? {} : { schedule: { ...snapshot.schedule, leases: next } }),
  };
}

/**
 * What a toggle leaves to the leases that run beside it: what each of them goes back to has the toggle in it, where that
 * lasts longer; and what the toggle itself goes back to is what is left by then, or what it is to leave.
 * @param before what is without the toggle, @param after the rules with it
 */
async function beside(
  before: Snapshot,
  after: readonly FamilyRules[],
  leases: readonly Lease[],
  toggle: ResolvedToggle,
  deadline: Deadline | null,
): Promise<{ patch: Patch; others: readonly Lease[]; warnings: string[] }> {
  const isOver = (lease: Lease): boolean => deadline === null || lease.deadline.at <= deadline.at;
  const soonest = [...leases].sort((a, b) => a.deadline.at - b.deadline.at);
  const warnings: string[] = [];
  const others: Lease[] = [];
  let [then, within] = [before, after];
  for (const lease of soonest) {
    if (!isToggleLease(lease) || !isOver(lease)) {
      others.push(lease);
      continue;
    }
    const { end } = lease;
    const next = without(then, end);
    const nextWithin = await toggled(next.families, next.settings.policies, toggle);
    const patch = patchOf(nextWithin, within);
    [then, within] = [next, nextWithin];
    if (isSamePatch(patch, end.patch)) others.push(lease);
    else if (patch.length > 0 || end.unit || end.profile) others.push({ ...lease, end: { ...end, patch } });
    else warnings.push(`The temporary change of ${lease.service} no longer ends by itself: this request decides.`);
  }
  if (deadline === null) return { patch: [], others, warnings };
  const { families, settings } = then;
  const action = ACTION_FOR[toggle.afterwards];
  const left = action ? await toggled(families, settings.policies, { ...toggle, action }) : families;
  return { patch: patchOf(left, within), others, warnings };
}

/** What leaves a service so, whatever it was. */
const ACTION_FOR = { before: null, closed: 'close', open: 'open' } as const;

/** The rules with the service opened or closed. */
async function toggled(
  lists: readonly FamilyRules[],
  policies: Policies,
  { service, action, directions, scope }: ResolvedToggle,
): Promise<FamilyRules[]> {
  const result: FamilyRules[] = [];
  for (const { family, rules } of lists) {
    let list = rules;
    for (const direction of scopeFits(scope, family) ? directions : []) {
      const target: Target = { family, service, direction, scope, policies };
      list = action === 'close' ? closed(list, target) : opened(list, target, action === 'limit' ? 'limit' : 'allow');
      await yieldToEventLoop();
    }
    result.push({ family, rules: list });
  }
  return result;
}

/** A toggle request with everything decided that depends on the state it was made in. */
export interface ResolvedToggle
  extends Pick<ToggleServiceRequest, 'force' | 'systemService' | 'afterwards' | 'cutConnections'> {
  service: Service;
  action: 'open' | 'close' | 'limit';
  directions: readonly Direction[];
  scope: Scope;
  /** What was taken otherwise than it was said, in sentences. */
  notes: readonly string[];
}

/** Finds the services and decides for each what `toggle` means now. @throws FirewallError UNKNOWN_SERVICE, INVALID_INPUT */
export const resolveToggles = (
  snapshot: Snapshot,
  registry: Registry,
  request: ToggleServiceRequest,
): ResolvedToggle[] =>
  servicesNamed(registry, request.service).map((service) => resolveToggle(snapshot, service, request));

/** What they close. */
export const closingsOfToggles = (toggles: readonly ResolvedToggle[]): Closing[] =>
  toggles
    .filter(({ action }) => action === 'close')
    .flatMap(({ service, directions, scope }) => directions.map((direction) => ({ service, direction, scope })));

/** `toggle` opens what is closed, and closes what is open even in part. */
function resolveToggle(snapshot: Snapshot, service: Service, request: ToggleServiceRequest): ResolvedToggle {
  const directions =
    request.direction === undefined
      ? service.directions
      : request.direction === 'both'
        ? DIRECTIONS
        : [request.direction];
  if (OWN_INTERFACES.some((own) => matches(request.interface, own))) {
    throw invalid(say`interface: ${request.interface} is internal to the device; its rules must not be changed.`);
  }
  const from = request.from && normalAddress(request.from);
  const scope: Scope = { interface: request.interface, from };
  const notes = from && hasHostBits(request.from) ? [`from: ${request.from} was taken as ${from}.`] : [];
  const { force, afterwards, cutConnections } = request;
  // Of several services, only the SSH server is started or stopped.
  const systemService = request.systemService && service.id === 'ssh';
  const base = { service, directions, scope, notes, force, systemService, afterwards, cutConnections };
  if (request.action !== 'toggle') return { ...base, action: request.action };
  const states = snapshot.families
    .filter(({ family }) => scopeFits(scope, family))
    .flatMap(({ family, rules }) =>
      directions.map((direction) => {
        const chain = chainFor(rules, snapshot.settings.policies, direction);
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
    throw invalid(say`service: ${nameOf(service)}. ${service.consequence}`);
  if (!service.internal || force) return plan;
  const adds = snapshot.families.some(({ family, rules }) =>
    rulesIn(plan.rules, family).some((rule) => !rules.includes(rule)),
  );
  if (!adds) return plan;
  throw new FirewallError('INTERNAL_SERVICE', {
    what: say`${nameOf(service)} is used only within the device and must not have a rule: ${service.consequence}`,
    remedy: say`Use force if you know better.`,
  });
}

function warningsOf(
  snapshot: Snapshot,
  lists: readonly FamilyRules[],
  { service, action, directions, notes }: ResolvedToggle,
): string[] {
  const warnings: string[] = [...notes];
  const abouts = directions.map((direction) => about(service, direction));
  const blocks =
    action === 'close'
      ? []
      : lists
          .flatMap(({ rules }) => rules)
          .filter((rule) => abouts.some((isAbout) => isAbout(rule)) && !isForAnyone(rule) && isBlock(rule));
  const addresses = [...new Set(blocks.map(remoteOf))];
  if (addresses.length > 0) warnings.push(`Still blocked by separate rules: ${addresses.join(', ')}.`);
  if (action === 'close' && service.id === 'mdns') {
    warnings.push("ufw's own before.rules still accepts multicast mDNS (224.0.0.251).");
  }
  if (action === 'close' && service.internal) warnings.push(rendered(service.consequence));
  if (!snapshot.settings.enabled) warnings.push('The firewall is off: the rules are stored, but nothing is filtered.');
  return warnings;
}

const invalid = (what: Sentence): FirewallError => new FirewallError('INVALID_INPUT', { what });
