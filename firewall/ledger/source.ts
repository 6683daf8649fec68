/** Who asked for something. What a caller says of itself is bounded and printable; root's own program says the rest. */
import * as z from 'zod/mini';
import { onOneLine } from '../printable';

const LONGEST_NAME = 100;

/** A name as somebody gave it: cut, never refused, as no request is to fail for what its node is called. */
const label = z.pipe(
  z.string(),
  z.transform((value: string) => onOneLine(value, LONGEST_NAME)),
);

/** A node of a flow: the ids and names of the tab and of the node. */
const flow = z.object({ kind: z.literal('flow'), flow: label, flowName: label, node: label, name: label });
/** An operator of a fleet: the name of the key that had signed the request, or empty, and the request's id. */
const operator = z.object({ kind: z.literal('operator'), name: label, id: label });
/** Somebody at the command line: the user (before `sudo`) and the terminal, each empty where there is none. */
const person = z.object({ kind: z.literal('console'), user: label, tty: label });

/** What a request can say of where it comes from. */
export const claimedSource = z.discriminatedUnion('kind', [flow, operator, person]);

/** `timer`: what comes due by itself; `boot`: the same at a boot; `unknown`: not through this package, as `ufw` by hand. */
export const source = z.discriminatedUnion('kind', [
  ...claimedSource.def.options,
  z.object({ kind: z.literal('timer') }),
  z.object({ kind: z.literal('boot') }),
  z.object({ kind: z.literal('unknown') }),
]);
export type Source = z.infer<typeof source>;

export const SOURCE_KINDS = ['flow', 'operator', 'console', 'timer', 'boot', 'unknown'] as const;

/** Who asked for something, and why, in his words; empty where he did not say. */
export interface By {
  source: Source;
  reason: string;
}

export const BY_TIMER: By = { source: { kind: 'timer' }, reason: '' };
export const BY_BOOT: By = { source: { kind: 'boot' }, reason: '' };
