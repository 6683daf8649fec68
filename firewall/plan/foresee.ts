/** What a change would do, here and now, worked out from all that the engine itself works it out from. Nothing is done. */
import { FirewallError } from '../errors';
import { isSameList } from '../lists';
import type { Call, Settings } from '../messages';
import { type CutOff, cutOff } from '../peers/impact';
import { type KnownPeers, knownOn } from '../peers/known';
import type { ChangeResult, Openness, RuleReport, StillOpen } from '../results';
import { type Registry, registryOf, servicesNamed } from '../services/registry';
import { changedRules } from '../state/changed-rules';
import { type Deadline, deadlineIn } from '../state/clock';
import { rulesetIn } from '../state/kernel';
import type { Outlook } from '../state/outlook';
import type { Plan } from '../state/plan';
import { registryFor } from '../state/registry-for';
import { allRules, policyChanges, ruleReports } from '../state/report';
import { rulesetAfter } from '../state/ruleset-after';
import { changedFiles, type Snapshot, withWanted } from '../state/snapshot';
import { DIRECTIONS, type Direction } from '../verdicts/openness';
import { serviceVerdict } from '../verdicts/service';
import type { Closing } from '../verdicts/still-open';
import { yieldToEventLoop } from '../yield';
import { admit } from './admission';
import { scheduled } from './asked';
import { leftOpen, type OpenToAll, openToAll } from './left-open';
import type { Remaining } from './narrow';
import { closingsOf, planProfileChange, remainingOf } from './profile-change';
import { isOwnRule, wantedBy } from './set-profile';
import { closingsOfToggles, planToggles, type ResolvedToggle, resolveToggles } from './toggle-service';
import { oldPortsFor, planWebChange } from './web-change';

/** A change that can be foreseen: it depends on nothing but ufw's files, the kernel and the site file. */
export type Foreseeable = Call<'setProfile' | 'toggleService' | 'changeWebPorts'>;

export interface Foreseen {
  changed: boolean;
  /** How open each service is, and would be; all that would change, and those that the request names. */
  services: { service: string; direction: Direction; before: Openness; after: Openness }[];
  /** How many are as they were, each in the directions it uses. */
  unchanged: number;
  /** Services that are on other ports then. */
  moved: { service: string; before: readonly string[]; after: readonly string[] }[];
  policies: ChangeResult['policies'];
  added: RuleReport[];
  removed: RuleReport[];
  /** Of the removed ones those that are about no service. */
  ownRules: RuleReport[];
  impact: CutOff[];
  openToAll: OpenToAll[];
  stillOpen: StillOpen[];
}

/** What is different from one kind of request to the other, see requests/. */
interface Way {
  action: string;
  plan(): Plan | Promise<Plan>;
  bounded?: 'service' | 'profile';
  wanted?: ReturnType<typeof wantedBy>;
  closings?(after: Snapshot): readonly Closing[];
  remaining?(after: Snapshot): readonly Remaining[];
  /** The services it names. */
  names?: readonly string[];
}

/** No change has this id. */
const ID = '20000101T000000000Z-000000';

/** @throws FirewallError what a dry run would be refused with */
export async function foresee(outlook: Outlook, settings: Settings, call: Foreseeable): Promise<Foreseen> {
  const { snapshot, kernel, formsOf } = outlook;
  const { request } = call;
  const isLockdown = call.method === 'setProfile' && call.request.profile === 'lockdown';
  const registry = registryFor(settings, snapshot);
  const known = knownTo(outlook, settings, registry, isLockdown);
  const way = wayOf(outlook, settings, call, known);
  const deadline = deadlineAfter(request.confirmWithin, outlook);
  const { cutConnections, force, onlyTighten, keepPeers } = request;
  const terms = { id: ID, action: way.action, dryRun: true, deadline, guard: 'systemd', cutConnections } as const;
  const plan = await scheduled(snapshot, await way.plan(), { ...terms, wanted: way.wanted }, async () => null);
  const next = await withWanted(snapshot, plan);
  const files = changedFiles(snapshot, next);
  const kept = (): KnownPeers | null => (keepPeers && !isLockdown ? known : null);
  const applicant = { id: ID, action: way.action, reason: 'requested', before: snapshot, kernel, plan } as const;
  const bounds = { settings, limits: { force, onlyTighten, kept }, bounded: way.bounded };
  await admit({ ...applicant, after: next, files }, bounds, async () => formsOf);
  const [now, then] = [rulesetIn(kernel), await rulesetAfter(kernel, snapshot, next, formsOf)];
  const changed = files.length > 0;
  const rules = changedRules(snapshot.families, next.families);
  const isOwn = isOwnRule(registry);
  const removed = (wanted: (rule: Parameters<typeof isOwn>[0]) => boolean): RuleReport[] =>
    ruleReports(allRules(snapshot), (rule) => rules.removed.has(rule) && wanted(rule));
  const managed = snapshot.families.map(({ family }) => family);
  const later = new Map(registryFor(settings, next).services.map((service) => [service.id, service]));
  const services: Foreseen['services'] = [];
  const moved: Foreseen['moved'] = [];
  let unchanged = 0;
  for (const service of registry.services) {
    const { opens } = later.get(service.id) ?? service;
    if (!isSameList(opens, service.opens)) moved.push({ service: service.id, before: service.opens, after: opens });
    for (const direction of DIRECTIONS) {
      const was = serviceVerdict(now, managed, service, direction).state;
      const will = serviceVerdict(then, managed, { opens }, direction).state;
      const isUsed = service.directions.includes(direction);
      if (was === will && isUsed) unchanged++;
      if (was !== will || (isUsed && way.names?.includes(service.id))) {
        services.push({ service: service.id, direction, before: was, after: will });
      }
    }
    await yieldToEventLoop();
  }
  return {
    ...{ changed, services, unchanged, moved },
    policies: policyChanges(snapshot.settings.policies, next.settings.policies),
    added: ruleReports(allRules(next), (rule) => rules.added.has(rule)),
    removed: removed(() => true),
    ownRules: removed(isOwn),
    impact: known && changed ? await cutOff(known, registry, now, then) : [],
    openToAll: openToAll(then, way.remaining?.(next) ?? []),
    stillOpen: await leftOpen(then, next, way.closings?.(next) ?? []),
  };
}

const deadlineAfter = (seconds: number, { clock }: Outlook): Deadline | null =>
  seconds === 0 ? null : deadlineIn(seconds, clock);

/** Null where what was typed is wrong, which nothing but a lockdown gets past. */
function knownTo(
  { addresses, snapshot }: Outlook,
  settings: Settings,
  registry: Registry,
  isLockdown: boolean,
): KnownPeers | null {
  try {
    return knownOn(addresses, settings, snapshot.learned, registry);
  } catch (error) {
    if (isLockdown && error instanceof FirewallError) return null;
    throw error;
  }
}

function wayOf(outlook: Outlook, settings: Settings, call: Foreseeable, known: KnownPeers | null): Way {
  const { snapshot, kernel, waiting, clock, zone, formsOf } = outlook;
  if (call.method === 'setProfile') {
    const { request } = call;
    const deadline = deadlineAfter(request.duration, outlook);
    const isLockdown = request.profile === 'lockdown';
    const start = { snapshot, kernel, waiting: isLockdown ? waiting : null, known };
    return {
      action: `set-profile ${request.profile}`,
      plan: () => planProfileChange(start, settings, request, { id: ID, deadline, clock, zone }, async () => formsOf),
      ...(isLockdown ? {} : { bounded: 'profile' as const }),
      wanted: wantedBy(request),
      closings: (next) => closingsOf(settings, next, request),
      remaining: (next) => remainingOf(settings, next, request, known),
    };
  }
  if (call.method === 'toggleService') {
    const { request } = call;
    const names = servicesNamed(registryOf(settings, null), request.service).map(({ id }) => id);
    let toggles: readonly ResolvedToggle[] = [];
    return {
      action: `toggle-service ${request.action} ${names.join(', ')}`,
      plan: () => {
        toggles = resolveToggles(snapshot, registryFor(settings, snapshot), request);
        return planToggles(snapshot, toggles, {
          id: ID,
          deadline: deadlineAfter(request.duration, outlook),
          unit: undefined,
        });
      },
      bounded: 'service',
      closings: () => closingsOfToggles(toggles),
      names,
    };
  }
  const { request } = call;
  const deadline = deadlineAfter(oldPortsFor(request), outlook);
  const action = `change-web-ports ${request.mode}`;
  return { action, plan: () => planWebChange(snapshot, settings, request, { id: ID, deadline }) };
}
