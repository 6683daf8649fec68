/** Temporary changes: what is planned when a service is to be as it was later, or when a lease ends early. */

import type { Plan } from '../commit/transaction';
import type { UnitChange } from '../host/systemd';
import type { SetProfileRequest } from '../messages';
import type { Registry } from '../services/registry';
import { isEmpty, patchOf, unpatched } from '../state/patch';
import type { Deadline, Lease } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { planProfile, planToggle, type ResolvedToggle } from './set-profile';

/** What is decided about a toggle besides its rules. */
export interface While {
  id: string;
  /** When the service is as it was; null: it stays. */
  deadline: Deadline | null;
  /** The systemd unit that the request itself starts or stops. */
  unit: UnitChange | undefined;
}

/**
 * A toggle that may be temporary. It ends another lease of the same service: what it returns to is
 * what was before both, and the later request says when. A permanent one ends every lease of the service.
 */
export async function planToggleFor(
  snapshot: Snapshot,
  registry: Registry,
  toggle: ResolvedToggle,
  { id, deadline, unit }: While,
): Promise<Plan> {
  const { service, directions, scope } = toggle;
  const key = [service.id, directions.join('+'), scope.interface, scope.from].join(' ');
  const isEverywhere = scope.interface === '' && scope.from === '';
  const { base, ended, leases } = without(
    snapshot,
    (lease) => lease.key === key || (isEverywhere && deadline === null && lease.key.startsWith(`${service.id} `)),
  );
  const plan = await planToggle(base, registry, toggle);
  const patch = deadline === null ? {} : patchOf(base.rules, plan.rules);
  // What an earlier lease had started or stopped is part of what this one returns to.
  const earlier = ended.map(({ end }) => end.unit).find((one) => one !== undefined);
  const back = earlier && { ...earlier, from: earlier.to, to: earlier.from };
  const whole = unit ? { ...unit, from: earlier?.from ?? unit.from } : toggle.systemService ? earlier : undefined;
  const acts = unit ?? (toggle.systemService ? undefined : back);
  const isLeased = deadline !== null && !(isEmpty(patch) && whole === undefined);
  const lease: Lease[] = isLeased
    ? [{ id, service: service.id, key, deadline, end: { kind: 'undo', patch, ...(whole ? { unit: whole } : {}) } }]
    : [];
  return {
    ...plan,
    ...(acts ? { unit: acts } : {}),
    ...(ended.length + lease.length > 0 ? { schedule: { ...snapshot.schedule, leases: [...leases, ...lease] } } : {}),
  };
}

/** A profile says what every service is to be, so no service waits for being as it was. */
export async function planProfileNow(
  snapshot: Snapshot,
  registry: Registry,
  request: SetProfileRequest,
): Promise<Plan> {
  const { base, ended, leases } = without(snapshot, () => true);
  const plan = await planProfile(base, registry, request);
  if (ended.length === 0) return plan;
  const services = ended.map(({ service }) => service).join(', ');
  return {
    ...plan,
    schedule: { ...snapshot.schedule, leases },
    warnings: [...plan.warnings, `The profile ended temporary openings or closings: ${services}.`],
  };
}

type ToggleLease = Lease & { end: { kind: 'undo' } };

/** The snapshot as it would be if some toggles had not been, and the leases that are left. */
function without(
  snapshot: Snapshot,
  isOver: (lease: Lease) => boolean,
): { base: Snapshot; ended: readonly ToggleLease[]; leases: readonly Lease[] } {
  const { leases } = snapshot.schedule;
  const ended = leases.filter((lease): lease is ToggleLease => lease.end.kind === 'undo' && isOver(lease));
  if (ended.length === 0) return { base: snapshot, ended, leases };
  const rules = ended.reduce((lists, { end }) => unpatched(lists, end.patch), snapshot.rules);
  return {
    base: { ...snapshot, rules },
    ended,
    leases: leases.filter((lease) => !ended.includes(lease as ToggleLease)),
  };
}
