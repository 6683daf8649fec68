/** Who gets through to a service, in one direction: read from the rules that decide about it in the kernel. */
import type { RuleReport, ServiceReport, State } from '../results';
import { type Direction, POLICY_OF } from '../verdicts/openness';
import { touches } from './rule-ports';

/** Where packets come from, or go to. */
export interface Place {
  /** An address or subnet; empty for all. */
  address: string;
  /** The interface; empty for all. */
  through: string;
}

export interface Who {
  /** `all`: everybody; `some`: those in `only`; `unclear`: on conditions that the rules themselves have to be read for. */
  kind: 'all' | 'some' | 'unclear' | 'nobody';
  only: Place[];
  /** Those of them who do not get through. */
  except: Place[];
  /** Too many connections in a short time are refused. */
  isLimited: boolean;
}

/** A rule that says who, which port, and nothing else. A comment with a space in it could say anything. */
const PLAIN: Readonly<Record<Direction, RegExp>> = {
  in: plain('-s', '-i'),
  out: plain('-d', '-o'),
};
const LETS_PASS = /-j ACCEPT$/;
/** Every packet comes by here; of another chain, only those that rules elsewhere send there. */
const COMMON = /^(ufw6?-(before|user|after)-(input|output)|INPUT|OUTPUT)$/;
/** Here ends what ufw limits; for whom, the rule that led here says. */
const LIMITED = /^ufw(6?)-user-limit-accept$/;

function plain(address: string, through: string): RegExp {
  const parts = [
    `${address} (?<address>[\\da-f.:/]+)`,
    `${through} (?<through>[^\\s+]+)`,
    '-p (?:tcp|udp)',
    '-m (?:tcp|udp|multiport)',
    '--dports? [\\d,:]+',
    '-m comment --comment \\S+',
  ];
  return new RegExp(
    `^${parts.map((part) => `(?:${part} )?`).join('')}-j (?:ACCEPT|DROP|REJECT(?: --reject-with \\S+)?)$`,
  );
}

export function whoOf(
  service: Pick<ServiceReport, 'in' | 'out' | 'ports' | 'decidedBy' | 'undecided'>,
  direction: Direction,
  { rules, policies }: Pick<State, 'rules' | 'policies'>,
): Who {
  const found: Who = { kind: 'some', only: [], except: [], isLimited: false };
  if (service[direction] === 'closed') return { ...found, kind: 'nobody' };
  if (service[direction] === 'open') return { ...found, kind: 'all' };
  let isClear = !service.undecided.includes(direction);
  const lets = (place: Place | undefined, passes: boolean): void => {
    if (!place) isClear = false;
    else if (passes && isEverywhere(place)) found.kind = 'all';
    else if (!isEverywhere(place)) addTo(passes ? found.only : found.except, place);
  };
  for (const { chain, rule } of service.decidedBy[direction]) {
    const limited = LIMITED.exec(chain);
    if (rule === null) lets(EVERYWHERE, policies[POLICY_OF[direction]] === 'allow');
    else if (limited) {
      found.isLimited = true;
      const family = limited[1] === '6' ? 'ipv6' : 'ipv4';
      for (const one of rules) {
        if (one.action !== 'limit' || one.direction !== direction || one.family !== family) continue;
        if (touches(one, service.ports)) lets(placeOf(one, direction), true);
      }
    } else lets(COMMON.test(chain) ? placeIn(rule, direction) : undefined, LETS_PASS.test(rule));
  }
  // Who is refused at one of several ports gets through to the others.
  const isOnePort = service.ports.length === 1 && service.ports.every((port) => /^\d+\/\w+$/.test(port));
  if (found.except.length > 0 && !isOnePort) isClear = false;
  // Everybody at some ports or in one address family, and others elsewhere: the addresses alone do not tell.
  const isAll = found.kind === 'all';
  if (isAll ? found.only.length > 0 || !(found.isLimited || found.except.length > 0) : found.only.length === 0)
    isClear = false;
  return isClear ? found : { kind: 'unclear', only: [], except: [], isLimited: found.isLimited };
}

const EVERYWHERE: Place = { address: '', through: '' };
const isEverywhere = ({ address, through }: Place): boolean => address === '' && through === '';

function addTo(places: Place[], { address, through }: Place): void {
  if (!places.some((one) => one.address === address && one.through === through)) places.push({ address, through });
}

/** What a rule of the kernel is limited to; undefined where it says more than that. */
function placeIn(rule: string, direction: Direction): Place | undefined {
  const { groups } = PLAIN[direction].exec(rule) ?? {};
  return groups && { address: (groups.address ?? '').replace(/\/(32|128)$/, ''), through: groups.through ?? '' };
}

/** What one of ufw's rules is limited to; undefined where it says more than that. */
export function placeOf({ from, to, interface: through }: RuleReport, direction: Direction): Place | undefined {
  const [far, near] = direction === 'in' ? [from, to] : [to, from];
  if (!near.address.endsWith('/0') || from.port !== 'any') return undefined;
  return { address: far.address.endsWith('/0') ? '' : far.address, through: through ?? '' };
}
