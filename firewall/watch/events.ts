/** From two readings to what is worth reporting. Pure. */
import type { News, OwnChange, State, WatchEvent } from '../results';
import { POLICY_KEYS } from '../rules/policies';
import { ruleChanges, without } from '../state/rule-changes';

type Changed = Extract<WatchEvent, { topic: 'changed' }>['payload'];

/** @param before the reading before; null for the first one, for which existing conditions are reported too. */
export function eventsOf(before: News | null, now: News): WatchEvent[] {
  return [...now.changes.flatMap(eventsOfChange), ...(before ? byOthers(before, now) : []), ...holding(before, now)];
}

function eventsOfChange({ reverted, ended, ...change }: OwnChange): WatchEvent[] {
  const { at, ...rest } = change;
  return [
    ...changed({ who: 'self', ...rest }),
    ...(reverted ? [{ topic: 'reverted' as const, payload: { ...reverted, at } }] : []),
    ...ended.map((service) => ({ topic: 'lease-ended' as const, payload: { service, at } })),
  ];
}

/** A change of the web ports or of a program may leave all of this as it is. */
function changed(payload: Changed): WatchEvent[] {
  const { added, removed, policies, enabled, logging } = payload;
  const isSome =
    added.length + removed.length + Object.keys(policies).length > 0 || enabled !== null || logging !== null;
  return isSome ? [{ topic: 'changed', payload }] : [];
}

function byOthers({ state: then }: News, { state: now, changes }: News): WatchEvent[] {
  const whole = ruleChanges(then.rules, now.rules);
  const policies: Changed['policies'] = {};
  for (const key of POLICY_KEYS) {
    const own = steps(changes, (one) => one.policies[key]);
    const step = foreignStep(then.policies[key], now.policies[key], own);
    if (step) policies[key] = step;
  }
  return changed({
    ...{ who: 'other', id: null, action: null, reason: null },
    // A rule moved by an own change is not distinguished from one that stayed.
    ...(changes.length === 0 ? whole : without(whole, changes)),
    policies,
    enabled: foreignStep(
      then.enabledAtBoot,
      now.enabledAtBoot,
      steps(changes, ({ enabled }) => enabled),
    ),
    logging: foreignStep(
      then.logging,
      now.logging,
      steps(changes, ({ logging }) => logging),
    ),
  });
}

interface Step<Value> {
  from: Value;
  to: Value;
}

const steps = <Value>(
  changes: readonly OwnChange[],
  of: (change: OwnChange) => Step<Value> | null | undefined,
): Step<Value>[] => changes.map(of).filter((step): step is Step<Value> => !!step);

/** What others made of a value that own changes have found and left like this; null where nothing. */
function foreignStep<Value>(from: Value, to: Value, own: readonly Step<Value>[]): Step<Value> | null {
  let at = from;
  let foreign: Step<Value> | null = null;
  for (const step of [...own, { from: to, to }]) {
    if (step.from !== at) foreign = { from: foreign ? foreign.from : at, to: step.from };
    at = step.to;
  }
  return foreign;
}

/** What holds now and did not, or not in this way, before. */
function holding(before: News | null, now: News): WatchEvent[] {
  const { pending, webPorts } = now.state;
  const { drift } = now;
  const isNew = (of: (news: News) => unknown): boolean =>
    before === null || JSON.stringify(of(before)) !== JSON.stringify(of(now));
  return [
    ...(pending && isNew(({ state }) => state.pending?.id) ? [{ topic: 'pending' as const, payload: pending }] : []),
    ...(drift && drift.differences.length > 0 && isNew((news) => news.drift)
      ? [{ topic: 'drift' as const, payload: drift }]
      : []),
    ...(webPorts && !webPorts.consistent && isNew(({ state }) => problemsOf(state))
      ? [{ topic: 'web-ports' as const, payload: webPorts }]
      : []),
  ];
}

const problemsOf = ({ webPorts }: State): readonly string[] => webPorts?.problems ?? [];
