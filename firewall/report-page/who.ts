/** Who gets through to a service, in one direction: read from the rules that decide about it in the kernel. */
import type { ServiceReport, State } from '../results';
import { type Direction, POLICY_OF } from '../verdicts/openness';

/** Whom packets come from, or go to. */
export interface Who {
  /** `all`: everybody; `some`: those that are named; `unclear`: on conditions that the rules themselves have to be read for. */
  kind: 'all' | 'some' | 'unclear' | 'nobody';
  /** Addresses and subnets, with the interface where it matters; of `all` empty. */
  only: string[];
  /** Those of them who do not get through. */
  except: string[];
  /** Too many connections in a short time are refused. */
  isLimited: boolean;
}

/** What says where a packet comes from or goes to, or which port it is for; a rule with anything else has to be read. */
const PLAIN =
  /^-A \S+( -[sd] \S+| -[io] \S+| -p \S+| -m (tcp|udp|multiport|comment)| --comment ("[^"]*"|\S+)| --[sd]ports? \S+)* -j \S+( --reject-with \S+)?$/;
const LETS_IN = /-j (ACCEPT|ufw6?-user-limit(-accept)?)\b/;
const LIMITS = /-j ufw6?-user-limit/;

export function whoOf(
  service: Pick<ServiceReport, 'in' | 'out' | 'decidedBy' | 'undecided'>,
  direction: Direction,
  policies: State['policies'],
): Who {
  const nobody: Who = { kind: 'nobody', only: [], except: [], isLimited: false };
  if (service[direction] === 'closed') return nobody;
  if (service[direction] === 'open') return { ...nobody, kind: 'all' };
  const found: Who = { ...nobody, kind: 'some' };
  let isClear = !service.undecided.includes(direction);
  for (const { rule } of service.decidedBy[direction]) {
    const isIn = rule === null ? policies[POLICY_OF[direction]] === 'allow' : LETS_IN.test(rule);
    if (rule !== null && !PLAIN.test(rule)) isClear = false;
    const place = rule === null ? '' : placeIn(rule, direction);
    if (isIn && place === '') found.kind = 'all';
    else if (isIn) found.only.push(place);
    else if (place !== '') found.except.push(place);
    if (rule !== null && LIMITS.test(rule)) found.isLimited = true;
  }
  found.only = [...new Set(found.only)];
  found.except = [...new Set(found.except)];
  // A part of its ports, or one address family: the addresses alone do not tell.
  const isWhole = found.only.length > 0 || found.except.length > 0 || found.isLimited;
  return isClear && isWhole ? found : { ...found, kind: 'unclear' };
}

/** The address and interface that a rule is limited to; empty for none. */
function placeIn(rule: string, direction: Direction): string {
  const [, address = ''] = (direction === 'in' ? /\s-s (\S+)/ : /\s-d (\S+)/).exec(rule) ?? [];
  const [, through = ''] = (direction === 'in' ? /\s-i (\S+)/ : /\s-o (\S+)/).exec(rule) ?? [];
  return [address.replace(/\/(32|128)$/, ''), through && `(${through})`].filter(Boolean).join(' ');
}
