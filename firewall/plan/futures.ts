/** What a state leads to by itself: each lease ends, and an unconfirmed change is taken back, whenever that is. */
import type { Checkpoint } from '../state/checkpoint';
import type { Lease } from '../state/schedule';
import { type Snapshot, withWanted } from '../state/snapshot';
import { planLeaseEnd } from './lease-end';
import { planUndo } from './restore';

export interface Future {
  snapshot: Snapshot;
  /** The leases that have ended by then, in order. */
  ended: readonly Lease[];
  /** The change has been reverted by then, because nobody confirmed it. */
  isReverted: boolean;
}

/**
 * The state itself, and all that follow from it.
 * @param checkpoint of the change that leads to the state
 */
export async function futuresOf(after: Snapshot, checkpoint: Checkpoint): Promise<Future[]> {
  const futures: Future[] = [];
  const follow = async (future: Future): Promise<void> => {
    futures.push(future);
    const { leases, pending } = future.snapshot.schedule;
    const [soonest] = [...leases].sort((a, b) => a.deadline.at - b.deadline.at);
    // While the change is pending no lease ends that lasts longer than it may wait: by then it is confirmed or reverted.
    const isPending = pending?.id === checkpoint.id;
    if (soonest && (!isPending || soonest.deadline.at <= pending.deadline.at)) {
      const snapshot = await withWanted(future.snapshot, planLeaseEnd(future.snapshot, soonest));
      await follow({ ...future, snapshot, ended: [...future.ended, soonest] });
    }
    if (!isPending) return;
    // At its deadline, or at a boot before.
    const reverted = await withWanted(future.snapshot, await planUndo(future.snapshot, checkpoint));
    await follow({ ...future, snapshot: reverted, isReverted: true });
    const confirmed = { ...future.snapshot, schedule: { ...future.snapshot.schedule, pending: null } };
    if (soonest) await follow({ ...future, snapshot: confirmed });
  };
  await follow({ snapshot: after, ended: [], isReverted: false });
  return futures;
}

/**
 * What the state before a change would have led to by itself no later than the future comes: where each lease that has ended
 * by then was begun by the change, and only lasts longer than the one it replaced. Null where it is another future.
 * @param id of the change
 */
export async function postponed(before: Snapshot, { ended, isReverted }: Future, id: string): Promise<Snapshot | null> {
  if (isReverted || ended.length === 0) return null;
  let snapshot = before;
  for (const lease of ended) {
    const old = snapshot.schedule.leases.find(({ key }) => key === lease.key);
    if (!old || lease.id !== id || old.deadline.at > lease.deadline.at) return null;
    snapshot = await withWanted(snapshot, planLeaseEnd(snapshot, old));
  }
  return snapshot;
}
