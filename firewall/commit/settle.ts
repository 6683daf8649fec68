/** Does what has come due: ends leases. */
import type { Settings } from '../messages';
import { planWithoutOldPorts } from '../plan/web';
import { type Lease, readClock, secondsLeft } from './schedule';
import { readSchedule, type Snapshot } from './snapshot';
import { type Intent, type Plan, transact } from './transaction';

/** The key of the one lease about the web ports. */
export const WEB_LEASE = 'web';

/**
 * Ends every lease whose time has come. One that cannot end now stays for the next time, and does not keep the request
 * that follows from being made: it may be a lockdown.
 * @returns warnings for the next result.
 */
export async function settle(settings: Settings): Promise<string[]> {
  const clock = await readClock();
  return endLeases(settings, ({ deadline }) => secondsLeft(deadline, clock) <= 0).then(
    () => [],
    (error: Error) => [`A lease that is over could not end: ${error.message}`],
  );
}

/** Ends the leases for which `isOver` holds, each in a transaction of its own. */
export async function endLeases(settings: Settings, isOver: (lease: Lease) => boolean): Promise<void> {
  const { leases } = await readSchedule(settings);
  for (const lease of leases.filter(isOver)) {
    const plan: Intent['plan'] = (snapshot) => ({
      ...endOf(snapshot, lease),
      schedule: { ...snapshot.schedule, leases: snapshot.schedule.leases.filter(({ id }) => id !== lease.id) },
    });
    await transact(settings, { action: `end of lease: ${lease.service}`, plan }, false);
  }
}

const endOf = (snapshot: Snapshot, { end }: Lease): Plan => planWithoutOldPorts(snapshot, end.change);
