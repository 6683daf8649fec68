/** Standing schedules: registered, removed, overridden, and made true. */

import { nextEdge } from '../calendar/opening';
import { zoneFor } from '../calendar/wall-clock';
import { guardHere, startEdgeTimer } from '../commit/timers';
import { reschedule, transact } from '../commit/transaction';
import { codeOf, FirewallError, messageOf, overruled, rendered, say, sentenceOfError } from '../errors';
import { deadlineAfter, readClock, readZone } from '../host/clock';
import { readSchedule } from '../host/snapshot';
import { BY_TIMER, type By } from '../ledger/source';
import type { Call, Settings } from '../messages';
import { FREE } from '../plan/due';
import {
  dueStanding,
  inOrder,
  planDue,
  planStanding,
  REFUSALS,
  refuseRivals,
  refuseTooManyStandings,
  titleOf,
  withRefused,
} from '../plan/standing';
import type { ScheduleResult } from '../results';
import { isSameMoment } from '../same-moment';
import { overrules } from '../state/last-lockdown';
import type { Plan } from '../state/plan';
import { registryFor } from '../state/registry-for';
import type { Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { circumstancesOf, type Standing, sayingOf } from '../state/standing';
import { byOf } from './by';
import { cutClosed } from './cut';
import { door } from './door';
import { currentState } from './read';

const GUARDED = { force: false, onlyTighten: false };

/**
 * Registers a schedule, in place of the one with its id, and makes it true. One that is registered already as it is, is left
 * as it is.
 * @throws FirewallError INVALID_INPUT, UNKNOWN_SERVICE, UNKNOWN_PROFILE, INTERNAL_SERVICE, LOCKOUT: then nothing is changed
 */
export async function setSchedule(settings: Settings, call: Call<'schedule'>): Promise<ScheduleResult> {
  const { siblings, reason, ...asked } = call.request;
  const by = byOf(call);
  const wanted: Standing = { ...asked, settings: usedOf(settings), override: null, done: null };
  await refuseImpossible(settings, wanted, by);
  const { boot, wall } = await readClock();
  const gone: Standing[] = [];
  let isNew = false;
  const next = (snapshot: Snapshot): Schedule | null => {
    const { schedule } = snapshot;
    const registry = registryFor(settings, snapshot);
    const isOver = (one: Standing): boolean =>
      siblings !== undefined && one.owner === wanted.owner && one.id !== wanted.id && !siblings.includes(one.id);
    gone.push(...schedule.standings.filter(isOver));
    const others = schedule.standings.filter((one) => one.id !== wanted.id && !isOver(one));
    refuseRivals(wanted, others, registry);
    const known = schedule.standings.find(({ id }) => id === wanted.id);
    isNew = !known || !isSame(known, wanted);
    if (!isNew) return null;
    refuseTooManyStandings([...others, wanted]);
    // Somebody who deploys a schedule takes the clock for right.
    return {
      ...schedule,
      standings: [...schedule.standings.filter((one) => one !== known), wanted],
      seen: { boot, wall },
    };
  };
  const recovered = await reschedule(settings, next, () => ({
    ...{ type: 'schedule', ...by, action: `schedule ${titleOf(wanted)}`, services: servicesOf(wanted) },
  }));
  const warnings = [...recovered];
  for (const { id } of gone) warnings.push(...(await remove(settings, id, by)));
  const settled = await settleStandings(settings, by);
  const { missing } = await guardHere();
  return resultOf(settings, wanted.id, isNew, [
    ...warnings,
    ...settled.warnings,
    ...(isNew ? missing.map((one) => rendered(one)) : []),
  ]);
}

/** @throws FirewallError what planning either of its states throws */
async function refuseImpossible(settings: Settings, wanted: Standing, by: By): Promise<void> {
  for (const open of [true, false]) {
    const plan = (snapshot: Snapshot, id: string): Promise<Plan> =>
      planStanding(snapshot, registryFor(settings, snapshot), wanted, open, id);
    const intent = { action: `schedule ${titleOf(wanted)}`, reason: 'schedule' as const, by };
    await transact(
      settings,
      { ...intent, plan, guard: door(settings, open ? FREE : GUARDED, boundedBy(wanted)) },
      true,
    );
  }
}

const boundedBy = ({ subject }: Standing): 'service' | 'profile' =>
  subject.kind === 'profile' ? 'profile' : 'service';

const usedOf = (settings: Settings): Standing['settings'] => {
  const { servicePorts, customServices, customProfiles, managementFrom, managementTo } = settings;
  return { servicePorts, customServices, customProfiles, managementFrom, managementTo };
};

const isSame = (known: Standing, wanted: Standing): boolean =>
  JSON.stringify({ ...known, override: null, done: null }) === JSON.stringify(wanted);

/** Removes a schedule. Where there is none with that id, nothing is to do. */
export async function unschedule(settings: Settings, call: Call<'unschedule'>): Promise<ScheduleResult> {
  const { id } = call.request;
  const isKnown = (await readSchedule(settings)).standings.some((one) => one.id === id);
  return resultOf(settings, id, isKnown, isKnown ? await remove(settings, id, byOf(call)) : []);
}

async function remove(settings: Settings, id: string, by: By): Promise<readonly string[]> {
  const without = (schedule: Schedule): Schedule => ({
    ...schedule,
    standings: schedule.standings.filter((one) => one.id !== id),
  });
  const found = (await readSchedule(settings)).standings.find((one) => one.id === id);
  const warnings: string[] = [];
  if (found?.whenRemoved === 'close' && found.subject.kind === 'services') {
    const closing = {
      ...{ action: `schedule ${titleOf(found)} removed: close`, reason: 'schedule' as const, by },
      plan: async (snapshot: Snapshot, change: string): Promise<Plan> => {
        const plan = await planStanding(snapshot, registryOfOwn(settings, found, snapshot), found, false, change);
        return { ...plan, schedule: without(plan.schedule ?? snapshot.schedule) };
      },
      guard: door(settings, GUARDED),
    };
    try {
      return (await transact(settings, closing, false)).warnings;
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error;
      warnings.push(`The schedule ${titleOf(found)} was removed, but what it opened stays open: ${error.message}`);
    }
  }
  const said = await reschedule(
    settings,
    ({ schedule }) => (schedule.standings.some((one) => one.id === id) ? without(schedule) : null),
    () => ({
      ...{ type: 'schedule', ...by, action: `schedule ${found ? titleOf(found) : id} removed` },
      services: found ? servicesOf(found) : [],
    }),
  );
  return [...warnings, ...said];
}

/** The ids of the services that a schedule is about. */
export const servicesOf = ({ subject }: Pick<Standing, 'subject'>): string[] =>
  subject.kind === 'services' ? [...subject.services] : [];

const registryOfOwn = (settings: Settings, { settings: own }: Standing, snapshot: Snapshot) =>
  registryFor({ ...settings, ...own }, snapshot);

/** Overrides a schedule until its next edge or for a time, ends that, or only tells. @throws FirewallError INVALID_INPUT */
export async function override(settings: Settings, call: Call<'override'>): Promise<ScheduleResult> {
  const { request, since } = call;
  const by = byOf(call);
  const { id, action, duration } = request;
  const [deadline, zone, { boot, wall }] = await Promise.all([deadlineAfter(duration), readZone(), readClock()]);
  const unknown = (): FirewallError =>
    new FirewallError('INVALID_INPUT', {
      what: say`id: there is no schedule with the id ${id} on this device.`,
      remedy: say`Deploy its node.`,
    });
  if (action === 'status') {
    if (!(await readSchedule(settings)).standings.some((one) => one.id === id)) throw unknown();
    return resultOf(settings, id, false, []);
  }
  let isChanged = false;
  let overridden: Standing | undefined;
  const next = ({ schedule }: Snapshot): Schedule | null => {
    if (overrules(schedule.lockdown, since, boot)) throw overruled();
    const known = schedule.standings.find((one) => one.id === id);
    if (!known) throw unknown();
    if (action === 'auto' && known.override === null) return null;
    [isChanged, overridden] = [true, known];
    const edge = deadline ? null : nextEdge(known.calendar, wall, zoneFor(known.calendar, zone));
    const wanted = action === 'auto' ? null : { open: action === 'open', deadline, edge };
    return {
      ...schedule,
      standings: schedule.standings.map((one) => (one === known ? { ...one, override: wanted } : one)),
      // Who asks for something now takes the clock for right.
      seen: { boot, wall },
    };
  };
  const recovered = await reschedule(settings, next, () => ({
    ...{ type: 'schedule', ...by, action: `schedule ${overridden ? titleOf(overridden) : id}: ${action} by hand` },
    services: overridden ? servicesOf(overridden) : [],
  }));
  const { warnings } = await settleStandings(settings, by);
  return resultOf(settings, id, isChanged, [...recovered, ...warnings]);
}

async function resultOf(
  settings: Settings,
  id: string,
  changed: boolean,
  warnings: readonly string[],
): Promise<ScheduleResult> {
  const state = await currentState(settings);
  const schedule = state.schedules.find((one) => one.id === id) ?? null;
  return { id, changed, schedule, warnings: [...warnings], state };
}

interface Settled {
  warnings: readonly string[];
  failed: boolean;
}

/** Makes true what the schedules say now, where something else was made last. A change that waits to be confirmed holds it up. */
export async function settleStandings(settings: Settings, by = BY_TIMER): Promise<Settled> {
  const first = await readSchedule(settings);
  if (first.standings.length === 0) return { warnings: [], failed: false };
  const warnings: string[] = [];
  let failed = false;
  for (const id of inOrder(first)) {
    try {
      warnings.push(...(await makeTrue(settings, id, by)));
    } catch (error) {
      failed = true;
      warnings.push(`A schedule could not be carried out: ${messageOf(error)}`);
    }
  }
  try {
    await arm(settings);
  } catch (error) {
    failed = true;
    warnings.push(`A schedule has no timer: ${messageOf(error)}`);
  }
  return { warnings, failed };
}

async function makeTrue(settings: Settings, id: string, by: By): Promise<readonly string[]> {
  const [clock, zone] = await Promise.all([readClock(), readZone()]);
  const due = dueStanding(await readSchedule(settings), id, { clock, zone });
  if (!due) return [];
  const { one, saying } = due;
  const own: Settings = { ...settings, ...one.settings };
  const intent = {
    action: `schedule ${titleOf(one)}: ${wordsFor(one, saying.open)}`,
    ...{ reason: 'schedule' as const, by },
    plan: (snapshot: Snapshot, change: string): Promise<Plan> => planDue(snapshot, own, id, change, { clock, zone }),
    guard: door(own, GUARDED),
  };
  try {
    const done = await transact(settings, intent, false);
    const isCut = one.cutConnections && !saying.open && done.changed;
    return [...done.warnings, ...(isCut ? await cutClosed(done) : [])];
  } catch (error) {
    if (!REFUSALS.has(codeOf(error))) throw error;
    const { action } = intent;
    await reschedule(
      settings,
      ({ schedule }) => withRefused(schedule, id, saying.open, clock),
      () => ({
        ...{
          type: 'refusal',
          ...by,
          action,
          result: String(codeOf(error)),
          note: sentenceOfError(error),
          services: servicesOf(one),
        },
      }),
    );
    return [`The schedule ${titleOf(one)} could not be carried out, until its next edge: ${messageOf(error)}`];
  }
}

const wordsFor = ({ subject }: Standing, open: boolean): string =>
  subject.kind === 'profile'
    ? `set-profile ${open ? subject.profile : subject.otherwise}`
    : `${open ? 'open' : 'close'} ${subject.services.join(', ')}`;

/** Has systemd wait for the next edge, and for changes of the clock. */
async function arm(settings: Settings): Promise<void> {
  const [schedule, clock, zone] = await Promise.all([readSchedule(settings), readClock(), readZone()]);
  const circumstances = circumstancesOf(schedule, clock, zone);
  const edges = schedule.standings.flatMap((one) => {
    const { until, next } = sayingOf(one, circumstances);
    return [until, next].filter((at): at is number => at !== null);
  });
  const at = edges.length === 0 ? null : Math.min(...edges);
  const { armed } = schedule;
  if (armed?.boot === clock.boot && isSameMoment(armed.at, at)) return;
  await startEdgeTimer(settings, at, armed?.boot === clock.boot, clock);
  await reschedule(settings, (snapshot) => ({ ...snapshot.schedule, armed: { boot: clock.boot, at } }));
}
