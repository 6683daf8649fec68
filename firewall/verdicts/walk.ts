/**
 * What the kernel's chains do with all packets of a region, by first match over jumps and returns, through every hook in
 * order. Packets go in flocks: a box without those that have left it. A flock splits where a rule is about a part of it.
 * Where a rule is not sure, its packets go both ways, and what may become of them is kept as a least and a most.
 */
import { present } from '../lists';
import type { Family } from '../rules/rule';
import {
  ALL_ADDRESSES,
  ALL_INTERFACES,
  ALL_TYPES,
  agree,
  type Box,
  contains,
  EVERYTHING,
  intersect,
  LEVEL,
  type Level,
  LOCAL,
  NO_INTERFACE,
  type Range,
  spans,
  touches,
  type Work,
} from './boxes';
import {
  type Bound,
  type Chain,
  chainOf,
  decisive,
  type Entry,
  isNew,
  type Pipeline,
  type Place,
  type Stage,
} from './chains';
import { placesNear } from './groups';
import type { Target } from './kernel-rule';
import type { DecidedBy } from './owner';

/** What has left a flock, the last first: what some of a chain's entries are about. */
export interface Holes {
  entries: readonly { box: Box }[];
  from: number;
  /** The first that is not among them. */
  to: number;
  rest: Holes | null;
}

/** All packets of the box but those in the holes. */
export interface Region {
  box: Box;
  holes: Holes | null;
}

/** What is done with packets. */
export interface Outcome {
  /** There may be none in it. */
  region: Region;
  least: Bound;
  most: Bound;
  /** Which rules that are not sure were met, and with what end: the same texts for packets of the same fate. */
  path: Path | null;
}

/** Who hears of outcomes. */
export interface Listener {
  /** Whether an outcome like this is worth hearing of; of thousands of rules a few are. */
  wants(least: Bound, most: Bound): boolean;
  onOutcome(outcome: Outcome): void;
}

export interface Path {
  text: string;
  before: Path | null;
}

export interface Question {
  region: Region;
  /** Bits of ASIDE: rules that are about nothing else are left out. */
  aside: number;
  /** Set where only packets count that a rewrite brings to these ports of the device itself. */
  onlyTo?: Range;
  /** Begin behind the routing, with packets that are for the device. */
  isLocal?: boolean;
  /** Go on where all is possible already: paths then tell all that made it so. */
  isThorough?: boolean;
}

/** How rules look to packets that something was done to on their way. */
interface View {
  /** What rules see of the region's packets, where `over` names a field: all of them the same. */
  match: Box;
  over: readonly (keyof Box)[];
  aside: number;
  tracked: boolean;
  rewritten: DecidedBy | null;
  delivery: 'local' | 'forward' | 'either';
  /** By chain, what can be about the region. */
  known: Map<Chain, readonly Entry[]>;
  derived: Map<string, View>;
}

interface Frame {
  entries: readonly Entry[];
  at: number;
  up: Frame | null;
}

/** Where a flock is, and what is known of it. */
interface Flock {
  box: Box;
  holes: Holes | null;
  view: View;
  stage: Stage;
  frame: Frame;
  least: Bound | null;
  most: Bound | null;
  /** A rule of ufw's counts what comes, and stops what is too much. */
  limited: boolean;
  /** The rule or policy by which the filter table let it through. */
  by: DecidedBy | null;
  path: Path | null;
  /** Where it goes on when this way is at its end: it is one of several that the packets may take. */
  other: Other | null;
}

interface Other extends Pick<Flock, 'view' | 'stage' | 'frame' | 'limited' | 'by'> {
  next: Other | null;
}

/**
 * Finds what becomes of the packets of a region, in parts that share none; some may be empty. Ends early where there is
 * too much to do, which shows in what is left of the work.
 */
export function walk(pipeline: Pipeline, question: Question, work: Work, listener: Listener): void {
  const { region, aside, onlyTo, isLocal = false, isThorough = false } = question;
  const delivery = pipeline.direction === 'forward' ? 'forward' : 'local';
  const start = viewOf(region.box, aside, delivery);
  // What is a hole itself has nothing left; and most regions have none of rules.
  const known = new Set<Box>();
  for (const box of boxesIn(region.holes)) known.add(box);
  const flocks: Flock[] = [];

  const begin: Flock = {
    ...{ box: region.box, holes: region.holes, view: start, stage: pipeline.local, frame: NO_FRAME },
    ...{ least: null, most: null, limited: false, by: null, path: null, other: null },
  };
  if (isLocal || pipeline.first === 'route' ? enterRouted(begin) : enter(begin, pipeline.first)) flocks.push(begin);
  for (let flock = flocks.pop(); flock && work.left >= 0; flock = flocks.pop()) follow(flock);

  /** Follows a flock to its end; parts of it that go another way are put aside. */
  function follow(flock: Flock): void {
    for (;;) {
      const entry = nextEntry(flock);
      if (work.left < 0) return;
      if (!entry) {
        if (!leave(flock)) return;
        continue;
      }
      if (!step(flock, entry)) return;
    }
  }

  /**
   * The next entry of the flock's chain that may be about it; the frame stands behind it. On the way there it has left
   * parts of the flock behind: what is decided here for good needs no flock of its own.
   */
  function nextEntry(flock: Flock): Entry | null {
    const { box, view, other, frame } = flock;
    const { entries, at: from, up } = frame;
    const areAllMet = box === view.match;
    let hasLost = false;
    let at = from;
    for (; at < entries.length; at++) {
      const entry = present(entries[at]);
      if ((!areAllMet && !touches(entry.box, box)) || known.has(entry.box)) continue;
      const { kind } = entry.rule.target;
      const isFinal = kind === 'drop' || (kind === 'accept' && flock.stage.next === null);
      if (!isFinal || !entry.sure || entry.except.length > 0 || other || contains(entry.box, box)) break;
      hear(flock, entry.box, hasLost ? { entries, from, to: at, rest: flock.holes } : flock.holes, endOf(flock, entry));
      hasLost = true;
    }
    work.left -= at - from + 1;
    if (hasLost) flock.holes = { entries, from, to: at, rest: flock.holes };
    if (at === entries.length) return null;
    flock.frame = { entries, at: at + 1, up };
    return present(entries[at]);
  }

  /** False where the flock is at its end. */
  function step(flock: Flock, entry: Entry): boolean {
    const target = resolved(flock, entry.rule.target, pipeline.family);
    if (target.kind === 'jump' && !target.goto && !isMet(flock, entry.box, target.entries)) return true;
    if (!narrow(flock, entry)) return true;
    if (!entry.sure) return stepUnsure(flock, entry, target);
    switch (target.kind) {
      case 'accept':
        return pass(flock, entry.denied.by);
      case 'drop':
        return finish(flock, entry.denied);
      case 'return':
        return leave(flock);
      case 'jump':
        flock.frame = { entries: target.entries, at: 0, up: target.goto ? flock.frame.up : flock.frame };
        return true;
      case 'untrack':
        flock.view = untracked(flock.view);
        return true;
      case 'rewrite':
        return rewrite(flock, entry, target);
      default:
        return finishUnknown(flock, entry.denied.by);
    }
  }

  /** All packets may meet the rule, and may not: first what becomes of them if they do. */
  function stepUnsure(flock: Flock, entry: Entry, target: Resolved): boolean {
    if (entry.rule.counts && target.kind === 'jump' && LIMIT.test(target.name)) {
      flock.limited = true;
      return true;
    }
    mark(flock, entry.rule.key);
    const { view, stage, frame, limited, by } = flock;
    switch (target.kind) {
      case 'drop':
        bound(flock, entry.denied);
        return isOpenEnded(flock) ? end(flock) : true;
      case 'untrack':
        flock.view = untracked(flock.view);
        return true;
      case 'unknown':
        return finishUnknown(flock, entry.denied.by);
    }
    flock.other = { view, stage, frame, limited, by, next: flock.other };
    switch (target.kind) {
      case 'accept':
        return pass(flock, entry.denied.by);
      case 'return':
        return leave(flock);
      case 'jump':
        flock.frame = { entries: target.entries, at: 0, up: target.goto ? frame.up : frame };
        return true;
      case 'rewrite':
        return rewrite(flock, entry, target);
    }
    return true;
  }

  /** The flock becomes its part that the entry is about; the rest is followed later. False where it is about none of it. */
  function narrow(flock: Flock, entry: Entry): boolean {
    if (entry.except.some((box) => contains(box, flock.box))) return false;
    if (!contains(entry.box, flock.box)) {
      flocks.push({ ...flock, holes: { entries: [entry], from: 0, to: 1, rest: flock.holes } });
      flock.box = present(intersect(flock.box, entry.box));
    }
    for (const box of entry.except) {
      const part = intersect(flock.box, box);
      if (!part) continue;
      flocks.push({ ...flock, box: part });
      flock.holes = { entries: [{ box }], from: 0, to: 1, rest: flock.holes };
    }
    return true;
  }

  /** The end of a chain: back to where it was called from, or the policy. */
  function leave(flock: Flock): boolean {
    const { up } = flock.frame;
    const { other, stage } = flock;
    if (!up) {
      if (stage.accepts) return pass(flock, stage.chain.policy);
      return finish(flock, { level: LEVEL.deny, by: stage.chain.policy });
    }
    flock.frame = up;
    // Back where the other way begins, with nothing decided: there is one way only from here.
    if (other?.frame === up && other.view === flock.view && other.limited === flock.limited)
      return resume(flock, other);
    return true;
  }

  /** Let through by a chain at a hook: on to the next. */
  function pass(flock: Flock, by: DecidedBy): boolean {
    flock.by = acceptedBy(flock, by);
    const { next } = flock.stage;
    if (next === 'route') return enterRouted(flock);
    if (next) return enter(flock, next);
    return finish(flock, { level: passing(flock), by: flock.by ?? by });
  }

  function enter(flock: Flock, stage: Stage): boolean {
    flock.stage = stage;
    flock.frame = { entries: entriesOf(flock.view, stage, stage.chain, pipeline.family), at: 0, up: null };
    return true;
  }

  /** Packets for the device stay, others pass through. Which they are, no ruleset tells of an address. */
  function enterRouted(flock: Flock): boolean {
    const { view } = flock;
    if (onlyTo && !(view.rewritten && spans(onlyTo, view.match.dport))) {
      return finish(flock, { level: LEVEL.deny, by: pipeline.local.chain.policy });
    }
    if (view.delivery === 'local') return enter(flock, pipeline.local);
    if (view.delivery === 'forward') return enter(flock, pipeline.forward);
    // Whether packets are passed on, and whether somebody is there, no ruleset tells either.
    bound(flock, { level: LEVEL.deny, by: present(view.rewritten) });
    mark(flock, 'either');
    if (!onlyTo) {
      const passedOn: Flock = { ...flock, view: leaving(view) };
      enter(passedOn, pipeline.forward);
      const { stage, frame, limited, by } = passedOn;
      flock.other = { view: passedOn.view, stage, frame, limited, by, next: flock.other };
    }
    flock.view = staying(view);
    return enter(flock, pipeline.local);
  }

  function rewrite(flock: Flock, entry: Entry, target: Rewrite): boolean {
    const isOut = pipeline.direction === 'out';
    // What the device sends to itself has not left it; what takes it may.
    if (flock.stage.table !== 'nat' || (isOut && target.address === 'own'))
      return finishUnknown(flock, entry.denied.by);
    flock.view = rewritten(flock.view, entry, target, isOut);
    mark(flock, entry.rule.key);
    return pass(flock, entry.denied.by);
  }

  /** Dropped, let through, or as if the rule were not there. */
  function finishUnknown(flock: Flock, by: DecidedBy): boolean {
    mark(flock, `unknown ${by.chain} ${by.rule}`);
    bound(flock, { level: LEVEL.deny, by });
    bound(flock, { level: LEVEL.allow, by });
    return isThorough || end(flock);
  }

  function isOpenEnded({ least, most }: Flock): boolean {
    return !isThorough && least?.level === LEVEL.deny && most?.level === LEVEL.allow;
  }

  /** One way is at its end. */
  function finish(flock: Flock, last: Bound): boolean {
    bound(flock, last);
    if (isOpenEnded(flock)) return end(flock);
    if (flock.path) mark(flock, String(last.level));
    return flock.other ? resume(flock, flock.other) : end(flock);
  }

  function resume(flock: Flock, { view, stage, frame, limited, by, next }: Other): boolean {
    Object.assign(flock, { view, stage, frame, limited, by, other: next });
    return true;
  }

  /** Nothing more can be learnt of the flock. */
  function end({ box, holes, least, most, path }: Flock): false {
    if (least && most && listener.wants(least, most)) listener.onOutcome({ region: { box, holes }, least, most, path });
    return false;
  }

  /** What becomes of a part of the flock, which goes on without it. */
  function hear({ box, least, most, path }: Flock, part: Box, holes: Holes | null, last: Bound): void {
    const lower = least && least.level <= last.level ? least : last;
    const upper = most && most.level >= last.level ? most : last;
    if (!listener.wants(lower, upper)) return;
    listener.onOutcome({
      region: { box: present(intersect(box, part)), holes },
      ...{ least: lower, most: upper },
      path: path && { text: String(last.level), before: path },
    });
  }
}

/** The boxes of holes. */
export function boxesIn(holes: Holes | null): Box[] {
  const boxes: Box[] = [];
  for (let hole = holes; hole; hole = hole.rest) {
    for (let at = hole.from; at < hole.to; at++) boxes.push(present(hole.entries[at]).box);
  }
  return boxes;
}

/** What an entry makes of the packets that it decides about. */
function endOf(flock: Flock, { rule, denied, allowed }: Entry): Bound {
  if (rule.target.kind === 'drop') return denied;
  const by = acceptedBy(flock, allowed.by) ?? allowed.by;
  return by === allowed.by && !flock.limited ? allowed : { level: passing(flock), by };
}

const LIMIT = /^ufw6?-user-limit$/;
const NO_FRAME: Frame = { entries: [], at: 0, up: null };

const passing = ({ limited }: Flock): Level => (limited ? LEVEL.limit : LEVEL.allow);
/** Of several hooks the filter table's is the one that is spoken of. */
const acceptedBy = ({ stage, by }: Flock, last: DecidedBy): DecidedBy | null =>
  stage.table === 'filter' && (!by || by.rule === null) ? last : by;

function bound(flock: Flock, one: Bound): void {
  if (!flock.least || one.level < flock.least.level) flock.least = one;
  if (!flock.most || one.level > flock.most.level) flock.most = one;
}

function mark(flock: Flock, text: string): void {
  flock.path = { text, before: flock.path };
}

type Rewrite = Extract<Target, { kind: 'rewrite' }>;
type Resolved =
  | Exclude<Target, { kind: 'named' }>
  | { kind: 'jump'; name: string; goto: boolean; entries: readonly Entry[] };

/** A target with the chain it names; what is no chain of the table is something unknown. */
function resolved({ view, stage }: Flock, target: Target, family: Family): Resolved {
  if (target.kind !== 'named') return target;
  const lines = stage.chains.chains.get(target.name);
  if (!lines) return { kind: 'unknown' };
  const { name, goto } = target;
  const chain = chainOf(lines, name, placeOf(stage, family));
  return { kind: 'jump', name, goto, entries: entriesOf(view, stage, chain, family) };
}

/** The rules of the filter table that can be about packets of a box, wherever they stand. */
export function entriesAbout(pipeline: Pipeline, box: Box, aside: number): Entry[] {
  const { family, direction, first, local, forward } = pipeline;
  const view = viewOf(box, aside, 'local');
  const found: Entry[] = [];
  /** Of each chain, whether anything in it, or where it leads to, can decide about the packets. */
  const decides = new Map<Chain, boolean>();
  const gather = (stage: Stage, chain: Chain): boolean => {
    const known = decides.get(chain);
    if (known !== undefined) return known;
    decides.set(chain, true);
    const begin = found.length;
    let end = begin;
    for (const entry of entriesOf(view, stage, chain, family)) {
      const { target } = entry.rule;
      const lines = target.kind === 'named' ? stage.chains.chains.get(target.name) : undefined;
      const before = found.length;
      found.push(entry);
      if (target.kind !== 'named' || !lines) {
        // To go back, as to go where nothing is decided, decides something only if more would follow.
        if (target.kind !== 'return') end = found.length;
      } else if (gather(stage, chainOf(lines, target.name, placeOf(stage, family)))) end = found.length;
      else if (!target.goto) found.length = before;
    }
    found.length = end;
    decides.set(chain, end > begin);
    return end > begin;
  };
  const start = direction === 'in' ? local : direction === 'forward' ? forward : first;
  for (let stage: Stage | 'route' | null = start; stage && stage !== 'route'; stage = stage.next) {
    if (stage.table === 'filter') gather(stage, stage.chain);
  }
  return found;
}

const viewOf = (match: Box, aside: number, delivery: View['delivery']): View => ({
  ...{ match, over: [], aside, tracked: true, rewritten: null, delivery },
  ...{ known: new Map(), derived: new Map() },
});

/** Whether a chain may decide about some of the packets that a rule sends there. */
function isMet({ box }: Flock, sent: Box, entries: readonly Entry[]): boolean {
  if (entries.length === 0) return false;
  const part = intersect(box, sent);
  return part !== null && entries.some((entry) => touches(entry.box, part));
}

const placeOf = ({ layer, table }: Stage, family: Family): Place => ({ family, layer, table });

/** What of a chain can be about the packets of a view, as they meet it; what decides nothing is left out. */
function entriesOf(view: View, stage: Stage, chain: Chain, family: Family): readonly Entry[] {
  const known = view.known.get(chain);
  if (known) return known;
  const { match } = view;
  const { entries, groups } = decisive(chain, view, stage.chains, placeOf(stage, family));
  const found: Entry[] = [];
  for (const at of placesNear(groups, match)) {
    const entry = present(entries[at]);
    if (!agree(match.src, entry.box.src) || !agree(match.dst, entry.box.dst)) continue;
    const seen = asSeen(view, entry);
    if (seen) found.push(seen);
  }
  // Its end comes anyway.
  while (found[found.length - 1]?.rule.target.kind === 'return') found.pop();
  view.known.set(chain, found);
  return found;
}

/** An entry as packets of a view meet it; null where its rule is not about new connections. */
function asSeen({ match, over, tracked, rewritten: by }: View, entry: Entry): Entry | null {
  const { states, target } = entry.rule;
  if (tracked && states && !isNew(states, by !== null)) return null;
  // What connection tracking does not see has no state, and its addresses are left alone.
  let sure = entry.sure && (tracked || (!states && target.kind !== 'rewrite'));
  if (over.length === 0) return sure === entry.sure ? entry : { ...entry, sure };
  // The region's own boxes tell nothing of these fields any more: the rule is about all packets here, or about some.
  const box = { ...entry.box };
  let except = entry.except;
  for (const field of over) {
    const seen = { ...EVERYTHING, [field]: match[field] };
    if (except.some((one) => one[field] !== EVERYTHING[field] && contains(one, seen))) return null;
    const isClear = except.every((one) => one[field] === EVERYTHING[field] || !touches(one, seen));
    sure = sure && isClear && contains({ ...EVERYTHING, [field]: box[field] }, seen);
    except = except.filter((one) => one[field] === EVERYTHING[field]);
    Object.assign(box, { [field]: EVERYTHING[field] });
  }
  return { ...entry, box, except, sure };
}

/** The same view always, so that its entries are found once. */
function derive(view: View, key: string, changes: Partial<View>): View {
  const known = view.derived.get(key);
  if (known) return known;
  const made: View = { ...view, ...changes, known: new Map(), derived: new Map() };
  view.derived.set(key, made);
  return made;
}

const untracked = (view: View): View => (view.tracked ? derive(view, 'untracked', { tracked: false }) : view);

/** With some fields of the packets as they are now. */
function seenWith(view: View, key: string, fields: Partial<Box>, changes: Partial<View> = {}): View {
  const over = [...new Set([...view.over, ...(Object.keys(fields) as (keyof Box)[])])];
  return derive(view, key, { ...changes, match: { ...view.match, ...fields }, over });
}

function rewritten(
  view: View,
  { denied: { by }, rule: { key } }: Entry,
  { port, address }: Rewrite,
  isOut: boolean,
): View {
  const fields: Partial<Box> = {};
  if (port !== null) fields.dport = [port, port];
  let { delivery } = view;
  if (address !== null) {
    fields.dst = address === 'own' ? ALL_ADDRESSES : address;
    // Where it goes is looked up anew.
    if (isOut) fields.interfaceOut = ALL_INTERFACES;
    fields.dstTypes = address === 'own' ? LOCAL : ALL_TYPES;
    delivery = address === 'own' ? 'local' : 'either';
  }
  // Rules about loopback are about what is turned there.
  const aside = address !== null && address !== 'own' ? 0 : view.aside;
  return seenWith(view, key, fields, { rewritten: by, delivery, aside });
}

const staying = (view: View): View =>
  seenWith(view, 'staying', { dstTypes: LOCAL, interfaceOut: NO_INTERFACE }, { delivery: 'local' });

const leaving = (view: View): View =>
  seenWith(view, 'leaving', { dstTypes: ALL_TYPES & ~LOCAL, interfaceOut: ALL_INTERFACES }, { delivery: 'forward' });
