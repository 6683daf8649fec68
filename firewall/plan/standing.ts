/** What a standing schedule leads to: its services opened or closed, or its profile applied. Pure. */
import { FirewallError, say } from '../errors';
import { check, setProfileRequest, toggleServiceRequest } from '../messages';
import type { Registry } from '../services/registry';
import { overlaps, serviceNamed } from '../services/registry';
import type { Clock } from '../state/clock';
import type { Plan } from '../state/plan';
import type { Snapshot } from '../state/snapshot';
import { anew, type Standing } from '../state/standing';
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

/** The schedule as it is once a standing schedule was made true. */
export const withDone = (plan: Plan, { schedule }: Snapshot, id: string, open: boolean, clock: Clock): Plan => {
  const now = plan.schedule ?? schedule;
  return {
    ...plan,
    schedule: {
      ...now,
      standings: now.standings.map((one) => (one.id === id ? { ...one, done: { open, boot: clock.boot } } : one)),
      seen: { boot: clock.boot, wall: clock.wall },
    },
  };
};

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
