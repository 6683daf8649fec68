/** Services that are open for those who are known to use them, and nobody else. */

import { type Sentence, say } from '../errors';
import { isSameList } from '../lists';
import type { SetProfileRequest } from '../messages';
import { type KnownPeers, narrowing } from '../peers/known';
import { isBlock, type Rule, sameIdentity } from '../rules/rule';
import { about, remoteOf } from '../services/about';
import type { Service } from '../services/catalogue';
import { BUSES, type Expectation, type Profile } from '../services/profiles';
import { ALL_ADDRESSES, addressSet, contains, holds } from '../verdicts/boxes';
import type { Direction } from '../verdicts/openness';
import { boxesOf } from '../verdicts/packets';

/** How a profile is asked to be narrowed. */
export type Wish = Pick<SetProfileRequest, 'profile' | 'buses' | 'peers'>;

/** A service that may stay open to everybody, and why. */
export interface Remaining {
  service: Service;
  direction: Direction;
  reason: Sentence;
}

/** What becomes of one direction of a service; null where nobody asks to narrow it. */
type Fate = { kind: 'to'; only: readonly string[] } | { kind: 'closed' } | { kind: 'open'; reason: Sentence } | null;

/** @param known null where it cannot be told who is, which leaves things as they are */
function fateOf({ service, direction, want }: Expectation, wish: Wish, known: KnownPeers | null): Fate {
  if (want === 'closed' || service.id === 'dhcp') return null;
  const isBus = wish.profile === 'lockdown' && direction === 'in' && BUSES.includes(service.id);
  if (isBus && wish.buses === 'close') return { kind: 'closed' };
  if (isBus && wish.buses === 'keep') return { kind: 'open', reason: say`it was asked to be kept` };
  if (!isBus && !wish.peers) return null;
  if (!known) return { kind: 'open', reason: say`it cannot be told who uses it` };
  const { to, reason } = narrowing(known, service, direction);
  return to ? { kind: 'to', only: to } : { kind: 'open', reason };
}

/** The profile as it is asked for. */
export const narrowedProfile = (profile: Profile, wish: Wish, known: KnownPeers | null): Profile => ({
  ...profile,
  expectations: profile.expectations.map((one): Expectation => {
    const fate = fateOf(one, wish, known);
    if (fate?.kind === 'closed') return { ...one, want: 'closed' };
    return fate?.kind === 'to' ? { ...one, only: fate.only } : one;
  }),
});

/** What was to be narrowed, each with the reason why everybody may still get through. */
export const remainingIn = ({ expectations }: Profile, wish: Wish, known: KnownPeers | null): Remaining[] =>
  expectations.flatMap((one): Remaining[] => {
    const fate = fateOf(one, wish, known);
    if (!fate || fate.kind === 'closed') return [];
    const reason = fate.kind === 'open' ? fate.reason : say`rules that are not about it alone let everybody through`;
    return [{ service: one.service, direction: one.direction, reason }];
  });

/** The rules that let a service through do so only for these addresses; never for anybody they did not before. */
export function narrowedTo(
  rules: readonly Rule[],
  service: Service,
  direction: Direction,
  only: readonly string[],
): readonly Rule[] {
  const isAbout = about(service, direction);
  const kept: Rule[] = [];
  for (const [at, rule] of rules.entries()) {
    const next = isBlock(rule) || !isAbout(rule) ? [rule] : partsOf(rule, only);
    for (const one of next) {
      // ufw keeps one rule of an identity: the first one decides.
      if (kept.some((other) => sameIdentity(other, one))) continue;
      const same = one === rule ? at : rules.findIndex((other) => sameIdentity(other, one));
      if (same >= 0 && same < at) continue;
      // Nothing is left for it where an earlier one holds as much.
      if (one !== rule && same < 0 && kept.some((other) => allowsAll(other, one))) continue;
      kept.push(same > at && rules[same]?.action === one.action ? (rules[same] ?? one) : one);
    }
  }
  return isSameList(kept, rules) ? rules : kept;
}

const allowsAll = (outer: Rule, inner: Rule): boolean =>
  outer.action === inner.action &&
  outer.direction === inner.direction &&
  !outer.routed &&
  boxesOf(inner).every((box) => boxesOf(outer).some((one) => contains(one, box)));

/** A rule for each of the addresses that it is about. */
function partsOf(rule: Rule, only: readonly string[]): Rule[] {
  const { family } = rule;
  const field = rule.direction === 'in' ? 'src' : 'dst';
  const own = addressSet(remoteOf(rule), family);
  const near = only.filter((address) => address.includes(':') === (family === 'ipv6'));
  if (own !== ALL_ADDRESSES && near.some((address) => holds(addressSet(address, family), own))) return [rule];
  return near
    .filter((address) => holds(own, addressSet(address, family)))
    .map((address) => ({ ...rule, [field]: address }));
}
