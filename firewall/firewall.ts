/** The front door of the engine. One object per device; it makes one request at a time. */

import { lstat } from 'node:fs/promises';
import { remote } from './agent';
import { type Kernel, readKernel } from './commit/kernel';
import { deadlineIn, type Lease, readClock } from './commit/schedule';
import { endLeases, settle, WEB_LEASE } from './commit/settle';
import { readSnapshot, type Snapshot } from './commit/snapshot';
import { type Committed, type Intent, takeBack, transact } from './commit/transaction';
import { readListeners } from './host/listeners';
import {
  type AgentRequest,
  type ChangeResult,
  type ChangeWebPortsRequest,
  changeWebPortsRequest,
  check,
  type Policies,
  type Settings,
  type State,
  setProfileRequest,
  settings as settingsSchema,
  toggleServiceRequest,
} from './messages';
import { planProfile, planToggle, type ResolvedToggle, resolveToggle } from './plan/change';
import { planWebPorts } from './plan/web';
import { allRules, type Facts, report, ruleReports } from './report';
import { type Registry, registryOf } from './services/registry';
import { siteRefusal } from './web/refusal';
import { listenersOfNginx } from './web/server';

type Call = AgentRequest['call'];

/** How long after a deadline the engine looks, in ms. */
const WAKE_MS = 200;
/** How long it waits after a deadline that it could not meet, in ms. */
const RETRY_MS = 10_000;

export class Firewall {
  readonly #settings: Settings;
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #wakesAt = 0;
  #isClosed = false;

  /** @throws FirewallError INVALID_INPUT, naming the setting. */
  constructor(settings: unknown = {}) {
    this.#settings = check(settingsSchema, settings);
    registryOf(this.#settings, null);
  }

  /**
   * The current state; changes nothing.
   * @throws FirewallError UFW_NOT_FOUND, UFW_FILES_UNREADABLE, NOT_PERMITTED
   */
  read(): Promise<State> {
    return this.#queued({ method: 'read', request: {} }) as Promise<State>;
  }

  /** Makes a profile true. @throws FirewallError, see the contract. */
  async setProfile(request: unknown = {}): Promise<ChangeResult> {
    const call: Call = { method: 'setProfile', request: check(setProfileRequest, request) };
    return this.#queued(call) as Promise<ChangeResult>;
  }

  /** Opens or closes a service. @throws FirewallError, see the contract. */
  async toggleService(request: unknown = {}): Promise<ChangeResult> {
    const call: Call = { method: 'toggleService', request: check(toggleServiceRequest, request) };
    return this.#queued(call) as Promise<ChangeResult>;
  }

  /** Moves the web ports, in nginx and in the rules together. @throws FirewallError, see the contract. */
  async changeWebPorts(request: unknown = {}): Promise<ChangeResult> {
    const call: Call = { method: 'changeWebPorts', request: check(changeWebPortsRequest, request) };
    return this.#queued(call) as Promise<ChangeResult>;
  }

  /**
   * Ends what has come due while nobody was running, and from now on ends it in time. To be called once, when flows
   * start. @throws FirewallError as read() does.
   */
  async resume(): Promise<void> {
    await this.#queued({ method: 'settle', request: {} });
  }

  /** Stops waiting for deadlines; they are kept on disk, and met by the next one to run. */
  close(): void {
    clearTimeout(this.#timer);
    this.#isClosed = true;
  }

  /** One after the other: what a request sees is what the one before it left. */
  #queued(call: Call): Promise<State | ChangeResult> {
    const run = async (): Promise<State | ChangeResult> => {
      const done = isDirect(this.#settings)
        ? await perform(this.#settings, call)
        : await remote({ settings: this.#settings, call });
      this.#await('state' in done ? done.state : done);
      return done;
    };
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Wakes up when the next lease is over. */
  #await({ leases }: State): void {
    if (leases.length === 0 || this.#isClosed) return;
    const next = Math.min(...leases.map(({ until }) => Date.parse(until)));
    // One that is overdue could not end just now: it is not tried again at once.
    const at = next > Date.now() ? next + WAKE_MS : Date.now() + RETRY_MS;
    // A wake-up that is on its way is not put off by whoever looks meanwhile.
    if (this.#timer && this.#wakesAt <= at) return;
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    this.#timer = setTimeout(() => this.#wake({ leases } as State), at - Date.now()).unref();
  }

  #wake(last: State): void {
    this.#timer = undefined;
    // What keeps a lease from ending now may not do so in a while; it is also told with the next result.
    this.resume().catch(() => setTimeout(() => this.#await(last), RETRY_MS).unref());
  }
}

const isDirect = ({ privilege }: Settings): boolean =>
  privilege === 'root' || (privilege === 'auto' && process.getuid?.() === 0);

/** Does what a request asks for, here and now; the requests are valid and this process may do it. */
export async function perform(settings: Settings, call: Call): Promise<State | ChangeResult> {
  if (call.method === 'read') return currentState(settings);
  const late = [...(await takeBack(settings)), ...(await settle(settings))];
  const done = await asked(settings, call);
  return 'warnings' in done ? { ...done, warnings: [...late, ...done.warnings] } : done;
}

/** Lines that are no rules are kept by this package, and not by ufw. */
function foreignLines({ unreadable }: State): string[] {
  if (unreadable.length === 0) return [];
  return [
    `Lines that are no rules of ufw's were kept, but ufw drops them when it next writes: ${unreadable.join('; ')}`,
  ];
}

async function asked(settings: Settings, call: Exclude<Call, { method: 'read' }>): Promise<State | ChangeResult> {
  switch (call.method) {
    case 'settle':
      return currentState(settings);
    case 'setProfile': {
      const { request } = call;
      const plan: Intent['plan'] = (snapshot) => planProfile(snapshot, registryFor(settings, snapshot), request);
      return change(settings, { action: `set-profile ${request.profile}`, plan }, request.dryRun);
    }
    case 'toggleService': {
      const { request } = call;
      // What "toggle" means is decided once: a plan made again must not turn back.
      let resolved: ResolvedToggle | undefined;
      const plan: Intent['plan'] = (snapshot) => {
        const registry = registryFor(settings, snapshot);
        resolved = resolved ?? resolveToggle(snapshot, registry, request);
        return planToggle(snapshot, registry, resolved);
      };
      return change(settings, { action: `toggle-service ${request.action} ${request.service}`, plan }, request.dryRun);
    }
    case 'changeWebPorts':
      return changeWebPorts(settings, call.request);
  }
}

async function changeWebPorts(settings: Settings, request: ChangeWebPortsRequest): Promise<ChangeResult> {
  if (!request.dryRun) await endLeases(settings, ({ key }) => key === WEB_LEASE);
  await refuseLink(settings.webSite);
  const clock = await readClock();
  const plan: Intent['plan'] = (snapshot, id) => {
    const { change: moves, ...planned } = planWebPorts(snapshot, settings, request);
    if (request.keepOldOpen === 0 || planned.site === undefined) return planned;
    const lease: Lease = {
      id,
      service: 'web ports',
      key: WEB_LEASE,
      deadline: deadlineIn(request.keepOldOpen, clock),
      end: { kind: 'drop-old-web-ports', change: moves },
    };
    return { ...planned, schedule: { ...snapshot.schedule, leases: [...snapshot.schedule.leases, lease] } };
  };
  const wanted = [request.http, request.https].filter((port) => port !== undefined).join(' ');
  const action = `change-web-ports ${request.mode} ${wanted}`.trim();
  return change(settings, { action, plan, movesWeb: true }, request.dryRun);
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
  if (isLink) throw siteRefusal(`${path} is a symbolic link; name the file it leads to.`);
}

async function change(settings: Settings, intent: Intent, dryRun: boolean): Promise<ChangeResult> {
  const started = process.hrtime.bigint();
  const surroundings = intent.movesWeb ? null : readSurroundings();
  const done = await transact(settings, intent, dryRun);
  const now = dryRun ? done.before : done.after;
  const state = await stateOf(settings, now, done.kernel, await (surroundings ?? readSurroundings()));
  return {
    id: done.id,
    action: intent.action,
    changed: done.changed && !dryRun,
    dryRun,
    ...ruleChanges(done),
    policies: policyChanges(done.before.settings.policies, done.after.settings.policies),
    files: [...done.files],
    cut: 0,
    backup: done.backup,
    pending: null,
    warnings: [...done.warnings, ...(done.changed ? foreignLines(state) : [])],
    state,
    durationMs: Number(process.hrtime.bigint() - started) / 1e6,
  };
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

async function currentState(settings: Settings): Promise<State> {
  const [snapshot, kernel, surroundings] = await Promise.all([
    readSnapshot(settings),
    readKernel(),
    readSurroundings(),
  ]);
  return stateOf(settings, snapshot, kernel, surroundings);
}

const registryFor = (settings: Settings, { web }: Snapshot): Registry => registryOf(settings, web?.ports ?? null);

function ruleChanges({ before, after }: Committed): Pick<ChangeResult, 'added' | 'removed'> {
  const [old, next] = [allRules(before), allRules(after)];
  const [oldSet, nextSet] = [new Set(old), new Set(next)];
  return {
    added: ruleReports(next, (rule) => !oldSet.has(rule)),
    removed: ruleReports(old, (rule) => !nextSet.has(rule)),
  };
}

function policyChanges(from: Policies, to: Policies): ChangeResult['policies'] {
  const keys = (['incoming', 'outgoing', 'routed'] as const).filter((key) => from[key] !== to[key]);
  return Object.fromEntries(keys.map((key) => [key, { from: from[key], to: to[key] }]));
}
