/** The state of the firewall as users see it, from ufw's files, the kernel's tables and the sockets that listen. */

import { rendered, type Sentence } from '../errors';
import { idleServices } from '../peers/idle';
import { fromBytes } from '../printable';
import type {
  ChangeResult,
  Difference,
  News,
  Openness,
  Policies,
  RuleReport,
  ScheduleReport,
  ServiceReport,
  State,
} from '../results';
import { differingPolicies } from '../rules/policies';
import { commentText, type Family, numbered, type Rule } from '../rules/rule';
import { unreadableLines } from '../rules/rule-file';
import { interfaceOf } from '../services/about';
import type { Advisory } from '../services/advisories';
import { ALL_OTHERS, type Service } from '../services/catalogue';
import { ANY_SCOPE, allProfiles, type Expectation, type Profile, profileNamed } from '../services/profiles';
import { partsOf, type Registry } from '../services/registry';
import { DIRECTIONS, type Direction, POLICY_OF } from '../verdicts/openness';
import { otherOwners } from '../verdicts/other-owners';
import { asRead } from '../verdicts/owner';
import { type ServiceVerdict, serviceVerdict } from '../verdicts/service';
import { namedFor, verdictOn } from '../verdicts/verdict';
import { yieldToEventLoop } from '../yield';
import { type Clock, deadlineText } from './clock';
import { findings } from './findings';
import { isActive, type Kernel, policiesInForce, rulesetIn } from './kernel';
import { leftovers } from './leftovers';
import { peersReport } from './peers-report';
import type { Schedule } from './schedule';
import type { Snapshot } from './snapshot';
import type { ListeningSocket } from './socket';
import { circumstancesOf, isLeased, type Standing, sayingOf } from './standing';
import { webProblems } from './web-problems';

const ALLOW_ALL: Policies = { incoming: 'allow', outgoing: 'allow', routed: 'allow' };

export interface Facts {
  snapshot: Snapshot;
  kernel: Kernel;
  /** Whether the kernel holds what ufw's files would load. */
  inSync: boolean;
  /** The sockets that listen on this machine, of any program. */
  sockets: readonly ListeningSocket[];
  registry: Registry;
  /** The sockets nginx listens on. */
  nginx: readonly ListeningSocket[];
  clock: Clock;
  /** The device's time zone. */
  zone: string;
  /** The names of the operators' keys. */
  operatorKeys: readonly string[];
  advisories: readonly Advisory[];
  /** What is missing for deadlines to be met without Node-RED. */
  missing: readonly Sentence[];
  /** The last entry of the ledger; null where there is none. */
  ledger: State['ledger'];
}

/** The whole report, see the contract. */
export async function report(facts: Facts): Promise<State> {
  const { snapshot, kernel, inSync, registry, sockets, nginx, clock, zone, operatorKeys, advisories, missing, ledger } =
    facts;
  const active = isActive(snapshot, kernel);
  const services: ServiceReport[] = [];
  for (const service of registry.services) {
    services.push(serviceReport(service, snapshot, kernel, sockets));
    await yieldToEventLoop();
  }
  const rules = ruleReports(allRules(snapshot));
  await yieldToEventLoop();
  const unreadable: string[] = [];
  for (const { family, file } of snapshot.families) {
    unreadable.push(...unreadableLines(file, family === 'ipv4' ? 'user.rules' : 'user6.rules'));
    await yieldToEventLoop();
  }
  const { pending, leases, lastRequest } = snapshot.schedule;
  const problems = webProblemsIn(snapshot, kernel, nginx);
  const leftBehind = leftovers(snapshot, kernel);
  const isOpen = ({ in: incoming }: ServiceReport): boolean => incoming !== 'closed';
  const state: Omit<State, 'findings' | 'said'> = {
    readAt: new Date().toISOString(),
    active,
    enabledAtBoot: snapshot.settings.enabled,
    ipv6: snapshot.families.some(({ family }) => family === 'ipv6'),
    logging: snapshot.settings.logging,
    policies: active ? policiesInForce(snapshot, kernel) : snapshot.settings.policies,
    profile: profileReport(registry, snapshot, kernel, services, active),
    services,
    rules,
    exposedInternal: services.filter((service) => service.internal && isOpen(service)).map(({ id }) => id),
    openUnused: services.filter((service) => service.listening === false && isOpen(service)).map(({ id }) => id),
    otherOwners: rulesetIn(kernel).flatMap(otherOwners).map(fromBytes),
    unreadable: unreadable.map(fromBytes),
    webPorts: webReport(snapshot, problems),
    pending: pending && {
      ...{ id: pending.id, action: pending.action },
      confirmBy: deadlineText(pending.deadline, clock),
    },
    leases: leases.map(({ service, deadline }) => ({
      service,
      until: deadlineText(deadline, clock),
    })),
    schedules: scheduleReports(snapshot.schedule, services, clock, zone),
    ...peersReport(snapshot.learned, registry, clock),
    lastRequest: lastRequest && {
      ...{ id: lastRequest.id, issued: lastRequest.issued },
      ...{ undone: lastRequest.undone === true, key: lastRequest.key ?? null },
    },
    operatorKeys: [...operatorKeys],
    leftovers: leftBehind.map((one) => rendered(one)),
    ledger,
    inSync,
  };
  const drift = driftOf(registry, snapshot, state);
  await yieldToEventLoop();
  const idle = idleServices(snapshot.learned, registry, clock.wall);
  const found = findings({ snapshot, kernel, registry, advisories, state, drift, missing, idle });
  return {
    findings: found.map((one) => ({ ...one, text: rendered(one.text), remedy: rendered(one.remedy) })),
    ...state,
    said: [...found.flatMap(({ text, remedy }) => [text, remedy]), ...problems, ...leftBehind],
  };
}

function scheduleReports(
  schedule: Schedule,
  services: readonly ServiceReport[],
  clock: Clock,
  zone: string,
): ScheduleReport[] {
  const circumstances = circumstancesOf(schedule, clock, zone);
  const moment = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return schedule.standings.map((one) => {
    const { id, name, subject } = one;
    const { open, by, until, next } = sayingOf(one, circumstances);
    const held = heldBack(one, schedule);
    const isProfile = subject.kind === 'profile';
    return {
      ...{ id, name, services: isProfile ? null : subject.services },
      profile: isProfile ? (open ? subject.profile : subject.otherwise) : null,
      open: held && !isProfile ? isOpenNow(subject.services, services) : open,
      ...{ by: held ?? by, until: moment(held ? null : until), next: moment(next) },
    };
  });
}

/** By what a schedule is kept from being made true. */
function heldBack(one: Standing, { pending, leases }: Schedule): 'pending' | 'lease' | null {
  if (isLeased(one, leases)) return 'lease';
  return pending ? 'pending' : null;
}

const isOpenNow = (ids: readonly string[], services: readonly ServiceReport[]): boolean =>
  services.some((service) => ids.includes(service.id) && (service.in !== 'closed' || service.out !== 'closed'));

function webReport({ web }: Snapshot, problems: readonly Sentence[]): State['webPorts'] {
  if (!web) return null;
  const { http, https, redirectsTo } = web.ports;
  const consistent = problems.length === 0;
  return { http, https, redirectsTo, consistent, problems: problems.map((one) => rendered(one)) };
}

function webProblemsIn(snapshot: Snapshot, kernel: Kernel, nginx: readonly ListeningSocket[]): Sentence[] {
  const letsIn = (port: number): boolean =>
    rulesetIn(kernel).some(
      (rules) => verdictOn(rules, { direction: 'in', ports: [`${port}/tcp`], scope: ANY_SCOPE }).most !== 'closed',
    );
  return webProblems(snapshot, letsIn, new Set(nginx.map(({ port }) => port)));
}

/** The rules of both families in the order `ufw status numbered` counts them. */
export const allRules = ({ families }: Snapshot): Rule[] => families.flatMap(({ rules }) => rules);

/** Rules as rows of `ufw status numbered`; of a long list perhaps only those that are `wanted`. */
export function ruleReports(rules: readonly Rule[], wanted: (rule: Rule) => boolean = () => true): RuleReport[] {
  const numbers = numbered(rules);
  return rules.flatMap((rule, at) => (wanted(rule) ? [ruleReport(rule, numbers[at] ?? at + 1)] : []));
}

function ruleReport(rule: Rule, number: number): RuleReport {
  return {
    number,
    action: rule.action,
    direction: rule.routed ? 'routed' : rule.direction,
    protocol: rule.protocol,
    to: { address: rule.dst, port: rule.dport, app: rule.dapp || null },
    from: { address: rule.src, port: rule.sport, app: rule.sapp || null },
    interface: rule.routed ? routedInterfaces(rule) : interfaceOf(rule) || null,
    log: rule.log || null,
    family: rule.family,
    comment: commentText(rule),
  };
}

const routedInterfaces = ({ interfaceIn, interfaceOut }: Rule): string | null =>
  interfaceIn || interfaceOut ? `${interfaceIn}>${interfaceOut}` : null;

function serviceReport(
  service: Service,
  snapshot: Snapshot,
  kernel: Kernel,
  sockets: readonly ListeningSocket[],
): ServiceReport {
  const managed = snapshot.families.map(({ family }) => family);
  const verdict = (direction: Direction) => serviceVerdict(rulesetIn(kernel), managed, service, direction);
  const [into, out] = [verdict('in'), verdict('out')];
  const named = kernel.map(({ ruleset }) => namedFor(ruleset, service.opens));
  const families = managed.map((family) => ({
    family,
    in: stateIn(into, family),
    out: stateIn(out, family),
  }));
  return {
    id: service.id,
    label: service.label,
    ports: [...service.opens],
    in: into.state,
    out: out.state,
    families,
    decidedBy: { in: into.decidedBy.map(asRead), out: out.decidedBy.map(asRead) },
    undecided: [...(into.isCertain ? [] : (['in'] as const)), ...(out.isCertain ? [] : (['out'] as const))],
    interfaces: [...new Set(named.flatMap(({ interfaces }) => interfaces))],
    // No address is of two families.
    sources: named.flatMap(({ sources }) => sources),
    optional: service.optional,
    internal: service.internal,
    listening: service.directions.includes('in') ? isListening(service, sockets) : null,
    consequence: rendered(service.consequence),
    risk: rendered(service.risk),
  };
}

const stateIn = ({ families }: ServiceVerdict, family: Family): Openness =>
  families.find((one) => one.family === family)?.state ?? 'closed';

/** Whether something other than loopback is listened on. */
function isListening({ opens }: Service, sockets: readonly ListeningSocket[]): boolean {
  return sockets.some(
    ({ port, protocol, address }) =>
      !address.startsWith('127.') &&
      address !== '::1' &&
      opens
        .map(partsOf)
        .some(
          (spec) => port >= spec.first && port <= spec.last && (spec.protocol === 'any' || spec.protocol === protocol),
        ),
  );
}

function profileReport(
  registry: Registry,
  snapshot: Snapshot,
  kernel: Kernel,
  services: readonly ServiceReport[],
  active: boolean,
): State['profile'] {
  const states = new Map(services.map((service) => [service.id, service]));
  const policies = active ? policiesInForce(snapshot, kernel) : ALLOW_ALL;
  const compared = allProfiles(registry).map((profile) => ({
    name: profile.name,
    differences: differencesTo(profile, policies, states),
  }));
  const closest = compared.reduce((best, next) => (next.differences.length < best.differences.length ? next : best));
  return {
    name: closest.differences.length === 0 ? closest.name : null,
    closest: closest.name,
    differences: closest.differences,
  };
}

/** How the profile that was set last is kept; null where none was, or where the device no longer has it. */
export function driftOf(
  registry: Registry,
  { schedule }: Snapshot,
  state: Pick<State, 'services' | 'active' | 'policies'>,
): News['drift'] {
  const { wanted } = schedule;
  if (!wanted || !allProfiles(registry).some(({ name }) => name === wanted.profile)) return null;
  const named = profileNamed(registry, wanted.profile, wanted.optionalServices);
  const mayBeLess = ({ want, mayBeLess: may }: Expectation): boolean =>
    may === true || (wanted.peers === true && want === 'open');
  const expectations = named.expectations.map((one) => (mayBeLess(one) ? { ...one, mayBeLess: true } : one));
  const profile = { ...named, expectations };
  const states = new Map(state.services.map((service) => [service.id, service]));
  const policies = state.active ? state.policies : ALLOW_ALL;
  return { profile: wanted.profile, differences: differencesTo(profile, policies, states) };
}

/** Which default policies differ. */
export function policyChanges(from: Policies, to: Policies): ChangeResult['policies'] {
  return Object.fromEntries(differingPolicies(from, to).map((key) => [key, { from: from[key], to: to[key] }]));
}

function differencesTo(profile: Profile, policies: Policies, states: ReadonlyMap<string, ServiceReport>): Difference[] {
  const byPolicy = DIRECTIONS.map((direction): Difference => {
    const key = POLICY_OF[direction];
    const asOpenness = (policy: string): Openness => (policy === 'allow' ? 'open' : 'closed');
    return {
      service: ALL_OTHERS,
      direction,
      expected: asOpenness(profile.policies[key]),
      actual: asOpenness(policies[key]),
    };
  });
  const byService = profile.expectations.flatMap(({ service, direction, want, scopes, mayBeLess }): Difference[] => {
    const state = states.get(service.id);
    if (want === 'keep' || mayBeLess || !state) return [];
    const limited = scopes.some((scope) => scope.interface !== '' || scope.from !== '');
    const expected = want === 'closed' ? 'closed' : limited ? 'partial' : 'open';
    return [{ service: service.id, direction, expected, actual: state[direction] }];
  });
  return [...byPolicy, ...byService].filter(({ expected, actual }) => expected !== actual);
}
