/**
 * The lockdown that was made last. It overrules what was requested before it, wherever that waits: in this process, whose
 * queue is quicker to know (queue.ts), or in another one. It is never forgotten, whatever is taken back.
 */
import * as z from 'zod/mini';
import { changeId } from './change-id';

export const lastLockdown = z.object({
  /** The change that made it, or that found nothing to do. */
  id: changeId,
  /** The boot in which it was requested, and when; ms of the machine's own clock, see `precisely` in monotonic.ts. */
  boot: z.string(),
  since: z.number(),
});
export type LastLockdown = z.infer<typeof lastLockdown>;

/** Whether it overrules a change that was requested at that moment of this boot; undefined where nobody knows when. */
export const overrules = (last: LastLockdown | null, since: number | undefined, boot: string): boolean =>
  last !== null && since !== undefined && last.boot === boot && since < last.since;
