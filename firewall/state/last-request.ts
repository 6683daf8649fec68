/** The operator's request that was carried out last. It is never forgotten, whatever is taken back. */
import * as z from 'zod/mini';
import { moment, name, type Order, requestId } from '../messages';
import { changeId } from './change-id';

export const lastRequest = z.object({
  id: requestId,
  /** ISO 8601, UTC, by the operator's clock. */
  issued: moment,
  /** The change that carried it out, or that it confirmed. */
  change: changeId,
  /** That change was taken back since. */
  undone: z.optional(z.boolean()),
  /** The name of the key that had signed it; left out where none had. */
  key: z.optional(name),
});
export type LastRequest = z.infer<typeof lastRequest>;

/** What is remembered of a request that the change with this id carries out. */
export const remembered = ({ id, issued, key }: Order, change: string): LastRequest => ({
  ...{ id, issued, change },
  ...(key === undefined ? {} : { key }),
});

/** What is remembered once the change with this id was undone: it was carried out, and is no longer in effect. */
export const withoutEffect = (last: LastRequest | null, change: string): LastRequest | null =>
  last?.change === change ? { ...last, undone: true } : last;
