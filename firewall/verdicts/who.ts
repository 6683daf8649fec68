/**
 * Who gets through to a service, in a few words: everybody, everybody but some, or some alone. It is told only where it is so for
 * every packet; the rules themselves have to be read for the rest.
 */
import type { Who } from '../results';
import { ANYWHERE, type Family } from '../rules/rule';
import { OWN_INTERFACES } from '../services/about';
import type { Service } from '../services/catalogue';
import { addressSet, type Box, EVERYTHING, holds, interfaceSet, LEVEL, type Level } from './boxes';
import type { Direction } from './openness';
import type { FamilyRuleset, Ruleset } from './ruleset';
import { asideOf, fateOf, namedFor, regionOf } from './verdict';
import type { Region } from './walk';

/** Where packets come from, or go to: an address or subnet, and an interface; empty for all. */
type Place = Who['only'][number];

/** Of more places nothing is told: nobody would read it. */
const MOST_PLACES = 60;

const EVERYWHERE: Place = { address: '', through: '' };
const NOBODY: Who = { kind: 'nobody', only: [], except: [], isLimited: false };
const UNCLEAR: Who = { ...NOBODY, kind: 'unclear' };

/** @param managed the families that ufw manages; another one counts only where it lets something through */
export function whoGetsThrough(
  ruleset: Ruleset,
  managed: readonly Family[],
  { opens }: Pick<Service, 'opens'>,
  direction: Direction,
): Who {
  const found = ruleset
    .map((rules) => ({ family: rules.family, who: whoIn(rules, opens, direction) }))
    .filter(({ family, who }) => managed.includes(family) || who.kind !== 'nobody');
  if (found.some(({ who }) => who.kind === 'unclear')) return UNCLEAR;
  const places = (of: (who: Who) => readonly Place[]): Place[] => {
    const all = found.flatMap(({ family, who }) => of(who).map((place) => ({ family, place })));
    // What is so in one family alone is said of its addresses alone.
    const isInAll = ({ address, through }: Place): boolean =>
      all.filter(({ place }) => place.address === address && place.through === through).length === found.length;
    const named = all.map(({ family, place }) =>
      place.address !== '' || isInAll(place) ? place : { ...place, address: ANYWHERE[family] },
    );
    return [...new Map(named.map((place) => [`${place.address} ${place.through}`, place])).values()];
  };
  const only = places(({ kind, only: some }) => (kind === 'all' ? [EVERYWHERE] : some));
  const except = places((who) => who.except);
  const isLimited = found.some(({ who }) => who.isLimited);
  if (only.length === 0) return NOBODY;
  return only.some(isEverywhere)
    ? { kind: 'all', only: [], except, isLimited }
    : { kind: 'some', only, except, isLimited };
}

const isEverywhere = ({ address, through }: Place): boolean => address === '' && through === '';

function whoIn(rules: FamilyRuleset, ports: Service['opens'], direction: Direction): Who {
  const { family } = rules;
  /** What becomes of the packets of a place, but for those of others. */
  const levelOf = (place: Place, without: readonly Place[] = []): Level | null => {
    const scope = { from: place.address, interface: place.through };
    const regions = ports.map((spec) =>
      lessened(
        regionOf(family, direction, spec, scope),
        without.map((one) => boxOf(one, family, direction)),
      ),
    );
    return fateOf(rules, direction, regions, asideOf(direction, scope)).level;
  };
  const gets = (level: Level | null): boolean => level !== null && level !== LEVEL.deny;
  const whole = levelOf(EVERYWHERE);
  if (whole === LEVEL.deny) return NOBODY;
  if (whole !== null) return { ...NOBODY, kind: 'all', isLimited: whole === LEVEL.limit };

  const { interfaces, sources } = namedFor(rules, ports);
  const through = interfaces.filter((name) => /^[^+!\s]+$/.test(name) && !OWN_INTERFACES.includes(name));
  const addresses = sources.filter((name) => /^[\da-f.:]+(\/\d+)?$/i.test(name));
  const singles = [
    ...addresses.map((address): Place => ({ address, through: '' })),
    ...through.map((name): Place => ({ address: '', through: name })),
  ];
  if (singles.length > MOST_PLACES) return UNCLEAR;
  const judged = singles.map((place) => ({ place, level: levelOf(place) }));
  const mixed = judged.filter(({ level }) => level === null).map(({ place }) => place);
  const pairs = mixed.flatMap((one) =>
    mixed
      .filter((other) => one.through === '' && other.address === '')
      .map((other): Place => ({ address: one.address, through: other.through })),
  );
  if (pairs.length > MOST_PLACES) return UNCLEAR;
  const all = [...judged, ...pairs.map((place) => ({ place, level: levelOf(place) }))];
  const denied = largest(
    all.filter(({ level }) => level === LEVEL.deny).map(({ place }) => place),
    family,
  );

  const others = levelOf(EVERYWHERE, denied);
  if (gets(others)) return { kind: 'all', only: [], except: denied, isLimited: others === LEVEL.limit };
  const deniedIn = (place: Place): Place[] => denied.filter((one) => meet(one, place, family));
  const open = all.flatMap(({ place, level }) => {
    const known = level ?? levelOf(place, deniedIn(place));
    return gets(known) ? [{ place, isLimited: known === LEVEL.limit }] : [];
  });
  const only = largest(
    open.map(({ place }) => place),
    family,
  );
  if (levelOf(EVERYWHERE, only) !== LEVEL.deny) return UNCLEAR;
  const except = denied.filter((one) => only.some((place) => meet(one, place, family)));
  return { kind: 'some', only, except, isLimited: open.some(({ isLimited }) => isLimited) };
}

/** The region without these packets. */
const lessened = ({ box, holes }: Region, without: readonly Box[]): Region =>
  without.length === 0
    ? { box, holes }
    : { box, holes: { entries: without.map((one) => ({ box: one })), from: 0, to: without.length, rest: holes } };

function boxOf({ address, through }: Place, family: Family, direction: Direction): Box {
  const remote = addressSet(address || ANYWHERE[family], family);
  const on = interfaceSet(through);
  return {
    ...EVERYTHING,
    ...(direction === 'in' ? { src: remote, interfaceIn: on } : { dst: remote, interfaceOut: on }),
  };
}

const isWithin = (inner: Place, outer: Place, family: Family): boolean =>
  (outer.through === '' || outer.through === inner.through) && addressIsWithin(inner.address, outer.address, family);

const addressIsWithin = (inner: string, outer: string, family: Family): boolean =>
  outer === '' || (inner !== '' && holds(addressSet(outer, family), addressSet(inner, family)));

/** Whether packets may be of both. */
const meet = (one: Place, other: Place, family: Family): boolean =>
  (one.through === '' || other.through === '' || one.through === other.through) &&
  (addressIsWithin(one.address, other.address, family) || addressIsWithin(other.address, one.address, family));

/** Without those that lie in others, and each of them once. */
const largest = (places: readonly Place[], family: Family): Place[] =>
  places.filter((one, at) =>
    places.every(
      (other, place) => other === one || !isWithin(one, other, family) || (isWithin(other, one, family) && at < place),
    ),
  );
