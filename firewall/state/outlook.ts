/**
 * All that the outcome of a change is worked out from: what the engine reads before it plans one, as text, so that it can be
 * worked out elsewhere, too: in the editor, see plan/preview.ts.
 */
import { LEARNED } from '../peers/learned';
import type { InterfaceAddress } from '../peers/samples';
import type { Family } from '../rules/rule';
import type { Checkpoint } from './checkpoint';
import type { Clock } from './clock';
import { type Kernel, type KernelTexts, kernelIn } from './kernel';
import { textFor, understood } from './own-file';
import type { Forms } from './ruleset-after';
import { type Snapshot, snapshotOf } from './snapshot';

export interface Outlook {
  snapshot: Snapshot;
  kernel: Kernel;
  /** What iptables makes of lines of ufw's files. */
  formsOf: (family: Family) => Forms;
  /** The change that waits to be confirmed, or why it cannot be taken back. */
  waiting: Checkpoint | string | null;
  /** The device's own addresses. */
  addresses: readonly InterfaceAddress[];
  clock: Clock;
  /** The device's time zone. */
  zone: string;
}

/** An outlook with the texts that its kernel was read from. */
interface Printed extends Omit<Outlook, 'kernel'> {
  printed: KernelTexts;
}

type Kept = Pick<Outlook, 'waiting' | 'addresses' | 'clock' | 'zone'> &
  Pick<Snapshot, 'sources'> & {
    around: Pick<Snapshot['families'][number], 'family' | 'before' | 'after'>[];
    learned: string | null;
    printed: KernelTexts;
    forms: [Family, [string, readonly string[]][]][];
  };

export function outlookText({ snapshot, printed, formsOf, ...rest }: Printed): string {
  const { sources, families, learned } = snapshot;
  const kept: Kept = {
    ...{ ...rest, sources, printed },
    around: families.map(({ family, before, after }) => ({ family, before, after })),
    learned: learned && textFor(LEARNED, learned),
    forms: printed.saves.map(({ family }) => [family, [...formsOf(family)]]),
  };
  return JSON.stringify(kept);
}

/** @param text of the same version of this package */
export async function outlookIn(text: string): Promise<Outlook> {
  const { sources, printed, around, learned, forms, ...rest }: Kept = JSON.parse(text);
  const formsOf = new Map(forms.map(([family, of]): [Family, Forms] => [family, new Map(of)]));
  return {
    ...rest,
    snapshot: await snapshotOf(sources, around, learned === null ? null : understood(LEARNED, learned).value),
    kernel: kernelIn(printed),
    formsOf: (family) => formsOf.get(family) ?? new Map(),
  };
}
