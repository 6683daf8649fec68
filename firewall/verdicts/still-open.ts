/** What still gets through although a change was to close it, and by whose rule: ufw's own files cannot keep it out. */
import type { StillOpen } from '../results';
import type { Service } from '../services/catalogue';
import type { Scope } from '../services/profiles';
import { yieldToEventLoop } from '../yield';
import type { Direction } from './openness';
import { type DecidedBy, distinct } from './owner';
import type { Ruleset } from './ruleset';
import { verdictOn } from './verdict';

/** What a change is asked to close. */
export interface Closing {
  service: Pick<Service, 'id' | 'opens'>;
  direction: Direction;
  scope: Scope;
}

/**
 * @param isPlanned whether what decides is what the change itself leads to, say where it opens the same port by another name:
 *   that is left out
 */
export async function stillOpen(
  rules: Ruleset,
  closings: readonly Closing[],
  isPlanned: (by: DecidedBy) => boolean,
): Promise<StillOpen[]> {
  const open: StillOpen[] = [];
  for (const { service, direction, scope } of closings) {
    const verdicts = rules.map((of) => verdictOn(of, { direction, ports: service.opens, scope }));
    const by = verdicts.flatMap(({ most, letsIn }) => (most === 'closed' ? [] : letsIn));
    const decidedBy = distinct(by).filter((one) => !isPlanned(one));
    if (decidedBy.length > 0) open.push({ service: service.id, direction, decidedBy });
    await yieldToEventLoop();
  }
  return open;
}

/** In sentences, one per rule: what it lets through, and what to do about it. */
export function stillOpenWarnings(list: readonly StillOpen[]): string[] {
  const deciders = distinct(list.flatMap(({ decidedBy }) => decidedBy));
  return deciders.map((by) => {
    const key = JSON.stringify(by);
    const ways = list.filter(({ decidedBy }) => decidedBy.some((one) => JSON.stringify(one) === key));
    const named = (direction: Direction): string[] =>
      ways.filter((one) => one.direction === direction).map(({ service }) => service);
    const [into, out] = [named('in'), named('out')];
    const what = [
      ...(into.length > 0 ? [`in to ${into.join(', ')}`] : []),
      ...(out.length > 0 ? [`out to ${out.join(', ')}`] : []),
    ].join(' and ');
    return `Packets can still get ${what}, which was to be closed: ${whose(by)} can let them through. ${remedy(by)}`;
  });
}

function whose({ chain, rule, owner }: DecidedBy): string {
  const what = rule === null ? `the policy of the chain ${chain}` : `the rule "${rule}" in the chain ${chain}`;
  return owner === 'other' ? what : `${what} (${owner})`;
}

function remedy({ chain, owner }: DecidedBy): string {
  if (owner === 'ufw base rules' || chain.startsWith('ufw')) {
    return "Delete that line from ufw's before.rules, after.rules or user.rules (before6.rules … for IPv6), and run: sudo ufw reload";
  }
  const who = owner === 'other' ? 'whatever program or person made it' : owner;
  return `ufw cannot close it: the rule decides before ufw's do. Have it removed by ${who}.`;
}
