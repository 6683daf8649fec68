/** What a standing schedule leads to: its services opened or closed, or its profile applied. Pure. */
import { FirewallError, say } from '../errors';
import { check, type Settings, setProfileRequest, toggleServiceRequest } from '../messages';
import { overlaps, type Registry, serviceNamed } from '../services/registry';
import type { Clock } from '../state/clock';
import { type Plan, unchanged } from '../state/plan';
import { registryFor } from '../state/registry-for';
import type { Schedule } from '../state/schedule';
import { type Snapshot, withWanted } from '../state/snapshot';
import {
  anew,
  type Circumstances,
  circumstancesOf,
  isLeased,
  isOverridden,
  isPlainlyWrong,
  isToBeMade,
  type Saying,
  type Standing,
  sayingOf,
} from '../state/standing';
import { planProfile } from './set-profile';
import { planToggles, resolveToggles } from './toggle-service';

/**
 * The state of its hours, or that of all other times.
 * @param id of the change that makes it so
 * @throws FirewallError UNKNOWN_SERVICE, UNKNOWN_PROFILE, INTERNAL_SERVICE, INVALID_INPUT
 */
export async function planStanding(
  snapshot: Snapshot,
  registry: Registry,
  { id: own, subject }: Pick<Standing, 'id' | 'subject'>,
  open: boolean,
  id: string,
): Promise<Plan> {
  if (subject.kind === 'profile') {
    const profile = open ? subject.profile : subject.otherwise;
    const plan = await planProfile(snapshot, registry, check(setProfileRequest, { profile }));
    const schedule = plan.schedule ?? snapshot.schedule;
    const wanted = { profile, optionalServices: 'keep' as const, by: own };
    // It says what every service is to be; those of schedules are as these say.
    return { ...plan, schedule: { ...schedule, wanted, standings: anew(schedule.standings) } };
  }
  const { services: service, direction, interface: on, from } = subject;
  const action = open ? 'open' : 'close';
  const request = check(toggleServiceRequest, { service, action, direction, interface: on, from });
  return planToggles(snapshot, resolveToggles(snapshot, registry, request), { id, deadline: null, unit: undefined });
}

/** The plan with what is known once it is made. A time that may be wrong is not remembered as one that was seen. */
export function withDone(plan: Plan, { schedule }: Snapshot, id: string, { open, by }: Saying, clock: Clock): Plan {
  const now = plan.schedule ?? schedule;
  const { boot, wall } = clock;
  const isWrong = by === 'clock' || isPlainlyWrong(clock, schedule.seen);
  return {
    ...plan,
    schedule: {
      ...now,
      standings: now.standings.map((one) => (one.id === id ? doneWith(one, open, clock) : one)),
      seen: isWrong ? schedule.seen : { boot, wall },
    },
  };
}

/** What a schedule says, if the firewall has to be made so now; null where it has not. */
export function dueStanding(
  schedule: Schedule,
  id: string,
  { clock, zone }: Pick<Circumstances, 'clock' | 'zone'>,
): { one: Standing; saying: Saying } | null {
  const one = schedule.standings.find((standing) => standing.id === id);
  // A change that waits to be confirmed holds it up.
  if (!one || schedule.pending || isLeased(one, schedule.leases)) return null;
  const saying = sayingOf(one, circumstancesOf(schedule, clock, zone));
  // A lockdown has closed everything in its boot; in another one somebody may have opened something before.
  const isClosed = saying.by === 'lockdown' && (one.subject.kind === 'profile' || one.done?.boot === clock.boot);
  return !isClosed && isToBeMade(one, saying, clock) ? { one, saying } : null;
}

/** The change that makes a schedule true; nothing where it is so already. */
export async function planDue(
  snapshot: Snapshot,
  settings: Settings,
  id: string,
  change: string,
  now: Pick<Circumstances, 'clock' | 'zone'>,
): Promise<Plan> {
  const due = dueStanding(snapshot.schedule, id, now);
  if (!due) return unchanged(snapshot);
  const plan = await planStanding(snapshot, registryFor(settings, snapshot), due.one, due.saying.open, change);
  return withDone(plan, snapshot, id, due.saying, now.clock);
}

/** The ids of all schedules: a profile says what every service is to be, so the services come after it. */
export const inOrder = ({ standings }: Schedule): string[] =>
  [...standings]
    .sort((a, b) => Number(a.subject.kind === 'services') - Number(b.subject.kind === 'services'))
    .map(({ id }) => id);

/** What refuses a schedule for good, so that it is not tried again before its next edge. */
export const REFUSALS: ReadonlySet<unknown> = new Set([
  ...['LOCKOUT', 'INVALID_INPUT', 'UNKNOWN_SERVICE', 'UNKNOWN_PROFILE', 'INTERNAL_SERVICE'],
]);

/** The schedule once what one says was refused. */
export const withRefused = (schedule: Schedule, id: string, open: boolean, clock: Clock): Schedule => ({
  ...schedule,
  standings: schedule.standings.map((one) => (one.id === id ? doneWith(one, open, clock) : one)),
});

/** A schedule that was made true, or refused; without an override that is over. */
const doneWith = (one: Standing, open: boolean, clock: Clock): Standing => ({
  ...one,
  done: { open, boot: clock.boot },
  override: isOverridden(one, clock) ? one.override : null,
});

/**
 * A plan that leaves the services of schedules as those say: of a profile that somebody applies. What a schedule cannot do
 * then is reported when it is made true.
 */
export async function withStandings(
  settings: Settings,
  base: Snapshot,
  plan: Plan,
  change: string,
  { clock, zone }: Pick<Circumstances, 'clock' | 'zone'>,
): Promise<Plan> {
  let made: Plan = plan;
  for (const { id, subject } of base.schedule.standings) {
    if (subject.kind === 'profile') continue;
    const snapshot = await withWanted(base, made);
    const now = snapshot.schedule.standings.find((one) => one.id === id);
    if (!now || isLeased(now, snapshot.schedule.leases)) continue;
    // By this profile, a lockdown is over.
    const saying = sayingOf(now, { ...circumstancesOf(snapshot.schedule, clock, zone), lockdown: null });
    try {
      const registry = registryFor({ ...settings, ...now.settings }, snapshot);
      const next = await planStanding(snapshot, registry, now, saying.open, change);
      const done = withDone(next, snapshot, id, saying, clock);
      made = { ...made, rules: done.rules, ...(done.schedule ? { schedule: done.schedule } : {}) };
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
    }
  }
  return made;
}

/**
 * Refuses a schedule that would take turns with another one.
 * @throws FirewallError INVALID_INPUT, naming both; UNKNOWN_SERVICE
 */
export function refuseRivals(asked: Standing, others: readonly Standing[], registry: Registry): void {
  const rival = others.find((other) => other.id !== asked.id && areRivals(asked, other, registry));
  if (!rival) return;
  throw new FirewallError('INVALID_INPUT', {
    what: say`subject: ${titleOf(asked)} and ${titleOf(rival)} are schedules for the same thing.`,
    remedy: say`Remove one of the two, or merge their hours.`,
  });
}

/** In characters: all schedules of a device are read with each request. */
const MOST_TEXT = 500_000;

/** @throws FirewallError INVALID_INPUT */
export function refuseTooManyStandings(standings: readonly Standing[]): void {
  if (JSON.stringify(standings).length <= MOST_TEXT) return;
  throw new FirewallError('INVALID_INPUT', {
    what: say`calendar: all schedules of the device together are too large.`,
    remedy: say`Use fewer schedules, or fewer exceptions.`,
  });
}

export const titleOf = ({ id, name }: Pick<Standing, 'id' | 'name'>): string => (name === '' ? id : `${name} (${id})`);

function areRivals({ subject: a }: Standing, { subject: b }: Standing, registry: Registry): boolean {
  if (a.kind === 'profile' || b.kind === 'profile') return a.kind === b.kind;
  // Limited to different interfaces or addresses they are about different packets, most likely.
  const areApart = (one: string, other: string): boolean => one !== '' && other !== '' && one !== other;
  if (areApart(a.interface, b.interface) || areApart(a.from, b.from)) return false;
  const isBoth = (direction: string | undefined): boolean => direction === undefined || direction === 'both';
  if (!isBoth(a.direction) && !isBoth(b.direction) && a.direction !== b.direction) return false;
  const portsOf = (services: readonly string[]): string[] =>
    services.flatMap((service) => serviceNamed(registry, service).opens);
  const [ports, others] = [portsOf(a.services), portsOf(b.services)];
  return ports.some((one) => others.some((other) => overlaps(one, other)));
}
