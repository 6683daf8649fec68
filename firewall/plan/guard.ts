/** What no change may do, whatever was requested: open more than permitted, or close the last way in. */
import { FirewallError, type Sentence, say } from '../errors';
import { cutOff } from '../peers/impact';
import type { Known, KnownPeers } from '../peers/known';
import { ANY_SCOPE, type Scope } from '../services/profiles';
import { type Registry, serviceNamed } from '../services/registry';
import { asRead } from '../verdicts/owner';
import type { Ruleset } from '../verdicts/ruleset';
import { verdictOn } from '../verdicts/verdict';
import { type Wider, wider } from '../verdicts/wider';

/** What decides about packets at one time, and where the web pages are then. */
export interface Moment {
  rules: Ruleset;
  registry: Registry;
}

/** What a request is limited to. */
export interface Limits {
  /** It may close the last way in. */
  force: boolean;
  /** It may let nothing more in or out. */
  onlyTighten: boolean;
  /** Who may not be cut off; left out, or null: anybody may. */
  kept?: () => KnownPeers | null;
}

/**
 * Why the one must not lead to the other; null where it may.
 * @param later by what the second comes by itself, after the change; null for what the change itself leads to
 */
export function refusalOf(now: Moment, then: Moment, limits: Limits, later: Sentence | null): FirewallError | null {
  return (limits.onlyTighten ? wouldOpen(now, then, later) : null) ?? (limits.force ? null : lockout(now, then, later));
}

function wouldOpen(now: Moment, then: Moment, later: Sentence | null): FirewallError | null {
  const found = wider(now.rules, then.rules);
  if (!found) return null;
  const by = described(found);
  return new FirewallError('WOULD_OPEN', {
    what: later
      ? say`onlyTighten is set, but ${later} ${by} would allow more traffic than now.`
      : say`onlyTighten is set, but ${by} would allow more traffic.`,
  });
}

/** Whoever was seen so long ago may be cut off; in s. */
const KEPT_S = 30 * 24 * 3600;
/** So many are named. */
const MOST_NAMED = 5;

/**
 * Why a change may not cut off those whom it would; null where it may.
 * @param now in ms since 1970
 */
export async function wouldCutOff(
  before: Moment,
  after: Ruleset,
  kept: KnownPeers,
  now: number,
  later: Sentence | null,
): Promise<FirewallError | null> {
  const cut = await cutOff(kept, before.registry, before.rules, after);
  const recent = ({ lastSeen }: Known): boolean => lastSeen === null || lastSeen >= now / 1000 - KEPT_S;
  const named = cut.flatMap(({ service, peers }) =>
    peers.filter(recent).map(({ address }) => `${address} (${service})`),
  );
  if (named.length === 0) return null;
  const who = named.slice(0, MOST_NAMED).join(', ');
  const more = named.length - Math.min(named.length, MOST_NAMED);
  return new FirewallError('WOULD_CUT_OFF', {
    what: later
      ? say`keepPeers is set, but ${later} peers would be cut off: ${who} and ${more} more.`
      : say`keepPeers is set, but peers would be cut off: ${who} and ${more} more.`,
    remedy: say`Let them in with toggle-service, or leave keepPeers out if they are no longer needed.`,
  });
}

const DIRECTIONS = { in: 'incoming', out: 'outgoing', forward: 'routed' } as const;

function described({ family, direction, decidedBy }: Wider): Sentence {
  const { chain, rule } = asRead(decidedBy);
  if (rule === null) return say`the default policy for ${DIRECTIONS[direction]} packets (${family})`;
  return say`the rule "${rule}" of ${chain} (${family})`;
}

function lockout(now: Moment, then: Moment, later: Sentence | null): FirewallError | null {
  const isLost = (scope: Scope): boolean => {
    const [was, is] = [wayIn(now, scope), wayIn(then, scope)];
    return (was.isCertain && !is.isCertain) || (was.isPossible && !is.isPossible);
  };
  if (isLost(ANY_SCOPE)) {
    return new FirewallError('LOCKOUT', {
      what: later
        ? say`${later} the last way in to the web pages, and with them the Node-RED editor, would be closed.`
        : say`this would close the last way in to the web pages, and with them the Node-RED editor.`,
      remedy: say`Leave https open for at least one address, or use force if you can reach the USB console.`,
    });
  }
  const { managementFrom } = now.registry;
  if (managementFrom === '' || !isLost({ interface: '', from: managementFrom })) return null;
  return new FirewallError('LOCKOUT', {
    what: later
      ? say`${later} the web pages would be closed to ${managementFrom}, which must always be able to reach them (managementFrom).`
      : say`this would close the web pages to ${managementFrom}, which must always be able to reach them (managementFrom).`,
    remedy: say`Leave https open for that address, or use force if you can reach the USB console.`,
  });
}

/** Whether somebody gets in to the web pages, for certain and perhaps. */
function wayIn({ rules, registry }: Moment, scope: Scope): { isCertain: boolean; isPossible: boolean } {
  const { opens } = serviceNamed(registry, 'https');
  const verdicts = rules.map((family) => verdictOn(family, { direction: 'in', ports: opens, scope }));
  return {
    isCertain: verdicts.some(({ least }) => least !== 'closed'),
    isPossible: verdicts.some(({ most }) => most !== 'closed'),
  };
}
