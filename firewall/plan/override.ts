/** Closing over the rules of others: with rules of ufw's own in front, as far as those decide before the others do. */
import type { StillOpen } from '../results';
import type { Kernel } from '../state/kernel';
import type { Plan } from '../state/plan';
import { rulesetAfter } from '../state/ruleset-after';
import { type Snapshot, withWanted } from '../state/snapshot';
import { type Closing, stillOpen } from '../verdicts/still-open';
import type { FormsOf } from './admission';
import { plannedIn } from './planned-in';

interface Start {
  /** The files that the kernel was read with. */
  before: Snapshot;
  kernel: Kernel;
  /** What the plan is made for. */
  base: Snapshot;
}

/**
 * The plan with a rule for each closing that such a rule helps; the same plan where nothing is left open, or none helps.
 * @param applying makes the plan with some closings blocked by rules of their own
 */
export async function overriding(
  { before, kernel, base }: Start,
  plan: Plan,
  closings: readonly Closing[],
  applying: (blocked: readonly Closing[]) => Promise<Plan>,
  forms: FormsOf,
): Promise<Plan> {
  const openUnder = async (planned: Plan, asked: readonly Closing[]): Promise<Closing[]> => {
    const after = await withWanted(base, planned);
    const open = await stillOpen(await rulesetAfter(kernel, before, after, forms), asked, plannedIn(after));
    return asked.filter((closing) => open.some((one) => isAbout(one, closing)));
  };
  const left = await openUnder(plan, closings);
  if (left.length === 0) return plan;
  const hopeless = new Set(await openUnder(await applying(left), left));
  const helped = left.filter((closing) => !hopeless.has(closing));
  return helped.length === 0 ? plan : applying(helped);
}

const isAbout = (open: StillOpen, { service, direction }: Closing): boolean =>
  open.service === service.id && open.direction === direction;
