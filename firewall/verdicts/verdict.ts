/** How far the kernel lets the packets of a service through, and who decides it. */

import { present } from '../lists';
import type { Openness } from '../results';
import { ALL_PORTS } from '../rules/ports';
import type { Family } from '../rules/rule';
import { OWN_INTERFACES } from '../services/about';
import type { PortSpec } from '../services/catalogue';
import { ANY_SCOPE, type Scope } from '../services/profiles';
import { partsOf } from '../services/registry';
import {
  ALL_ADDRESSES,
  ALL_TYPES,
  addressSet,
  type Box,
  EVERYTHING,
  intersect,
  isCovered,
  LEVEL,
  type Level,
  LOCAL,
  NO_INTERFACE,
  PROTOCOLS,
  protocolBit,
  spans,
  TCP_UDP,
  touches,
  type Work,
} from './boxes';
import { type Bound, type Direction, type Pipeline, pipelineOf, rewritesOf } from './chains';
import { ASIDE, GROUPS, LOOPBACK } from './kernel-rule';
import { remembering } from './memory';
import { DIRECTIONS } from './openness';
import type { DecidedBy } from './owner';
import type { FamilyRuleset } from './ruleset';
import { boxesIn, entriesAbout, type Listener, type Outcome, type Region, walk } from './walk';

export type { DecidedBy } from './owner';

/** The packets between the device and other hosts: to ports of the device, or to ports of theirs. */
export interface Asked {
  direction: 'in' | 'out';
  /** Packets to all of them. */
  ports: readonly PortSpec[];
  scope: Scope;
}

export interface Verdict {
  /** How open the ports are if all that cannot be known goes against the packets. */
  least: Openness;
  /** How open they are if it goes for them. Where both are the same, nothing is left open. */
  most: Openness;
  /** What is done with all of them, for certain; null where it is not the same for each, or not known. */
  level: Level | null;
  /** By what packets get through, or perhaps do; of each owner the first. */
  letsIn: readonly DecidedBy[];
  /** By what packets are stopped, or perhaps are; of each owner the first. */
  blocks: readonly DecidedBy[];
  /** Other ports of the device from where a rewrite leads to these, as `2200/tcp`; `nft` where nobody knows. */
  through: readonly string[];
}

/** So much is done for one verdict, in boxes compared; past it all is possible. */
const MOST_WORK = 300_000;

/** The packets that are asked about. */
export const askedAbout = (family: Family, { direction, ports, scope }: Asked): Box[] =>
  isOfAnother(family, scope) ? [] : ports.map((spec) => regionOf(family, direction, spec, scope).box);

/** Whether a scope's address is none of a family's. */
const isOfAnother = (family: Family, { from }: Scope): boolean =>
  from !== '' && from.includes(':') !== (family === 'ipv6');

/** What the kernel does with the packets asked about. Those of another family than the scope's address are none. */
export const verdictOn = remembering(judge, askedAbout);

function judge(rules: FamilyRuleset, { direction, ports, scope }: Asked): Verdict {
  const { family } = rules;
  const regions = isOfAnother(family, scope) ? [] : ports.map((spec) => regionOf(family, direction, spec, scope));
  return fateOf(rules, direction, regions, asideOf(direction, scope));
}

/**
 * What the kernel does with all packets of some regions; of none it is closed.
 * @param aside bits of ASIDE: rules that are about nothing else are left out
 */
export function fateOf(rules: FamilyRuleset, direction: Direction, regions: readonly Region[], aside = 0): Verdict {
  const work: Work = { left: MOST_WORK };
  const evidence = new Evidence();
  const pipeline = pipelineOf(rules, direction);
  for (const region of regions) {
    walk(pipeline, { region, aside }, work, evidence.listener(work));
    if (direction === 'in') addRewritten(rules, pipeline, region, aside, evidence, work);
  }
  return evidence.verdict(work.left < 0);
}

/** What is left out where it is asked about a scope: bits of ASIDE. */
export const asideOf = (direction: 'in' | 'out', { from }: Scope): number =>
  (from === '' ? ASIDE.loopback : 0) | (direction === 'in' ? ASIDE.groups : 0);

/** The packets to the ports of a specification, in a scope. */
export function regionOf(family: Family, direction: 'in' | 'out', spec: PortSpec, scope: Scope): Region {
  const { first, last, protocol } = partsOf(spec);
  const isIn = direction === 'in';
  const remote = scope.from === '' ? ALL_ADDRESSES : addressSet(scope.from, family);
  const on = scope.interface
    ? { pattern: scope.interface, except: [] }
    : { pattern: '+', except: ['', ...OWN_INTERFACES] };
  const box: Box = {
    ...EVERYTHING,
    protocols: protocol === 'any' ? TCP_UDP : protocolBit(protocol),
    dport: [first, last],
    ...(isIn
      ? { src: remote, interfaceIn: on, interfaceOut: NO_INTERFACE, dstTypes: LOCAL }
      : { dst: remote, interfaceOut: on, interfaceIn: NO_INTERFACE, dstTypes: ALL_TYPES & ~LOCAL }),
  };
  const loopback = LOOPBACK[family];
  const apart: Partial<Box>[] = [
    ...(scope.from === '' ? [{ src: loopback }, { dst: loopback }] : []),
    // What goes to many at once is no service's.
    ...(isIn ? GROUPS[family].map((dst) => ({ dst })) : []),
  ];
  const entries = apart.map((fields) => ({ box: { ...EVERYTHING, ...fields } }));
  return { box, holes: { entries, from: 0, to: entries.length, rest: null } };
}

/** The ports from where a rewrite may lead to these, asked in their turn; only what gets in there counts. */
function addRewritten(
  rules: FamilyRuleset,
  pipeline: Pipeline,
  region: Region,
  aside: number,
  evidence: Evidence,
  work: Work,
): void {
  const { dport, protocols } = region.box;
  const anyPort: Region = { ...region, box: { ...region.box, dport: ALL_PORTS } };
  for (const { box, rule } of rewritesOf(rules)) {
    const keepsPort = rule.target.kind === 'rewrite' && rule.target.port === null;
    if (keepsPort || spans(dport, box.dport) || !touches(anyPort.box, box)) continue;
    const from = { ...anyPort, box: present(intersect(anyPort.box, box)) };
    const port = portText(box, protocols);
    walk(pipeline, { region: from, aside, onlyTo: dport }, work, evidence.listenerThrough(port, work));
  }
  if (!rules.foreign.some(({ rewrites, directions }) => rewrites && directions.includes('in'))) return;
  walk(pipeline, { region, aside, isLocal: true }, work, evidence.listenerPerhaps('nft', work));
}

function portText({ dport: [first, last], protocols }: Box, wanted: number): string {
  const range = first === last ? String(first) : `${first}:${last}`;
  const names = PROTOCOLS.filter((_, place) => ((protocols & wanted) >> place) & 1);
  return names.length === 1 ? `${range}/${names[0]}` : range;
}

/** What was found out about packets, each kind of it once: whether there are such packets takes work to tell. */
class Evidence {
  private least = 0;
  private most = 0;
  private readonly kinds: Pick<Outcome, 'least' | 'most'>[] = [];
  private readonly letsIn: DecidedBy[] = [];
  private readonly blocks: DecidedBy[] = [];
  private readonly through: string[] = [];

  /** Hears of the packets that were asked about. */
  listener(work: Work): Listener {
    return {
      wants: (least, most) => !this.kinds.some((kind) => isAlike(kind.least, least) && isAlike(kind.most, most)),
      onOutcome: ({ region, least, most }) => {
        if (!isThere(region, work)) return;
        this.kinds.push({ least, most });
        this.least |= 1 << least.level;
        this.most |= 1 << most.level;
        if (most.level > LEVEL.deny) addOwner(this.letsIn, most.by);
        if (least.level === LEVEL.deny) addOwner(this.blocks, least.by);
      },
    };
  }

  /** Hears of packets to another port that are rewritten; those that do not get in take nothing away. */
  listenerThrough(port: string, work: Work): Listener {
    return {
      wants: (_, most) => most.level > LEVEL.deny,
      onOutcome: ({ region, least, most }) => {
        if (!isThere(region, work)) return;
        this.most |= 1 << most.level;
        if (least.level > LEVEL.deny) this.least |= 1 << least.level;
        addOwner(this.letsIn, most.by);
        if (!this.through.includes(port)) this.through.push(port);
      },
    };
  }

  /** Hears of what would get in if it were rewritten. */
  listenerPerhaps(port: string, work: Work): Listener {
    return {
      wants: (_, most) => most.level > LEVEL.deny && (this.most & (1 << most.level)) === 0,
      onOutcome: ({ region, most }) => {
        if (!isThere(region, work)) return;
        this.most |= 1 << most.level;
        addOwner(this.letsIn, most.by);
        this.through.push(port);
      },
    };
  }

  verdict(isTooMuch = false): Verdict {
    const { letsIn, blocks, through } = this;
    return {
      least: isTooMuch ? 'closed' : openness(this.least),
      most: isTooMuch ? 'open' : openness(this.most),
      level: isTooMuch || this.least !== this.most ? null : onlyLevel(this.least),
      ...{ letsIn, blocks, through },
    };
  }
}

const isAlike = (one: Bound, other: Bound): boolean => one.level === other.level && one.by.owner === other.by.owner;

function addOwner(list: DecidedBy[], by: DecidedBy): void {
  if (!list.some(({ owner }) => owner === by.owner)) list.push(by);
}

/** Whether there are packets in a region. */
export const isThere = ({ box, holes }: Region, work: Work): boolean =>
  !isCovered(
    box,
    boxesIn(holes).filter((hole) => touches(hole, box)),
    work,
  );

/** The one level that there is, of one bit each; of no packets none gets through. */
const onlyLevel = (levels: number): Level | null =>
  levels === 0 ? LEVEL.deny : (Object.values(LEVEL).find((level) => levels === 1 << level) ?? null);

/** Of the levels of packets, one bit each. */
function openness(levels: number): Openness {
  if (levels === 1 << LEVEL.allow) return 'open';
  return levels === 1 << LEVEL.deny || levels === 0 ? 'closed' : 'partial';
}

/** What rules that can decide about the packets are limited to. */
export interface Named {
  interfaces: readonly string[];
  /** Remote addresses, as `iptables-save` prints them but for `/32` and `/128`. */
  sources: readonly string[];
}

/** The interfaces and remote addresses that the filter table's rules name which can be about packets to the ports, or back. */
export const namedFor = remembering(namesIn, (family, ports: readonly PortSpec[]) =>
  DIRECTIONS.flatMap((direction) => askedAbout(family, { direction, ports, scope: ANY_SCOPE })),
);

function namesIn(rules: FamilyRuleset, ports: readonly PortSpec[]): Named {
  const { family } = rules;
  const [interfaces, sources] = [new Set<string>(), new Set<string>()];
  for (const direction of DIRECTIONS) {
    const isIn = direction === 'in';
    for (const spec of ports) {
      const { box } = regionOf(family, direction, spec, ANY_SCOPE);
      for (const { rule } of entriesAbout(pipelineOf(rules, direction), box, asideOf(direction, ANY_SCOPE))) {
        const on = rule.names[isIn ? 'interfaceIn' : 'interfaceOut'];
        const remote = rule.names[isIn ? 'src' : 'dst'];
        if (on !== '') interfaces.add(on);
        if (remote !== '') sources.add(remote);
      }
    }
  }
  return { interfaces: [...interfaces], sources: [...sources] };
}
