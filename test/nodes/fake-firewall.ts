/**
 * A device without a machine. It obeys the engine's schemas: it refuses what the engine refuses, in the same words; and its
 * requests wait in the engine's own queue.
 */

import { FirewallError, rendered, say } from '../../firewall/errors';
import type { Seen } from '../../firewall/firewall';
import { type FleetDone, fleet, type Limits } from '../../firewall/fleet/fleet';
import { type Entry, listedEntry } from '../../firewall/ledger/entry';
import { selected } from '../../firewall/ledger/filter';
import {
  type Call,
  changeWebPortsRequest,
  check,
  confirmRequest,
  historyRequest,
  learnRequest,
  type Method,
  overrideRequest,
  restoreRequest,
  type ScheduleRequest,
  type SetProfileRequest,
  scheduleRequest,
  serviceQuestion,
  setProfileRequest,
  settings as settingsSchema,
  toggleServiceRequest,
  unscheduleRequest,
  type WatchOptions,
  watchOptions,
} from '../../firewall/messages';
import { type Asking, QUEUE } from '../../firewall/queue';
import { isCarriedOut } from '../../firewall/requests/order';
import {
  type Answers,
  type BackupReport,
  type ChangeResult,
  type Confirmation,
  changeResult,
  type Evidence,
  type History,
  type LearnResult,
  learnResult,
  type Openness,
  type OutlookReport,
  type ScheduleReport,
  type ScheduleResult,
  type State,
  state as stateSchema,
  type WatchEvent,
} from '../../firewall/results';
import { CATALOGUE } from '../../firewall/services/catalogue';
import { isOpenIn } from '../../firewall/services/open';
import { profileNamed } from '../../firewall/services/profiles';
import { listedService, type Registry, registryOf, servicesNamed } from '../../firewall/services/registry';
import { type LastRequest, remembered } from '../../firewall/state/last-request';
import type { WatchObserver } from '../../firewall/watch/watch';
import type { Device } from '../../nodes/device';

const DEFAULTS = check(settingsSchema, {});

export class FakeFirewall implements Device {
  readonly settings: typeof DEFAULTS;
  /** Each request as passed by the nodes, before validation. */
  readonly requests: unknown[] = [];
  /** The actions of the changes that were made. */
  readonly changes: string[] = [];
  /** The requests that have begun. */
  readonly begun: Call[] = [];
  /** How many turns of the event loop each request takes. */
  static turns = 0;
  /** The maximum number of concurrent requests. */
  overlap = 0;
  /** What the next request fails with, instead of being carried out. */
  failure: unknown;
  active = true;
  /** What is in its ledger, the oldest first. */
  entries: readonly Entry[] = [];
  webPorts = { http: 80, https: 443 };
  /** Where nginx and the rules disagree; null if there is no site file. */
  webProblems: string[] | null = [];
  /** How often it was asked to do what is due. */
  resumed = 0;
  /** How often it was asked to be ready for a lockdown. */
  readied = 0;
  closed = false;
  profile: string | null = 'enhanced';
  comment = 'from the plant';
  /** The pending change. */
  pending: State['pending'] = null;
  leases: State['leases'] = [];
  /** Who talks, and how that was learned. */
  peers: State['peers'] = null;
  learning: State['learning'] = null;
  /** What schedules say. All fake devices have the same ones until they are forgotten, as those of a machine. */
  static schedules: ScheduleReport[] = [];
  /** The operator's last request carried out. */
  lastRequest: LastRequest | null = null;
  /** Who watches, and what for. */
  readonly watchers = new Set<{ asked: WatchOptions; listener: WatchObserver }>();
  readonly #observers = new Set<(seen: Seen) => void>();
  readonly #registry: Registry;
  readonly #closed = new Set<string>();
  #atWork = 0;
  #reads = 0;
  #gate: Promise<void> = Promise.resolve();

  constructor(settings: unknown) {
    this.settings = check(settingsSchema, settings);
    this.#registry = registryOf(this.settings, null);
  }

  /** Blocks requests; returns the function that releases them. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.#gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  read(asking?: Asking, csaf?: unknown): Promise<State> {
    if (csaf !== undefined) this.requests.push({ csaf });
    return this.#queued({ method: 'read', request: {} }, () => this.#state(), asking);
  }

  async isOpen(question: unknown, asking?: Asking): Promise<{ id: string; open: boolean }> {
    this.requests.push(question);
    const service = listedService(this.#registry, check(serviceQuestion, question).service);
    return { id: service.id, open: isOpenIn(await this.read(asking), service) };
  }

  async setProfile(request: unknown, asking?: Asking): Promise<ChangeResult> {
    this.requests.push(request);
    const asked = check(setProfileRequest, request);
    const { profile, dryRun } = asked;
    profileNamed(this.#registry, profile, 'keep');
    const work = () => {
      const changed = this.profile !== profile && !dryRun;
      if (changed) this.profile = profile;
      return this.#result(`set-profile ${profile}`, changed, asked);
    };
    return this.#queued({ method: 'setProfile', request: asked }, work, asking);
  }

  async toggleService(request: unknown, asking?: Asking): Promise<ChangeResult> {
    this.requests.push(request);
    const asked = check(toggleServiceRequest, request);
    const { action, dryRun, duration } = asked;
    const ids = servicesNamed(this.#registry, asked.service).map(({ id }) => id);
    const toggled = (service: string): boolean => {
      const isClosed = this.#closed.has(service);
      const close = action === 'toggle' ? !isClosed : action === 'close';
      const changed = close !== isClosed && !dryRun;
      if (changed && close) this.#closed.add(service);
      if (changed && !close) this.#closed.delete(service);
      return changed;
    };
    const work = () => {
      const changed = ids.filter(toggled).length > 0;
      this.leases = duration > 0 ? ids.map((service) => ({ service, until: '2026-01-01T00:30:00.000Z' })) : [];
      return this.#result(`toggle-service ${action} ${ids.join(', ')}`, changed, asked);
    };
    return this.#queued({ method: 'toggleService', request: asked }, work, asking);
  }

  async changeWebPorts(request: unknown, asking?: Asking): Promise<ChangeResult> {
    this.requests.push(request);
    const asked = check(changeWebPortsRequest, request);
    const { mode, http, https, dryRun } = asked;
    const work = () => {
      const wanted = { http: http ?? this.webPorts.http, https: https ?? this.webPorts.https };
      const differs = wanted.http !== this.webPorts.http || wanted.https !== this.webPorts.https;
      const changed = !dryRun && (mode === 'change' ? differs : this.webProblems?.length !== 0);
      if (changed) this.webPorts = wanted;
      if (changed) this.webProblems = [];
      return this.#result(`change-web-ports ${mode}`, changed, asked);
    };
    return this.#queued({ method: 'changeWebPorts', request: asked }, work, asking);
  }

  async confirm(request: unknown, asking?: Asking): Promise<Confirmation> {
    this.requests.push(request);
    const asked = check(confirmRequest, request);
    const { id } = asked;
    const work = (): Confirmation => {
      const waiting = this.pending;
      if (!waiting || (id !== undefined && id !== waiting.id)) {
        throw new FirewallError('NOTHING_PENDING', { what: say`no change is waiting for confirmation.` });
      }
      this.pending = null;
      this.see({ confirmed: waiting.id });
      return { id: waiting.id, action: waiting.action, confirmed: true, warnings: [], state: this.#state() };
    };
    return this.#queued({ method: 'confirm', request: asked }, work, asking);
  }

  async restore(request: unknown, asking?: Asking): Promise<ChangeResult> {
    this.requests.push(request);
    const asked = check(restoreRequest, request);
    const { action, backup, dryRun } = asked;
    const work = () => this.#result(`${action} ${backup}`.trim(), !dryRun, asked);
    return this.#queued({ method: 'restore', request: asked }, work, asking);
  }

  async schedule(request: unknown, asking?: Asking): Promise<ScheduleResult> {
    this.requests.push(request);
    const asked = check(scheduleRequest, request);
    if (asked.subject.kind === 'services') for (const one of asked.subject.services) servicesNamed(this.#registry, one);
    const work = () => {
      const others = FakeFirewall.schedules.filter(({ id }) => id !== asked.id);
      const changed = others.length === FakeFirewall.schedules.length;
      FakeFirewall.schedules = [...others, reportOf(asked)];
      return this.#scheduled(asked.id, changed);
    };
    return this.#queued({ method: 'schedule', request: asked }, work, asking);
  }

  async unschedule(request: unknown, asking?: Asking): Promise<ScheduleResult> {
    this.requests.push(request);
    const asked = check(unscheduleRequest, request);
    const work = () => {
      FakeFirewall.schedules = FakeFirewall.schedules.filter(({ id }) => id !== asked.id);
      return this.#scheduled(asked.id, true);
    };
    return this.#queued({ method: 'unschedule', request: asked }, work, asking);
  }

  async override(request: unknown, asking?: Asking): Promise<ScheduleResult> {
    this.requests.push(request);
    const { id, action, duration, reason } = check(overrideRequest, request);
    const work = () => {
      const known = FakeFirewall.schedules.find((one) => one.id === id);
      if (!known)
        throw new FirewallError('INVALID_INPUT', {
          what: say`id: there is no schedule with the id ${id} on this device.`,
        });
      if (action === 'auto') Object.assign(known, { open: true, by: 'schedule' });
      else if (action !== 'status') Object.assign(known, { open: action === 'open', by: 'override' });
      return this.#scheduled(id, action !== 'status');
    };
    return this.#queued({ method: 'override', request: { id, action, duration, reason } }, work, asking);
  }

  async learn(request: unknown, asking?: Asking): Promise<LearnResult> {
    this.requests.push(request);
    const asked = check(learnRequest, request);
    const { action, duration } = asked;
    const work = (): LearnResult => {
      const before = this.learning;
      if (action === 'start')
        this.learning = {
          ...{ on: true, looking: true, days: before?.days ?? 0, flooded: before?.flooded ?? [] },
          until: duration > 0 ? '2026-02-01T00:00:00.000Z' : null,
        };
      if (action === 'stop' && before) this.learning = { ...before, on: false, looking: false, until: null };
      if (action === 'forget') {
        this.peers = null;
        this.learning = before?.on ? { ...before, days: 0, flooded: [] } : null;
      }
      const services = Object.entries(this.peers ?? {}).map(
        ([id, peers]): [string, LearnResult['services'][string]] => [
          id,
          {
            peers: peers.map((one) => ({ ...one, days: 1, weekdays: ['mon'], hours: [8] })),
            ...{ flooded: [], rarest: Math.min(...peers.map(({ count }) => count)), unseen: 0 },
          },
        ],
      );
      const changed = JSON.stringify(before) !== JSON.stringify(this.learning);
      const known = { services: Object.fromEntries(services), proposal: null };
      const result = { action, changed, learning: this.learning, ...known, warnings: [] };
      return learnResult.parse(result);
    };
    return this.#queued({ method: 'learn', request: asked }, work, asking);
  }

  history(question: unknown, asking?: Asking): Promise<History> {
    this.requests.push(question);
    const request = check(historyRequest, question);
    const work = (): History => ({
      ...{ entries: selected(this.entries, request), fault: null, head: null },
      ...{ kept: this.entries.length, dropped: 0 },
    });
    return this.#queued({ method: 'history', request }, work, asking);
  }

  evidence(asking?: Asking): Promise<Evidence> {
    const work = (): Evidence => ({
      ...{ state: this.#state(), directions: {}, who: {} },
      history: { entries: [...this.entries], fault: null, head: null, kept: this.entries.length, dropped: 0, older: 0 },
      device: {
        ...{ name: 'fake', zone: 'UTC' },
        versions: { package: '1.1.0', ufw: null, iptables: null, kernel: '5.10', node: 'v14.18.0' },
      },
    });
    return this.#queued({ method: 'evidence', request: {} }, work, asking);
  }

  /** As after a request, the observers see the state first. */
  #scheduled(id: string, changed: boolean): ScheduleResult {
    this.see({});
    const schedule = this.#state().schedules.find((one) => one.id === id) ?? null;
    return { id, changed, schedule, warnings: [], state: this.#state() };
  }

  /** With the engine's own rules of what is carried out; only the carrying out is faked. */
  fleet(envelope: unknown, limits?: Limits, asking?: Asking): Promise<FleetDone> {
    this.requests.push({ envelope, limits });
    return fleet(envelope, (call) => this.#ordered(call, asking), this.settings, limits);
  }

  async #ordered<M extends Method>(call: Call<M>, asking?: Asking): Promise<Answers[M]> {
    const { order } = call;
    const isDone = order && isCarriedOut(order, this.lastRequest, Date.now());
    const done = await (isDone
      ? this.#queued(call as Call, () => ({ repeated: true, warnings: [], state: this.#state() }), asking)
      : this.#made(call.method, call.request, asking));
    if (order && !isDone && !('dryRun' in done && done.dryRun)) this.lastRequest = remembered(order, '1');
    return done as Answers[M];
  }

  #made(method: Method, request: unknown, asking?: Asking): Promise<Answers[Method]> {
    switch (method) {
      case 'setProfile':
      case 'toggleService':
      case 'changeWebPorts':
      case 'confirm':
      case 'restore':
        return this[method](request, asking);
      case 'read':
        return this.read(asking);
      default:
        throw new Error(`no operator asks for ${method}`);
    }
  }

  backups(asking?: Asking): Promise<BackupReport[]> {
    const id = '20260101T000000000Z-0a1b2c';
    const at = '2026-01-01T00:00:00.000Z';
    const kept: BackupReport[] = [
      { id, at, action: 'set-profile lockdown', reason: 'requested', rules: 45, place: 'factory' },
    ];
    return this.#queued({ method: 'backups', request: {} }, () => kept, asking);
  }

  outlook(): Promise<OutlookReport> {
    const timeline = [...this.entries].reverse().map((one) => listedEntry.parse(one));
    return Promise.resolve({ version: '', text: null, problem: null, timeline });
  }

  observe(observer: (seen: Seen) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Notifies the observers as a device would after a request, or by itself. */
  see(seen: Partial<Seen>): void {
    for (const observer of [...this.#observers]) observer({ state: this.#state(), confirmed: null, said: [], ...seen });
  }

  watch(options: unknown, listener: WatchObserver): () => void {
    const watcher = { asked: check(watchOptions, options), listener };
    this.watchers.add(watcher);
    listener.state?.(this.#state());
    return () => this.watchers.delete(watcher);
  }

  /** The watches of nodes, which want to know of readings, too; not those of the sidebar. */
  get watches(): { asked: WatchOptions; listener: WatchObserver }[] {
    return [...this.watchers].filter(({ listener }) => listener.state);
  }

  /** Notifies those who watch for it of an event. */
  notify(event: WatchEvent): void {
    for (const { asked, listener } of this.watchers) if (asked.topics.includes(event.topic)) listener.event(event);
  }

  async resume(): Promise<readonly string[]> {
    this.resumed += 1;
    if (this.failure !== undefined) throw this.failure;
    return [];
  }

  async getReady(): Promise<void> {
    this.readied += 1;
  }

  leave(sender: object): number {
    return QUEUE.cancel(sender);
  }

  close(): void {
    this.closed = true;
    QUEUE.cancel(this);
  }

  #queued<Answer>(call: Call, work: () => Answer, asking?: Asking): Promise<Answer> {
    const run = async (): Promise<Answer> => {
      this.#atWork += 1;
      this.overlap = Math.max(this.overlap, this.#atWork);
      this.begun.push(call);
      try {
        for (let left = FakeFirewall.turns; left > 0; left--) await new Promise(setImmediate);
        await this.#gate;
        if (this.failure !== undefined) throw this.failure;
        return work();
      } finally {
        this.#atWork -= 1;
      }
    };
    return QUEUE.add(call, run, this, asking);
  }

  #state(): State {
    this.#reads += 1;
    const openness = (id: string): Openness => (this.#closed.has(id) ? 'closed' : 'open');
    return stateSchema.parse({
      ledger: null,
      readAt: new Date(this.#reads * 1000).toISOString(),
      active: this.active,
      enabledAtBoot: true,
      ipv6: false,
      logging: 'low',
      policies: { incoming: 'deny', outgoing: 'deny', routed: 'deny' },
      profile: { name: this.profile, closest: this.profile ?? 'enhanced', differences: [] },
      services: CATALOGUE.map(({ id, label, opens, optional, internal, consequence, risk }) => ({
        id,
        label,
        ports: [...opens],
        in: openness(id),
        out: 'closed',
        families: [{ family: 'ipv4', in: openness(id), out: 'closed' }],
        decidedBy: { in: [], out: [] },
        undecided: [],
        interfaces: [],
        sources: [],
        optional,
        internal,
        listening: null,
        consequence: rendered(consequence),
        risk: rendered(risk),
      })),
      rules: [
        {
          number: 1,
          action: 'allow',
          direction: 'in',
          protocol: 'tcp',
          to: { address: '0.0.0.0/0', port: '22', app: null },
          from: { address: '0.0.0.0/0', port: 'any', app: null },
          interface: null,
          log: null,
          family: 'ipv4',
          comment: this.comment,
        },
      ],
      said: [],
      exposedInternal: [],
      openUnused: [],
      otherOwners: [],
      unreadable: [],
      findings: [],
      webPorts: this.webProblems && {
        ...this.webPorts,
        redirectsTo: this.webPorts.https,
        consistent: this.webProblems.length === 0,
        problems: this.webProblems,
      },
      pending: this.pending,
      leases: this.leases,
      schedules: FakeFirewall.schedules,
      lastRequest: this.lastRequest && {
        ...{ id: this.lastRequest.id, issued: this.lastRequest.issued },
        ...{ undone: this.lastRequest.undone === true, key: this.lastRequest.key ?? null },
      },
      operatorKeys: this.settings.operatorKeys.map(({ name }) => name),
      peers: this.peers,
      learning: this.learning,
      leftovers: [],
      inSync: true,
    });
  }

  #result(
    action: string,
    changed: boolean,
    {
      dryRun,
      confirmWithin,
      duration = 0,
    }: Pick<SetProfileRequest, 'dryRun' | 'confirmWithin'> & Partial<Pick<SetProfileRequest, 'duration'>>,
  ): ChangeResult {
    const confirmBy = new Date(Date.now() + confirmWithin * 1000).toISOString();
    if (changed) this.changes.push(action);
    if (changed && confirmWithin > 0) this.pending = { id: '1', action, confirmBy };
    return changeResult.parse({
      impact: [],
      stillOpen: [],
      openToAll: [],
      id: '1',
      action,
      changed,
      dryRun,
      added: [],
      removed: [],
      policies: {},
      files: changed ? ['user.rules'] : [],
      cut: 0,
      backup: changed ? '1' : null,
      pending: changed && confirmWithin > 0 ? { confirmBy, guard: 'node-red' } : null,
      lease: duration > 0 ? { until: '2026-01-01T00:30:00.000Z' } : null,
      warnings: [],
      state: this.#state(),
      durationMs: 1,
    });
  }
}

/** Open until a moment of its own: what the calendar says is tested with the engine. */
const reportOf = ({ id, name, subject }: ScheduleRequest): ScheduleReport => ({
  ...{ id, name, open: true, by: 'schedule' },
  services: subject.kind === 'services' ? subject.services : null,
  profile: subject.kind === 'profile' ? subject.profile : null,
  ...{ until: '2026-01-01T19:00:00.000Z', next: '2026-01-01T19:00:00.000Z' },
});
