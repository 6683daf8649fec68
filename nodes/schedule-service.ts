/** A schedule that the engine keeps, see firewall/state/standing.ts: the node registers it, reports it and overrides it. */
import { createHash } from 'node:crypto';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { DAY_MS, WEEKDAYS, weekdayOf } from '../firewall/calendar/dates';
import { wallClock, zoneFor } from '../firewall/calendar/wall-clock';
import { asFirewallError, FirewallError, say } from '../firewall/errors';
import { folded, givenAction } from '../firewall/given';
import { precisely } from '../firewall/monotonic';
import { printable } from '../firewall/printable';
import type { Asking } from '../firewall/queue';
import type { ScheduleReport } from '../firewall/results';
import { isSameMoment } from '../firewall/same-moment';
import { answerMessages, sourceOf } from './answer';
import { type Device, openAgain, resumeDevice, useDevice } from './device';
import { fromStored } from './migrate';
import { asNumber, defined, evaluate, reasonOf } from './request';
import type { Outcome } from './status';
import { translated } from './translated';

type Definition = NodeDef & { device?: string } & Record<string, unknown>;

/**
 * What a property means that a flow does not have. Those that say what is open, and when, must be there: none is to be opened
 * because a line was forgotten.
 */
const DEFAULTS = { about: 'services', action: 'payload', actionType: 'msg' };

const ACTIONS = ['open', 'close', 'auto', 'status'];

/** So many siblings can be named. */
const MOST_SIBLINGS = 200;

const LONGEST_NAME = 200;

/** The schedules of the nodes that run now; those in subflows are in no list of Node-RED's. */
const running = new Set<string>();

/** The id of a node is that of its schedule, or leads to it: a node in subflows within subflows has a longer one. */
const scheduleIdOf = (id: string): string =>
  /^[\w.-]{1,64}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');

/** The same for all nodes of this Node-RED, and after each of its starts. */
function ownerOf(RED: NodeAPI): string {
  const { userDir, flowFile } = RED.settings as { userDir?: unknown; flowFile?: unknown };
  return createHash('sha256')
    .update(JSON.stringify([userDir, flowFile]))
    .digest('hex')
    .slice(0, 32);
}

/** @throws FirewallError INVALID_INPUT */
function subjectOf({ about, service, direction, interface: on, from, profile, otherwise }: Definition): object {
  if (about === 'profile') return { kind: 'profile', profile, otherwise };
  if (about !== 'services') {
    throw new FirewallError('INVALID_INPUT', {
      what: say`about: must be services or profile (got ${printable(about)}).`,
    });
  }
  const services = String(service ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (services.length === 0) throw new FirewallError('INVALID_INPUT', { what: say`service: no service is named.` });
  // The editor's '' stands for "as the service requires", which a request expresses by omitting the direction.
  return {
    ...{ kind: 'services', services },
    ...defined({ direction: direction === '' ? undefined : direction, interface: on, from }),
  };
}

/** @throws FirewallError INVALID_INPUT */
function actionOf(value: unknown): string {
  const given = givenAction(value);
  const action = typeof given === 'string' ? folded(given) : '';
  if (ACTIONS.includes(action)) return action;
  throw new FirewallError('INVALID_INPUT', {
    what: say`action: must be open, close, auto or status (got ${printable(value)}).`,
  });
}

/** A new one for each message: later nodes may modify it. */
const payloadOf = ({ services, profile, open, by, until, next }: ScheduleReport): object => ({
  ...(services ? { service: services.join(', ') } : { service: null, profile }),
  ...{ open, by, until, next },
});

/** Whether these say the same: an end that is measured anew each time is no news. */
function isSame(one: ScheduleReport, other: ScheduleReport): boolean {
  const { until, ...rest } = one;
  const { until: otherUntil, ...otherRest } = other;
  if (JSON.stringify(rest) !== JSON.stringify(otherRest)) return false;
  const moment = (text: string | null): number | null => (text === null ? null : Date.parse(text));
  return isSameMoment(moment(until), moment(otherUntil));
}

/** The device's own time zone, which may be set anew at any time. Loaded on demand, like the engine (device.ts). */
const deviceZone = (): Promise<string> =>
  (require('../firewall/host/clock') as typeof import('../firewall/host/clock')).readZone();

export = (RED: NodeAPI): void => {
  /** `19:00`, `Mon 07:00`, or the month and day of what is a week away or more. */
  function timeOf(until: string, zone: string): string {
    const names = {
      ...{ mon: RED._('day.mon'), tue: RED._('day.tue'), wed: RED._('day.wed'), thu: RED._('day.thu') },
      ...{ fri: RED._('day.fri'), sat: RED._('day.sat'), sun: RED._('day.sun') },
    };
    const wall = wallClock(Date.parse(until), zone);
    const day = Math.floor(wall / DAY_MS);
    const away = day - Math.floor(wallClock(Date.now(), zone) / DAY_MS);
    const text = new Date(wall).toISOString();
    if (away === 0) return text.slice(11, 16);
    const name = WEEKDAYS[weekdayOf(day)];
    return name && away > 0 && away < 7 ? `${names[name]} ${text.slice(11, 16)}` : text.slice(5, 10);
  }

  /** What a schedule says, in a few words. */
  function textOf({ open, by, until, profile }: ScheduleReport, zone: string): string {
    if (by === 'lockdown') return RED._('status.lockdown');
    if (by === 'clock') return RED._('status.clock');
    if (by === 'pending') return RED._('status.pending');
    if (by === 'lease') return open ? RED._('status.leaseOpen') : RED._('status.leaseClosed');
    const time = until === null ? '' : timeOf(until, zone);
    if (profile !== null) return time ? `${profile} → ${time}` : profile;
    if (by === 'override' && !time) return open ? RED._('status.handOpenAlways') : RED._('status.handClosedAlways');
    if (by === 'override') return open ? RED._('status.handOpen', { time }) : RED._('status.handClosed', { time });
    if (!time) return open ? RED._('status.alwaysOpen') : RED._('status.alwaysClosed');
    return open ? RED._('status.openUntil', { time }) : RED._('status.closedUntil', { time });
  }

  const outcomeOf = ({ open, by }: ScheduleReport): Outcome =>
    by !== 'schedule' && by !== 'override' ? 'waiting' : open ? 'success' : 'unchanged';

  RED.nodes.registerType('schedule-service', function (this: Node, stored: Definition) {
    const known = fromStored(RED, this, stored);
    const id = scheduleIdOf(this.id);
    // One of a later version is not understood, and stays registered as it is.
    running.add(id);
    this.on('close', () => {
      running.delete(id);
    });
    if (!known) return;
    const def: Definition = { ...DEFAULTS, ...(defined(known) as Definition) };
    const device = useDevice(RED, this, def.device);
    resumeDevice(RED, this, device);

    /** The last device that it was to be registered with, and whether it is. */
    let used: Device | null = null;
    let isRegistered = false;
    let registering: Promise<void> | null = null;
    let isClosed = false;
    /** Why it could not be registered, which is reported once and not for each deploy. */
    let reported = '';
    let forget = (): unknown => undefined;
    /** What the schedule said last, and what it said in the last message. */
    let seen: ScheduleReport | null = null;
    let sent: ScheduleReport | null = null;
    /** How many messages are in progress: what is seen meanwhile is in their answers. */
    let answering = 0;
    let begin = (): void => undefined;
    // Earlier, not all siblings may run, and those that do not would be removed.
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });

    const shownAs = async (report: ScheduleReport): Promise<string> => {
      const { timeZone } = def;
      return textOf(report, zoneFor({ timeZone: typeof timeZone === 'string' ? timeZone : '' }, await deviceZone()));
    };
    /** Sends what the schedule says now, if that is news. */
    const tell = async (): Promise<void> => {
      if (!seen || answering > 0 || isClosed) return;
      const report = seen;
      if (!sent || !isSame(sent, report)) {
        sent = report;
        this.send({ payload: payloadOf(report) });
      }
      const shown = await shownAs(report);
      if (seen === report) show(outcomeOf(report), shown);
    };
    const look = (schedules: readonly ScheduleReport[]): void => {
      if (!isRegistered || isClosed) return;
      seen = schedules.find((one) => one.id === id) ?? null;
      if (seen) tell();
      // The file that it was kept in was damaged and set aside, or another program has removed it.
      else attempt();
    };
    const registerWith = async (found: Device): Promise<void> => {
      forget();
      [used, isRegistered] = [found, false];
      const siblings = [...running];
      const { timeZone, hours, exceptions, whenRemoved, cutConnections } = def;
      // It is for people, and no reason to refuse a schedule.
      const name = typeof def.name === 'string' ? def.name.slice(0, LONGEST_NAME) : undefined;
      const request = defined({
        ...{ id, name, owner: ownerOf(RED), siblings: siblings.length > MOST_SIBLINGS ? undefined : siblings },
        ...{ subject: subjectOf(def), calendar: defined({ hours, exceptions, timeZone }), whenRemoved, cutConnections },
      });
      const { schedule } = await found.schedule(request, {
        sender: this,
        since: precisely(),
        source: sourceOf(RED, this),
      });
      if (isClosed) return;
      forget = found.observe(({ state }) => look(state.schedules));
      [isRegistered, reported, seen] = [true, '', schedule];
      tell();
    };
    /** @throws FirewallError as `Firewall.schedule` does, and if there is no such device */
    const register = async (): Promise<void> => {
      const found = device();
      if (found === used && isRegistered && seen) return;
      registering ??= registerWith(found).finally(() => {
        registering = null;
      });
      await registering;
    };
    const attempt = async (): Promise<void> => {
      try {
        await register();
      } catch (cause) {
        const error = translated(RED, asFirewallError(cause));
        if (isClosed || error.code === 'STOPPED') return;
        show('error', error.code);
        // With a message, so that a Catch node gets it.
        if (error.message !== reported) this.error(error, {});
        reported = error.message;
      }
    };

    const show = answerMessages(RED, this, async (msg, asking) => {
      const given = async (property: string): Promise<unknown> => {
        const type = def[`${property}Type`];
        return (await evaluate(RED, this, msg, { property, value: def[property], type })).value;
      };
      const action = actionOf(await given('action'));
      const duration = def.duration === '' ? undefined : await given('duration');
      const reason = action === 'status' ? undefined : await reasonOf(RED, this, msg, def);
      await begun;
      await register();
      answering += 1;
      try {
        const request = defined({ id, action, duration: asNumber(duration), reason });
        const { schedule } = await device().override(request, asking);
        // Only if somebody else removed it meanwhile.
        if (!schedule) return { outcome: 'unchanged', text: RED._('status.unchanged') };
        [seen, sent] = [schedule, schedule];
        return { outcome: outcomeOf(schedule), text: await shownAs(schedule), payload: payloadOf(schedule) };
      } finally {
        answering -= 1;
        tell();
      }
    });

    const start = (): void => {
      begin();
      attempt();
    };
    RED.events.on('flows:started', start);
    this.on('close', async (removed: boolean, done: () => void) => {
      isClosed = true;
      RED.events.removeListener('flows:started', start);
      forget();
      try {
        // A deploy that only changes the node leaves the schedule until it is registered anew.
        if (removed && used)
          await removeFrom(RED, used, id, { sender: this, since: precisely(), source: sourceOf(RED, this) });
      } catch (cause) {
        this.error(translated(RED, asFirewallError(cause)));
      }
      done();
    });
  });
};

async function removeFrom(RED: NodeAPI, used: Device, id: string, asking: Asking): Promise<void> {
  const device = openAgain(RED, used);
  try {
    await device.unschedule({ id }, asking);
  } finally {
    device.close();
  }
}
