/** The front door of the engine. One object per device; it makes one request at a time. */
import { remote } from './agent';
import { type Kernel, readKernel } from './commit/kernel';
import { readSnapshot, type Snapshot } from './commit/snapshot';
import { type Committed, type Intent, transact } from './commit/transaction';
import { readListeners } from './host/listeners';
import {
  type AgentRequest,
  type ChangeResult,
  check,
  type Policies,
  type Settings,
  type State,
  setProfileRequest,
  settings as settingsSchema,
  toggleServiceRequest,
} from './messages';
import { planProfile, planToggle, type ResolvedToggle, resolveToggle } from './plan/change';
import { allRules, report, ruleReports } from './report';
import { type Registry, registryOf } from './services/registry';

type Call = AgentRequest['call'];

export class Firewall {
  readonly #settings: Settings;
  #last: Promise<unknown> = Promise.resolve();

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

  /** One after the other: what a request sees is what the one before it left. */
  #queued(call: Call): Promise<State | ChangeResult> {
    const run = (): Promise<State | ChangeResult> =>
      isDirect(this.#settings) ? perform(this.#settings, call) : remote({ settings: this.#settings, call });
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

const isDirect = ({ privilege }: Settings): boolean =>
  privilege === 'root' || (privilege === 'auto' && process.getuid?.() === 0);

/** Does what a request asks for, here and now; the requests are valid and this process may do it. */
export async function perform(settings: Settings, call: Call): Promise<State | ChangeResult> {
  const registry = registryOf(settings, null);
  switch (call.method) {
    case 'read': {
      const snapshot = await readSnapshot(settings);
      return stateOf(snapshot, await readKernel(), registry);
    }
    case 'setProfile': {
      const { request } = call;
      const action = `set-profile ${request.profile}`;
      const plan: Intent['plan'] = (snapshot) => planProfile(snapshot, registry, request);
      return change(settings, registry, { action, plan }, request.dryRun);
    }
    case 'toggleService': {
      const { request } = call;
      // What "toggle" means is decided once: a plan made again must not turn back.
      let resolved: ResolvedToggle | undefined;
      const plan: Intent['plan'] = (snapshot) => {
        resolved = resolved ?? resolveToggle(snapshot, registry, request);
        return planToggle(snapshot, registry, resolved);
      };
      return change(
        settings,
        registry,
        { action: `toggle-service ${request.action} ${request.service}`, plan },
        request.dryRun,
      );
    }
  }
}

async function change(settings: Settings, registry: Registry, intent: Intent, dryRun: boolean): Promise<ChangeResult> {
  const started = process.hrtime.bigint();
  const done = await transact(settings, intent, dryRun);
  const now = dryRun ? done.before : done.after;
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
    warnings: [...done.warnings],
    state: await stateOf(now, done.kernel, registry),
    durationMs: Number(process.hrtime.bigint() - started) / 1e6,
  };
}

async function stateOf(snapshot: Snapshot, kernel: Kernel, registry: Registry): Promise<State> {
  return report({ snapshot, kernel, registry, listeners: await readListeners() });
}

function ruleChanges({ before, after }: Committed): Pick<ChangeResult, 'added' | 'removed'> {
  const [old, next] = [allRules(before), allRules(after)];
  const [oldSet, nextSet] = [new Set(old), new Set(next)];
  const [oldReports, nextReports] = [ruleReports(old), ruleReports(next)];
  return {
    added: nextReports.filter((_, at) => !oldSet.has(next[at] as (typeof next)[number])),
    removed: oldReports.filter((_, at) => !nextSet.has(old[at] as (typeof old)[number])),
  };
}

function policyChanges(from: Policies, to: Policies): ChangeResult['policies'] {
  const keys = (['incoming', 'outgoing', 'routed'] as const).filter((key) => from[key] !== to[key]);
  return Object.fromEntries(keys.map((key) => [key, { from: from[key], to: to[key] }]));
}
