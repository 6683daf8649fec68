/**
 * How much requests can make. Whoever may send messages can send many, and each of the rules and leases they make is read,
 * compared and stored with every later change. Nothing is refused that leaves no more than there was.
 */
import { FirewallError, type Sentence, say } from '../errors';
import { isBlock } from '../rules/rule';
import type { FamilyRules } from '../state/family-rules';
import type { Snapshot } from '../state/snapshot';

/** Rules that one request can add, both families together: a vendor profile adds about a hundred. */
const MOST_ADDED = 1000;
/** Rules of both families together, whoever made them, up to which requests can add more … */
const MOST_RULES = 5000;
/** … and up to which they can still add rules that block: whoever opens ports without end must not keep others from closing. */
const MOST_WITH_BLOCKS = 10_000;
/** Temporary changes at a time, … */
const MOST_LEASES = 100;
/** … and with those that close something. */
const MOST_WITH_CLOSING = 120;

interface Counted extends Pick<Snapshot, 'schedule'> {
  families: readonly FamilyRules[];
}

/**
 * @param property what the rules come from: named in the error
 * @throws FirewallError INVALID_INPUT
 */
export function refuseTooMuch(before: Counted, after: Counted, property: 'service' | 'profile'): void {
  const known = new Set(before.families.flatMap(({ rules }) => rules));
  const added = after.families.flatMap(({ rules }) => rules.filter((rule) => !known.has(rule)));
  const onlyBlocks = added.every(isBlock);
  const [was, is] = [count(before.families), count(after.families)];
  if (is > was && is - was > MOST_ADDED) {
    throw tooMuch(
      say`${property}: this would add ${is - was} rules, and no more than ${MOST_ADDED} can be added at once.`,
      say`Use fewer services, or ranges of ports.`,
    );
  }
  const most = onlyBlocks ? MOST_WITH_BLOCKS : MOST_RULES;
  if (is > was && is > most) {
    throw tooMuch(
      say`${property}: there would be ${is} rules, and no more than ${most} are possible.`,
      say`Delete rules that are no longer needed, for example by the profile lockdown.`,
    );
  }
  const [ran, run] = [before.schedule.leases.length, after.schedule.leases.length];
  const mostLeases = onlyBlocks ? MOST_WITH_CLOSING : MOST_LEASES;
  if (run > ran && run > mostLeases) {
    throw tooMuch(
      say`duration: ${ran} temporary changes are in effect, and no more than ${mostLeases} are possible at a time.`,
      say`Wait until one of them ends, or make the change permanent.`,
    );
  }
}

const count = (lists: readonly FamilyRules[]): number => lists.reduce((sum, { rules }) => sum + rules.length, 0);

const tooMuch = (what: Sentence, remedy: Sentence): FirewallError =>
  new FirewallError('INVALID_INPUT', { what, remedy });
