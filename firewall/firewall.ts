/** The front door of the engine. However many objects there are, one request is made at a time, see queue.ts. */

import { lstat } from 'node:fs/promises';
import { backupIds, type Checkpoint, readBackup } from './commit/journal';
import { guardHere } from './commit/timers';
import {
  type Committed,
  type Intent,
  type Plan,
  reschedule,
  takeBack,
  transact,
  unchanged,
} from './commit/transaction';
import { FirewallError, say, stopped } from './errors';
import type { FleetDone, Limits } from './fleet/fleet';
import { readListeners } from './host/listeners';
import { hasSystemd, type UnitChange, unitState } from './host/systemd';
import {
  type AgentRequest,
  type ChangeWebPortsRequest,
  type ConfirmRequest,
  changeWebPortsRequest,
  check,
  confirmRequest,
  type Order,
  type RestoreRequest,
  restoreRequest,
  type SetProfileRequest,
  type Settings,
  setProfileRequest,
  settings as settingsSchema,
  type ToggleServiceRequest,
  toggleServiceRequest,
  watchOptions,
} from './messages';
import { guarded } from './plan/guard';
import { planProfileNow, planToggleFor } from './plan/lease';
import { planRestore, planUndo } from './plan/restore';
import { type ResolvedToggle, resolveToggle } from './plan/set-profile';
import { planWebPorts } from './plan/web-ports';
import { type Asking, QUEUE } from './queue';
import { cutClosed } from './requests/cut';
import { endLease, revert, settle, WEB_LEASE } from './requests/due';
import { type Looked, newsOf } from './requests/observation';
import { remembered, standing } from './requests/order';
import type { BackupReport, ChangeResult, Confirmation, News, Repetition, Result, Settled, State } from './results';
import type { Rule } from './rules/rule';
import { formatTuple } from './rules/tuple';
import { type Registry, registryOf } from './services/registry';
import { type Kernel, readKernel } from './state/kernel';
import { allRules, driftOf, type Facts, policyChanges, report, ruleReports } from './state/report';
import {
  type Clock,
  type Deadline,
  deadlineIn,
  deadlineText,
  isSameWish,
  type Lease,
  readClock,
  type WantedProfile,
} from './state/schedule';
import { changedFiles, readSchedule, readSnapshot, type Snapshot, withWanted } from './state/snapshot';
import { outdated, remote } from './sudo';
import { Watch, type WatchListener } from './watch/watch';
import { siteRefusal } from './web/refusal';
import { listenersOfNginx } from './web/server';

type Call = AgentRequest['call'];

/** How long after a deadline the engine looks, in ms. */
const WAKE_MS = 200;
/** How long it waits after a deadline that it could not meet, in ms. */
const RETRY_MS = 10_000;

/** What is known after a request, or after something was done by itself. */
export interface Seen {
  state: State;
  /** The id of the change that was just confirmed. */
  confirmed: string | null;
  /** What was done because it had come due, in sentences. */
  said: readonly string[];
}

/** Whoever asks may say who it is, so that `leave` can take back what it asked for, and since when. */
export class Firewall {
  readonly #settings: Settings;
  readonly #observers = new Set<(seen: Seen) => void>();
  #timer: NodeJS.Timeout | undefined;
  #wakesAt = 0;
  #isClosed = false;
  #watch: Watch | undefined;
  /** Whether the program that timers start, and those who are not root, was compared with this package's. */
  #isCompared = false;
  /** What observers have not been told yet, in sentences. */
  #unsaid: readonly string[] = [];

  /** @throws FirewallError INVALID_INPUT, naming the setting. */
  constructor(settings: unknown = {}) {
    this.#settings = check(settingsSchema, settings);
    registryOf(this.#settings, null);
  }

  /**
   * The current state; changes nothing.
   * @throws FirewallError UFW_NOT_FOUND, UFW_FILES_UNREADABLE, NOT_PERMITTED
   */
  read(asking?: Asking): Promise<State> {
    return this.#queued({ method: 'read', request: {} }, asking) as Promise<State>;
  }

  /** Makes a profile true. @throws FirewallError, see the contract. */
  async setProfile(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    const call: Call = { method: 'setProfile', request: check(setProfileRequest, request) };
    return this.#queued(call, asking) as Promise<ChangeResult>;
  }

  /** Opens or closes a service. @throws FirewallError, see the contract. */
  async toggleService(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    const call: Call = { method: 'toggleService', request: check(toggleServiceRequest, request) };
    return this.#queued(call, asking) as Promise<ChangeResult>;
  }

  /** Moves the web ports, in nginx and in the rules together. @throws FirewallError, see the contract. */
  async changeWebPorts(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    const call: Call = { method: 'changeWebPorts', request: check(changeWebPortsRequest, request) };
    return this.#queued(call, asking) as Promise<ChangeResult>;
  }

  /** Lets the change that waits for it stay. @throws FirewallError NOTHING_PENDING, see the contract. */
  async confirm(request: unknown = {}, asking?: Asking): Promise<Confirmation> {
    const call: Call = { method: 'confirm', request: check(confirmRequest, request) };
    return this.#queued(call, asking) as Promise<Confirmation>;
  }

  /** Takes the last change back, or restores a backup. @throws FirewallError UNKNOWN_BACKUP, see the contract. */
  async restore(request: unknown = {}, asking?: Asking): Promise<ChangeResult> {
    const call: Call = { method: 'restore', request: check(restoreRequest, request) };
    return this.#queued(call, asking) as Promise<ChangeResult>;
  }

  /**
   * Does what an operator's request asks for, once, and in the order in which requests were issued. What cannot be done is
   * told in the result, so it does not throw for it.
   * @param envelope as it came: an object, JSON or its bytes
   * @param limits what no request may do here
   */
  async fleet(envelope: unknown, limits?: Limits, asking?: Asking): Promise<FleetDone> {
    // Only here: a reading by the agent does not wait for these schemas.
    const { fleet } = require('./fleet/fleet') as typeof import('./fleet/fleet');
    return fleet(envelope, (call) => this.#queued(call, asking), limits);
  }

  /** The backups there are, the newest first. @throws FirewallError NOT_PERMITTED */
  backups(asking?: Asking): Promise<BackupReport[]> {
    return this.#queued({ method: 'backups', request: {} }, asking) as Promise<BackupReport[]>;
  }

  /**
   * Ends what has come due while nobody was running, and from now on ends it in time. To be called once, when flows
   * start.
   * @returns what was done, and what could not be, in sentences.
   * @throws FirewallError as read() does.
   */
  async resume(): Promise<readonly string[]> {
    const { warnings } = (await this.#queued({ method: 'settle', request: {} })) as Settled;
    return warnings;
  }

  /** Tells the observer from now on what is seen; gives back what ends that. */
  observe(observer: (seen: Seen) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /**
   * Tells the listener from now on what happens to the firewall, whoever does it, until the function it gives back is
   * called, or close(). What holds already is told first.
   * @throws FirewallError INVALID_INPUT
   */
  watch(options: unknown, listener: WatchListener): () => void {
    const asked = check(watchOptions, options);
    this.#watch ??= new Watch(
      this.#settings,
      (known) => this.#queued({ method: 'news', request: { known: known && [...known] } }) as Promise<News>,
    );
    return this.#watch.add(asked, listener);
  }

  /**
   * Forgets what this one has asked for and what has not begun: each such request is rejected with STOPPED.
   * @returns how many they were.
   */
  leave(by: object): number {
    return QUEUE.drop(by);
  }

  /**
   * Stops watching, and waiting for deadlines; they are kept on disk, and met by the next one to run. What was asked for and
   * has not begun is rejected with STOPPED, and so is what is asked for afterwards; what has begun ends.
   */
  close(): void {
    clearTimeout(this.#timer);
    this.#watch?.close();
    this.#isClosed = true;
    QUEUE.drop(this);
  }

  /** One after the other: what a request sees is what the one before it left. */
  #queued(call: Call, asking?: Asking): Promise<Result> {
    if (this.#isClosed) return Promise.reject(stopped());
    const run = async (): Promise<Result> => {
      if (!this.#isCompared) this.#unsaid = await outdated();
      this.#isCompared = true;
      const done = isDirect(this.#settings)
        ? await perform(this.#settings, call)
        : await remote({ settings: this.#settings, call });
      this.#look(done);
      return done;
    };
    return QUEUE.add(call, run, this, asking);
  }

  #look(done: Result): void {
    const state = 'state' in done ? done.state : 'leases' in done ? done : null;
    if (!state) return;
    this.#await(state);
    const confirmed = 'confirmed' in done ? done.id : null;
    const said = [...this.#unsaid, ...('failed' in done || 'drift' in done ? done.warnings : [])];
    this.#unsaid = [];
    for (const observer of [...this.#observers]) observer({ state, confirmed, said });
  }

  /** Wakes up when the next deadline has come. systemd may have been quicker, and nothing is left to do. */
  #await({ leases, pending }: Pick<State, 'leases' | 'pending'>): void {
    const deadlines = [...leases.map(({ until }) => until), ...(pending ? [pending.confirmBy] : [])];
    if (deadlines.length === 0 || this.#isClosed) return;
    const next = Math.min(...deadlines.map((text) => Date.parse(text)));
    // One that is overdue could not end just now: it is not tried again at once.
    const at = next > Date.now() ? next + WAKE_MS : Date.now() + RETRY_MS;
    // A wake-up that is on its way is not put off by whoever looks meanwhile.
    if (this.#timer && this.#wakesAt <= at) return;
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    // The clock may be set meanwhile; what is due is decided by the machine's uptime.
    this.#timer = setTimeout(() => this.#wake({ leases, pending }), at - Date.now()).unref();
  }

  #wake(last: Pick<State, 'leases' | 'pending'>): void {
    this.#timer = undefined;
    // What keeps a deadline from being met now may not do so in a while; it is also told with the next result.
    this.resume().catch(() => setTimeout(() => this.#await(last), RETRY_MS).unref());
  }
}

const isDirect = ({ privilege }: Settings): boolean =>
  privilege === 'root' || (privilege === 'auto' && process.getuid?.() === 0);

/** Does what a request asks for, here and now; the requests are valid and this process may do it. */
export async function perform(settings: Settings, call: Call): Promise<Result> {
  if (call.method === 'read') return currentState(settings);
  if (call.method === 'backups') return backups(settings);
  if (call.method === 'news') return newsOf(settings, call.request, () => look(settings));
  const recovered = await takeBack(settings);
  const { warnings, failed } = await settle(settings);
  const late = [...recovered, ...warnings];
  if (call.method === 'settle') return { warnings: late, failed, state: await currentState(settings) };
  const { order } = call;
  // Before anything is done for it: a lockdown takes back what waits, and web ports end a while, before they are planned.
  if (order && standing(order, (await readSchedule(settings)).lastRequest, Date.now()) === 'done') {
    return repetition(settings, late);
  }
  const done = await (call.method === 'confirm' ? confirm(settings, call.request, order) : changed(settings, call));
  return 'warnings' in done ? { ...done, warnings: [...late, ...done.warnings] } : done;
}

const repetition = async (settings: Settings, warnings: readonly string[]): Promise<Repetition> => ({
  ...{ repeated: true, warnings: [...warnings] },
  state: await currentState(settings),
});

/** Lines that are no rules are kept by this package, and not by ufw. */
function foreignLines({ unreadable }: State): string[] {
  if (unreadable.length === 0) return [];
  return [
    `Lines that are no rules of ufw's were kept, but ufw drops them when it next writes: ${unreadable.join('; ')}`,
  ];
}

/** A change that was made, or not again. */
type Done = ChangeResult | Repetition;

type Change = Extract<Call, { method: 'setProfile' | 'toggleService' | 'changeWebPorts' | 'restore' }>;

function changed(settings: Settings, call: Change): Promise<Done> {
  switch (call.method) {
    case 'setProfile':
      return setProfile(settings, call.request, call.order);
    case 'toggleService':
      return toggleService(settings, call.request, call.order);
    case 'changeWebPorts':
      return changeWebPorts(settings, call.request, call.order);
    case 'restore':
      return restore(settings, call.request, call.order);
  }
}

async function setProfile(settings: Settings, request: SetProfileRequest, order?: Order): Promise<Done> {
  const isLockdown = request.profile === 'lockdown';
  const first: string[] = [];
  if (isLockdown && !request.dryRun) {
    const { pending } = await readSchedule(settings);
    // It must not hold up a lockdown that it cannot be taken back.
    if (pending) first.push(...(await revert(settings, pending).catch((error: Error) => [error.message])));
  }
  const wanted: WantedProfile = { profile: request.profile, optionalServices: request.optionalServices };
  const plan: Intent['plan'] = async (snapshot) => {
    const planned = await planProfileNow(snapshot, registryFor(settings, snapshot), request);
    const overrides = isLockdown && snapshot.schedule.pending !== null;
    const schedule = { ...(planned.schedule ?? snapshot.schedule), ...(overrides ? { pending: null } : {}) };
    const whole = overrides ? { ...planned, schedule } : planned;
    if (isSameWish(schedule.wanted, wanted)) return whole;
    // An order is written down in any case, and what it wants with it.
    if (!order && !(await changesAnything(snapshot, whole))) return whole;
    return { ...whole, schedule: { ...schedule, wanted } };
  };
  const intent = { action: `set-profile ${request.profile}`, plan, overrides: isLockdown, order };
  const done = await change(settings, intent, request);
  const unkept = request.dryRun || order ? [] : await keepWanted(settings, wanted);
  return { ...done, warnings: [...first, ...done.warnings, ...unkept] };
}

/** A profile that holds already changes nothing, and is kept as wanted all the same. */
async function keepWanted(settings: Settings, wanted: WantedProfile): Promise<readonly string[]> {
  if (isSameWish((await readSchedule(settings)).wanted, wanted)) return [];
  return reschedule(settings, ({ schedule }) => ({ ...schedule, wanted })).catch((error: Error) => [
    // The profile holds, which is what was asked for.
    `That ${wanted.profile} is wanted could not be kept, so nobody is told when it no longer holds: ${error.message}`,
  ]);
}

async function toggleService(settings: Settings, request: ToggleServiceRequest, order?: Order): Promise<Done> {
  const deadline = await deadlineOf(request.duration);
  // What "toggle" means is decided once: a plan made again must not turn back.
  let resolved: ResolvedToggle | undefined;
  const plan: Intent['plan'] = async (snapshot, id) => {
    const registry = registryFor(settings, snapshot);
    resolved = resolved ?? resolveToggle(snapshot, registry, request);
    const unit = request.systemService ? await unitChange(resolved) : undefined;
    return planToggleFor(snapshot, registry, resolved, { id, deadline, unit });
  };
  return change(settings, { action: `toggle-service ${request.action} ${request.service}`, plan, order }, request);
}

/** The systemd unit that goes with a service, where it is not as the toggle wants it. */
async function unitChange({ service, action }: ResolvedToggle): Promise<UnitChange | undefined> {
  if (service.id !== 'ssh' || service.unit === null) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`systemService: only the program of ssh can be started and stopped, not that of ${service.id}.`,
    });
  }
  if (!(await hasSystemd())) {
    throw new FirewallError('INVALID_INPUT', { what: say`systemService: systemd does not run on this machine.` });
  }
  const from = await unitState(service.unit);
  const on = action !== 'close';
  if (from.enabled === on && from.active === on) return undefined;
  return { name: service.unit, from, to: { enabled: on, active: on } };
}

async function changeWebPorts(settings: Settings, request: ChangeWebPortsRequest, order?: Order): Promise<Done> {
  if (request.reload === 'reboot' && request.confirmWithin > 0) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`confirmWithin: a restart of the device takes an unconfirmed change back, so it cannot go with reload "reboot".`,
      remedy: say`Use reload "reload", which needs no restart.`,
    });
  }
  await refuseLink(settings.webSite);
  if (!request.dryRun) {
    const { pending, leases } = await readSchedule(settings);
    if (pending) throw waits(pending, await readClock());
    for (const lease of leases.filter(({ key }) => key === WEB_LEASE)) await endLease(settings, lease);
  }
  const deadline = await deadlineOf(request.keepOldOpen);
  const plan: Intent['plan'] = (snapshot, id) => {
    const { change: moves, ...planned } = planWebPorts(snapshot, settings, request);
    if (deadline === null || planned.site === undefined) return planned;
    const end = { kind: 'drop-old-web-ports', change: moves } as const;
    const lease: Lease = { id, service: 'web ports', key: WEB_LEASE, deadline, end };
    return { ...planned, schedule: { ...snapshot.schedule, leases: [...snapshot.schedule.leases, lease] } };
  };
  const wanted = [request.http, request.https].filter((port) => port !== undefined).join(' ');
  const action = `change-web-ports ${request.mode} ${wanted}`.trim();
  return change(settings, { action, plan, movesWeb: true, order }, request);
}

const deadlineOf = async (seconds: number): Promise<Deadline | null> =>
  seconds === 0 ? null : deadlineIn(seconds, await readClock());

async function restore(settings: Settings, request: RestoreRequest, order?: Order): Promise<Done> {
  const undoes = request.action === 'undo';
  const isLatest = request.backup === 'latest';
  const checkpoint = await (undoes || isLatest ? lastBackup(settings, undoes) : readBackup(settings, request.backup));
  const { pending } = await readSchedule(settings);
  const plan: Intent['plan'] = async (snapshot) => {
    const planned = undoes
      ? await planUndo(snapshot, checkpoint)
      : await planRestore(snapshot, checkpoint, isLatest ? 'after' : 'before');
    const [now, then] = [registryFor(settings, snapshot), registryFor(settings, await withWanted(snapshot, planned))];
    return guarded(snapshot, planned, now, request, then);
  };
  const action = undoes ? `undo ${checkpoint.action}` : `restore ${request.backup}`;
  const done = await change(
    settings,
    // An undo of the change that waits is what would happen to it anyway.
    { action, plan, movesWeb: true, mends: !undoes, overrides: undoes && pending?.id === checkpoint.id, order },
    request,
  );
  // A lease that came back with its rules may long be over.
  const { warnings } = request.dryRun ? { warnings: [] } : await settle(settings);
  return { ...done, warnings: [...done.warnings, ...warnings] };
}

/** The last change; with `requested` the last that somebody asked for. */
async function lastBackup(settings: Settings, requested: boolean): Promise<Checkpoint> {
  for (const id of (await backupIds(settings)).reverse()) {
    const checkpoint = await readBackup(settings, id);
    if (!requested || checkpoint.reason === 'requested') return checkpoint;
  }
  throw new FirewallError('UNKNOWN_BACKUP', { what: say`there is no backup: nothing was changed yet.` });
}

async function backups(settings: Settings): Promise<BackupReport[]> {
  const found: BackupReport[] = [];
  for (const id of (await backupIds(settings)).reverse()) {
    const { at, action, reason, rules } = await readBackup(settings, id);
    found.push({ id, at, action, reason, rules });
  }
  return found;
}

async function confirm(
  settings: Settings,
  { id: meant }: ConfirmRequest,
  order?: Order,
): Promise<Confirmation | Repetition> {
  const done: Pick<Confirmation, 'id' | 'action'>[] = [];
  await reschedule(settings, ({ schedule }) => {
    const { pending, lastRequest } = schedule;
    if (order && standing(order, lastRequest, Date.now()) === 'done') return null;
    if (!pending || (meant !== undefined && meant !== pending.id && meant !== pending.request)) {
      throw new FirewallError('NOTHING_PENDING', {
        what: pending
          ? say`the change that waits is ${pending.id}, not that one.`
          : say`no change waits to be confirmed.`,
        remedy: pending ? undefined : say`It may have gone back already, because it was not confirmed in time.`,
      });
    }
    done.push({ id: pending.id, action: pending.action });
    return { ...schedule, pending: null, lastRequest: order ? remembered(order, pending.id) : lastRequest };
  });
  const [confirmed] = done;
  if (!confirmed) return repetition(settings, []);
  return { ...confirmed, confirmed: true, state: await currentState(settings) };
}

/** A link would be replaced, or its target changed behind the back of whoever made it. */
async function refuseLink(path: string): Promise<void> {
  const isLink = await lstat(path).then(
    (stat) => stat.isSymbolicLink(),
    (error: NodeJS.ErrnoException) => {
      // A file that is missing or may not be looked at is told of when it is read.
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES') return false;
      throw error;
    },
  );
  if (isLink) throw siteRefusal(say`${path} is a symbolic link; name the file it leads to.`);
}

interface Asked extends Omit<Intent, 'reason'> {
  /** It is made although another change waits to be confirmed. */
  overrides?: boolean;
  /** The operator's request that asks for it. */
  order?: Order | undefined;
}

/** What every change is told. */
type Options = Pick<SetProfileRequest, 'dryRun' | 'confirmWithin' | 'cutConnections'>;

async function change(settings: Settings, asked: Asked, options: Options): Promise<Done> {
  const started = process.hrtime.bigint();
  const { dryRun, confirmWithin, cutConnections } = options;
  let surroundings: Promise<Surroundings> | undefined;
  const [deadline, guard, clock] = await Promise.all([deadlineOf(confirmWithin), guardHere(), readClock()]);
  const { order } = asked;
  let isRepeated = false;
  const plan: Intent['plan'] = async (snapshot, id) => {
    // Read while the change waits for the lock and for the kernel.
    if (!asked.movesWeb && !surroundings) {
      surroundings = readSurroundings();
      // Where it fails, that is told when it is awaited, or the change has failed before.
      surroundings.catch(() => undefined);
    }
    const { pending, lastRequest } = snapshot.schedule;
    // A plan that is made again finds the order it has itself written down.
    isRepeated = !!order && lastRequest?.change !== id && standing(order, lastRequest, Date.now()) === 'done';
    if (isRepeated) return unchanged(snapshot);
    if (pending && pending.id !== id && !asked.overrides && !dryRun) throw waits(pending, clock);
    const planned = await asked.plan(snapshot, id);
    const waiting = deadline !== null && (await changesAnything(snapshot, planned));
    const remembers = order && !dryRun ? { lastRequest: remembered(order, id) } : {};
    if (!waiting && !('lastRequest' in remembers)) return planned;
    const awaited = waiting ? { pending: { id, action: asked.action, deadline, guard, request: order?.id } } : {};
    return { ...planned, schedule: { ...(planned.schedule ?? snapshot.schedule), ...awaited, ...remembers } };
  };
  const done = await transact(settings, { ...asked, plan, reason: 'requested' }, dryRun);
  if (isRepeated) return repetition(settings, done.warnings);
  const cut = cutConnections && done.changed && !dryRun ? await cutClosed(done.before, done.after) : NOTHING_CUT;
  const now = dryRun ? done.before : done.after;
  const state = await stateOf(settings, now, done.kernel, await (surroundings ?? readSurroundings()));
  const { pending } = done.after.schedule;
  return {
    id: done.id,
    action: asked.action,
    changed: done.changed && !dryRun,
    dryRun,
    ...ruleChanges(done),
    policies: policyChanges(done.before.settings.policies, done.after.settings.policies),
    files: [...done.files],
    cut: cut.count,
    backup: done.backup,
    pending:
      pending?.id === done.id && !dryRun
        ? { confirmBy: deadlineText(pending.deadline, await readClock()), guard: pending.guard }
        : null,
    warnings: [...done.warnings, ...cut.warnings, ...(done.changed ? foreignLines(state) : [])],
    state,
    durationMs: Number(process.hrtime.bigint() - started) / 1e6,
  };
}

const NOTHING_CUT = { count: 0, warnings: [] };

const changesAnything = async (snapshot: Snapshot, plan: Plan): Promise<boolean> =>
  plan.unit !== undefined || changedFiles(snapshot, await withWanted(snapshot, plan)).length > 0;

function waits({ id, action, deadline }: NonNullable<Snapshot['schedule']['pending']>, clock: Clock): FirewallError {
  return new FirewallError('PENDING_CHANGE', {
    what: say`the change "${action}" (${id}) waits to be confirmed until ${deadlineText(deadline, clock)}.`,
    remedy: say`Confirm it, or undo it; the profile lockdown takes it back by itself.`,
  });
}

/** Who listens, and what time it is: nothing a change of rules touches, so it is read while one is made. */
type Surroundings = Pick<Facts, 'listeners' | 'nginx' | 'clock'>;

async function readSurroundings(): Promise<Surroundings> {
  const [listeners, clock] = await Promise.all([readListeners(), readClock()]);
  return { listeners, clock, nginx: await listenersOfNginx(listeners) };
}

async function stateOf(
  settings: Settings,
  snapshot: Snapshot,
  kernel: Kernel,
  surroundings: Surroundings,
): Promise<State> {
  return report({ snapshot, kernel, registry: registryFor(settings, snapshot), ...surroundings });
}

const currentState = async (settings: Settings): Promise<State> => (await look(settings)).state;

async function look(settings: Settings): Promise<Looked> {
  const [snapshot, kernel, surroundings] = await Promise.all([
    readSnapshot(settings),
    readKernel(),
    readSurroundings(),
  ]);
  const state = await stateOf(settings, snapshot, kernel, surroundings);
  return { snapshot, state, drift: driftOf(registryFor(settings, snapshot), snapshot, state) };
}

const registryFor = (settings: Settings, { web }: Snapshot): Registry => registryOf(settings, web?.ports ?? null);

function ruleChanges({ before, after }: Committed): Pick<ChangeResult, 'added' | 'removed'> {
  const [old, next] = [allRules(before), allRules(after)];
  const [removed, added] = [new Set(missingIn(next, old)), new Set(missingIn(old, next))];
  return {
    added: ruleReports(next, (rule) => added.has(rule)),
    removed: ruleReports(old, (rule) => removed.has(rule)),
  };
}

/** Of the second list what is not in the first, told by what ufw stores: a file that was read again has other objects. */
function missingIn(rules: readonly Rule[], others: readonly Rule[]): Rule[] {
  const same = new Set(rules);
  const candidates = others.filter((rule) => !same.has(rule));
  if (candidates.length === 0) return [];
  const key = (rule: Rule): string => `${rule.family} ${formatTuple(rule)}`;
  const known = new Set(rules.map(key));
  return candidates.filter((rule) => !known.has(key(rule)));
}
