/** What all changes have in common: one waits at a time, an operator's order is kept, and the result says what was done. */
import { backupIds } from '../commit/journal';
import { guardHere } from '../commit/timers';
import { type Committed, type Intent, transact } from '../commit/transaction';
import { overruled, rendered } from '../errors';
import { deadlineAfter, readClock } from '../host/clock';
import { readNetwork } from '../host/connections';
import { formsIn } from '../host/in-sync';
import { readLastWord, writeLastWord } from '../host/last-word';
import type { Order, SetProfileRequest, Settings } from '../messages';
import { precisely } from '../monotonic';
import type { KnownPeers } from '../peers/known';
import { refuseWhileWaiting, scheduled } from '../plan/asked';
import { leftOpen, openToAll, openToAllWarnings } from '../plan/left-open';
import type { Remaining } from '../plan/narrow';
import { fromBytes } from '../printable';
import type { ChangeResult, Repetition, State } from '../results';
import { FILE_NAMES } from '../rules/ufw-settings';
import { changedRules } from '../state/changed-rules';
import { type Clock, deadlineText } from '../state/clock';
import { type Kernel, rulesetIn } from '../state/kernel';
import { type LastLockdown, overrules } from '../state/last-lockdown';
import { type Plan, unchanged } from '../state/plan';
import { registryFor } from '../state/registry-for';
import { allRules, policyChanges, ruleReports } from '../state/report';
import { rulesetAfter } from '../state/ruleset-after';
import type { WantedProfile } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import type { Ruleset } from '../verdicts/ruleset';
import { type Closing, stillOpenWarnings } from '../verdicts/still-open';
import { yieldToEventLoop } from '../yield';
import { closedConnections, cut } from './cut';
import { door } from './door';
import { impactOf } from './impact';
import { isCarriedOut } from './order';
import { knownOrNot, knownTo } from './peers';
import { readSurroundings, repetition, type Surroundings, stateOf } from './read';

interface Asked extends Omit<Intent, 'reason' | 'guard' | 'plan'> {
  /** @param known who talks with which service; null where that cannot be told, in a lockdown */
  plan(snapshot: Snapshot, id: string, kernel: Kernel, known: KnownPeers | null): Plan | Promise<Plan>;
  /** It is made although another change waits to be confirmed. */
  overrides?: boolean;
  /** The operator's request that asks for it. */
  order?: Order | undefined;
  /** When it was requested; ms, see `precisely` in monotonic.ts. */
  since?: number | undefined;
  /** It overrules what was requested before it. */
  isLockdown?: boolean;
  /** The profile that is to hold from now on. */
  wanted?: WantedProfile;
  /** The property that its rules come from, where there are bounds to how many it may make. */
  bounded?: 'service' | 'profile';
  /** For how long it was asked, in seconds; 0 for good. */
  duration?: number;
  /** What is to be closed when it has been made. */
  closings?: (after: Snapshot) => readonly Closing[];
  /** What is to be open to fewer than everybody when it has been made, if it can be. */
  remaining?: (after: Snapshot, known: KnownPeers | null) => readonly Remaining[];
}

/** The options of every change. */
type Options = Pick<
  SetProfileRequest,
  'dryRun' | 'confirmWithin' | 'cutConnections' | 'force' | 'onlyTighten' | 'keepPeers'
>;

/** Makes the change, cuts what it closed, and reports. @throws FirewallError, see the contract. */
export async function change(
  settings: Settings,
  asked: Asked,
  { dryRun, confirmWithin, cutConnections, force, onlyTighten, keepPeers }: Options,
): Promise<ChangeResult | Repetition> {
  const started = process.hrtime.bigint();
  const [deadline, watched, clock] = await Promise.all([deadlineAfter(confirmWithin), guardHere(), readClock()]);
  const { order, wanted, since, isLockdown = false } = asked;
  let surroundings: Promise<Surroundings> | undefined;
  let isRepeated = false;
  const isOverruled = !isLockdown && !dryRun;
  const refuseLate = async (): Promise<void> => {
    if (isOverruled && since !== undefined && since < (await readLastWord())) throw overruled();
  };
  let peers: ReturnType<typeof knownOrNot> = { known: null, warnings: [] };
  const onNothing = async (): Promise<void> => writeLastWord(Math.min(since ?? 0, precisely()));
  const plan: Intent['plan'] = async (snapshot, id, kernel) => {
    // Read while the change waits for the lock and for the kernel.
    if (!asked.movesWeb && !surroundings) {
      surroundings = readSurroundings();
      // Where it fails, that is reported when it is awaited, or the change has failed before.
      surroundings.catch(() => undefined);
    }
    const { pending, lastRequest, lockdown } = snapshot.schedule;
    if (isOverruled && overrules(lockdown, since, clock.boot)) throw overruled();
    await refuseLate();
    // A plan that is made again finds the order it has itself written down.
    isRepeated = !!order && lastRequest?.change !== id && isCarriedOut(order, lastRequest, clock.wall);
    if (isRepeated) return unchanged(snapshot);
    const terms = { id, action: asked.action, dryRun, deadline, guard: watched.guard, cutConnections, order, wanted };
    refuseWhileWaiting(pending, { ...terms, overrides: asked.overrides === true }, clock);
    peers = isLockdown ? knownOrNot(settings, snapshot) : { known: knownTo(settings, snapshot), warnings: [] };
    const planned = await asked.plan(snapshot, id, kernel, peers.known);
    return scheduled(snapshot, planned, terms, async (acts) => {
      const isLastWord = isLockdown && !dryRun && (acts || !(await isLast(settings, lockdown, clock)));
      // The caller's clock is this one; it is no later for saying so.
      return isLastWord && since !== undefined ? { id, boot: clock.boot, since: Math.min(since, precisely()) } : null;
    });
  };
  // Nothing must hold up a lockdown.
  const kept = (): KnownPeers | null => (keepPeers && !isLockdown ? peers.known : null);
  const guard = door(settings, { force, onlyTighten, kept }, asked.bounded);
  const lastWord = isLockdown && since !== undefined ? { onNothing } : { refuseLate };
  const done = await transact(settings, { ...asked, ...lastWord, plan, guard, reason: 'requested' }, dryRun);
  if (isRepeated) return repetition(settings, done.warnings);
  const around = await (surroundings ?? readSurroundings());
  const then = dryRun ? await rulesetThen(done) : rulesetIn(done.kernel);
  const rulesets = [rulesetIn(dryRun ? done.kernel : done.kernelBefore), then] as const;
  const cuts = cutConnections && !dryRun && done.changed;
  // What is to be ended is looked for when the kernel has the change.
  const network = cuts ? readNetwork() : around;
  const { closed, warnings: unread } = done.changed ? await closedConnections(rulesets, network) : NONE_CLOSED;
  const gone = cuts ? await cut(closed) : NOTHING_CUT;
  const state = await stateOf(settings, dryRun ? done.before : done.after, done.kernel, around);
  const lease = leaseIn(done, dryRun, clock);
  const stillOpen = await leftOpen(then, done.after, asked.closings?.(done.after) ?? []);
  const registry = registryFor(settings, done.before);
  const impact = done.changed ? await impactOf(peers.known, registry, rulesets, closed) : [];
  const open = openToAll(then, asked.remaining?.(done.after, peers.known) ?? []);
  await yieldToEventLoop();
  return {
    id: done.id,
    action: asked.action,
    changed: done.changed && !dryRun,
    dryRun,
    impact,
    stillOpen,
    openToAll: open.map((one) => ({ ...one, reason: rendered(one.reason) })),
    ...ruleChanges(done),
    policies: policyChanges(done.before.settings.policies, done.after.settings.policies),
    files: [...done.files],
    cut: gone.count,
    backup: done.backup,
    pending: dryRun ? null : await pendingOf(done),
    lease,
    warnings: [
      ...done.warnings,
      ...(asked.duration && !dryRun && !lease ? [NOTHING_TO_END] : []),
      ...(done.after.schedule.pending?.id === done.id || lease ? watched.missing.map((one) => rendered(one)) : []),
      ...unread,
      ...gone.warnings,
      ...peers.warnings,
      ...stillOpenWarnings(stillOpen),
      ...openToAllWarnings(open),
      ...(done.changed ? [...foreignLines(state), ...rewrittenLines(done)] : []),
    ],
    state,
    durationMs: Number(process.hrtime.bigint() - started) / 1e6,
  };
}

/** What a dry run's change would make of the kernel. */
const rulesetThen = async ({ kernel, before, after }: Committed): Promise<Ruleset> =>
  rulesetAfter(kernel, before, after, await formsIn(before, kernel));

/** Whether nothing was changed since the last lockdown of this boot: then it has nothing to write that lasts. */
async function isLast(settings: Settings, last: LastLockdown | null, { boot }: Clock): Promise<boolean> {
  const [newest = ''] = (await backupIds(settings)).reverse();
  return last?.boot === boot && newest <= last.id;
}

/** The temporary change that the request has begun. */
function leaseIn({ id, after }: Committed, dryRun: boolean, clock: Clock): ChangeResult['lease'] {
  const own = dryRun ? undefined : after.schedule.leases.find((lease) => lease.id === id);
  return own ? { until: deadlineText(own.deadline, clock) } : null;
}

const NOTHING_TO_END =
  'All was so already, so nothing ends after the duration: it stays as it is. With "afterwards" a service is closed, or open, then in any case.';

const NONE_CLOSED = { closed: [], warnings: [] };

const NOTHING_CUT = { count: 0, warnings: [] };

async function pendingOf({ id, after }: Committed): Promise<ChangeResult['pending']> {
  const { pending } = after.schedule;
  if (pending?.id !== id) return null;
  return { confirmBy: deadlineText(pending.deadline, await readClock()), guard: pending.guard };
}

/** Lines that are not rules are kept by this package, but not by ufw. */
function foreignLines({ unreadable }: State): string[] {
  if (unreadable.length === 0) return [];
  return [
    `Lines that are not ufw rules were kept, but ufw will drop them when it next writes: ${unreadable.join('; ')}`,
  ];
}

/** Settings that ufw's programs read differently are written so that they agree. */
function rewrittenLines({ before, after }: Committed): string[] {
  const left = new Set(after.settings.disputed.map(({ text }) => text));
  return before.settings.disputed
    .filter(({ text }) => !left.has(text))
    .map(
      ({ file, line, text, option }) =>
        `Line ${line} of ${FILE_NAMES[file]} was rewritten, as ufw and its boot script read it differently or ufw cannot change it there: "${fromBytes(text)}". ${option} is now read by both alike.`,
    );
}

function ruleChanges({ before, after }: Committed): Pick<ChangeResult, 'added' | 'removed'> {
  const [old, next] = [allRules(before), allRules(after)];
  const { added, removed } = changedRules(before.families, after.families);
  return {
    added: ruleReports(next, (rule) => added.has(rule)),
    removed: ruleReports(old, (rule) => removed.has(rule)),
  };
}
