/** The operator's request that was carried out last. It is never forgotten, whatever is taken back. */
import type { Order } from '../messages';

export interface LastRequest {
  id: string;
  /** ISO 8601, UTC, by the operator's clock. */
  issued: string;
  /** The change that carried it out, or that it confirmed. */
  change: string;
  /** That change has been undone since. */
  undone?: boolean | undefined;
}

/** What is remembered of a request that the change with this id carries out. */
export const remembered = ({ id, issued }: Order, change: string): LastRequest => ({ id, issued, change });

/** What is remembered once the change with this id was undone: it was carried out, and is no longer in effect. */
export const withoutEffect = (last: LastRequest | null, change: string): LastRequest | null =>
  last?.change === change ? { ...last, undone: true } : last;
