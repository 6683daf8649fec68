/**
 * A device of values: ufw's files, the kernel's tables, the backups and the clock. Requests are planned and asked at the door
 * by the engine's own functions; what needs a machine (files, programs, locks, nginx) is left out. What the kernel does with
 * the texts it is given is written anew here.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { nextEdge } from '../../firewall/calendar/opening';
import { loadsOf } from '../../firewall/commit/load';
import { FirewallError, say } from '../../firewall/errors';
import * as messages from '../../firewall/messages';
import { type KnownPeers, knownPeers } from '../../firewall/peers/known';
import { typedPeers } from '../../firewall/peers/typed';
import { admit } from '../../firewall/plan/admission';
import { refuseWhileWaiting, scheduled } from '../../firewall/plan/asked';
import { dueIn, ENDING, FREE, planEnding, planRevert, planStaying, withRenewed } from '../../firewall/plan/due';
import type { Limits } from '../../firewall/plan/guard';
import { planProfileChange } from '../../firewall/plan/profile-change';
import { planRestore, planUndo } from '../../firewall/plan/restore';
import { added, inserted, removed } from '../../firewall/plan/rule-list';
import { dueStanding, inOrder, planDue, REFUSALS, withRefused } from '../../firewall/plan/standing';
import { planToggles, resolveToggles } from '../../firewall/plan/toggle-service';
import { oldPortsFor, planWebChange } from '../../firewall/plan/web-change';
import { stopLoad, userLoad } from '../../firewall/rules/load-text';
import { ANYWHERE, FAMILIES, type Family, makeRule, type Rule } from '../../firewall/rules/rule';
import { serviceNamed } from '../../firewall/services/registry';
import { CHECKPOINT, type Checkpoint } from '../../firewall/state/checkpoint';
import { type Clock, type Deadline, deadlineIn } from '../../firewall/state/clock';
import { fullLoadOf } from '../../firewall/state/expected';
import { isActive, type Kernel, rulesDifference } from '../../firewall/state/kernel';
import { isAboutLaterOnly, needsBackup } from '../../firewall/state/later-only';
import { checkpointOf } from '../../firewall/state/new-checkpoint';
import { textFor, understood } from '../../firewall/state/own-file';
import { type Plan, unchanged } from '../../firewall/state/plan';
import { registryFor } from '../../firewall/state/registry-for';
import { formatSchedule, type Schedule, type WantedProfile } from '../../firewall/state/schedule';
import {
  type AroundRules,
  changedFiles,
  filesOf,
  type Snapshot,
  type Sources,
  snapshotOf,
  withWanted,
} from '../../firewall/state/snapshot';
import type { Standing } from '../../firewall/state/standing';
import type { Wanted } from '../../firewall/state/wanted';
import { rulesetOf } from '../../firewall/verdicts/from-texts';
import { filterOf } from '../../firewall/verdicts/ruleset';
import { factoryPolicies, factoryRules } from '../device/factory';
import { pristine } from '../device/pristine';
import { nginxFiles } from '../device/site';

const FILES = { ipv4: '', ipv6: '6' } as const;
const EMPTY = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';

/** Why packets may meet other rules than a moment ago. */
export type Cause = 'request' | 'revert' | 'lease' | 'schedule' | 'boot' | 'hand';

interface Intent {
  action: string;
  reason: Checkpoint['reason'];
  limits: Limits;
  bounded?: 'service' | 'profile';
  repairs?: boolean;
  plan(snapshot: Snapshot, id: string, kernel: Kernel): Plan | Promise<Plan>;
}

type Options = Pick<messages.SetProfileRequest, 'dryRun' | 'confirmWithin' | 'force' | 'onlyTighten'>;

let delivered: Promise<MachineInMemory> | undefined;

export class MachineInMemory {
  /** Called whenever the kernel may hold something else. */
  moved: (cause: Cause) => void = () => undefined;
  private backups: string[] = [];
  private changes = 0;
  private boots = 1;
  private clock: Clock = { boot: 'boot-1', uptime: 100, wall: Date.parse('2026-11-27T08:00:00Z') };

  private constructor(
    readonly settings: messages.Settings,
    private snapshot: Snapshot,
    private readonly around: readonly AroundRules[],
    private texts: Record<Family, string>,
  ) {}

  /** The device as the vendor delivers it. */
  static async open(settings: messages.Settings): Promise<MachineInMemory> {
    delivered ??= MachineInMemory.deliver(settings);
    const { snapshot, around, texts } = await delivered;
    return new MachineInMemory(settings, snapshot, around, { ...texts });
  }

  /** The vendor's commands, on a fresh ufw. */
  private static async deliver(settings: messages.Settings): Promise<MachineInMemory> {
    const files = { ...(await pristine(true, '')), ...nginxFiles };
    const file = (path: string) => ({ path, text: '', mode: 0o640, uid: 0, gid: 0, ...files[path] });
    const sources: Sources = {
      ipv4: file('/etc/ufw/user.rules'),
      ipv6: file('/etc/ufw/user6.rules'),
      defaultUfw: file('/etc/default/ufw'),
      ufwConf: file('/etc/ufw/ufw.conf'),
      schedule: file(join(settings.stateDir, 'schedule.json')),
      site: file(settings.webSite),
    };
    const around = FAMILIES.map((family) => ({
      family,
      before: file(`/etc/ufw/before${FILES[family]}.rules`).text,
      after: file(`/etc/ufw/after${FILES[family]}.rules`).text,
    }));
    const fresh = { ipv4: EMPTY, ipv6: EMPTY };
    const machine = new MachineInMemory(settings, await snapshotOf(sources, around), around, fresh);
    for (const words of [...factoryPolicies, ...factoryRules, 'enable']) await machine.ufw(words);
    return machine;
  }

  /** What the kernel holds of a family, as `iptables-save` prints it. */
  save(family: Family): string {
    return this.texts[family];
  }

  /** The TCP port of the web pages. */
  get webPort(): number {
    return Number.parseInt(serviceNamed(registryFor(this.settings, this.snapshot), 'https').opens[0] ?? '', 10);
  }

  /** Who talks with which service. */
  get known(): KnownPeers {
    const registry = registryFor(this.settings, this.snapshot);
    return knownPeers(typedPeers(this.settings, registry, new Set()), this.snapshot.learned, registry);
  }

  /** What the engine reads of it. */
  get seen(): { snapshot: Snapshot; kernel: Kernel } {
    return { snapshot: this.snapshot, kernel: this.kernel() };
  }

  get isPending(): boolean {
    return this.snapshot.schedule.pending !== null;
  }

  /** What is temporary, each with the change that it began with. */
  get leases(): ReadonlyMap<string, string> {
    return new Map(this.snapshot.schedule.leases.map(({ key, id }) => [key, id]));
  }

  /** Everything there is, to compare. */
  everything(): string[] {
    const { sources, families, schedule } = this.snapshot;
    const parsed = [families.map(({ rules }) => rules), schedule].map((value) => JSON.stringify(value));
    return [...filesOf(sources).map(({ text }) => text), ...Object.values(this.texts), ...this.backups, ...parsed];
  }

  // Requests.

  async setProfile(said: object): Promise<void> {
    const request = messages.check(messages.setProfileRequest, said);
    const { profile, optionalServices } = request;
    const isLockdown = profile === 'lockdown';
    const deadline = this.deadline(request.duration);
    const made = (id: string) => ({ id, deadline, clock: this.clock, zone: 'UTC' });
    const { pending } = this.snapshot.schedule;
    const waiting = isLockdown && pending ? this.backup(pending.id) : null;
    await this.change(request, {
      action: `set-profile ${profile}`,
      ...(isLockdown ? {} : { bounded: 'profile' as const }),
      ...{ isLockdown, overrides: isLockdown, wanted: { profile, optionalServices } },
      plan: (snapshot, id, kernel) =>
        planProfileChange(
          { snapshot, kernel, waiting, known: this.known },
          this.settings,
          request,
          made(id),
          async () => asWritten,
        ),
    });
  }

  async toggleService(said: object): Promise<void> {
    const request = messages.check(messages.toggleServiceRequest, said);
    const deadline = this.deadline(request.duration);
    await this.change(request, {
      ...{ action: `toggle-service ${request.action} ${request.service}`, bounded: 'service' },
      plan: (snapshot, id) => {
        const resolved = resolveToggles(snapshot, registryFor(this.settings, snapshot), request);
        return planToggles(snapshot, resolved, { id, deadline, unit: undefined });
      },
    });
  }

  async changeWebPorts(said: object): Promise<void> {
    const request = messages.check(messages.changeWebPortsRequest, said);
    const deadline = this.deadline(oldPortsFor(request));
    await this.change(request, {
      action: 'change-web-ports',
      plan: (snapshot, id) => planWebChange(snapshot, this.settings, request, { id, deadline }),
    });
  }

  /** @param place which of the backups to restore, from 0 for the oldest to below 1; undefined for the last change's end */
  async restore(said: object, place?: number): Promise<void> {
    const request = messages.check(messages.restoreRequest, said);
    const undoes = request.action === 'undo';
    const all = this.backups.map(checkpointIn);
    const last = [...all].reverse().find(({ reason }) => !undoes || reason === 'requested');
    const checkpoint = undoes || place === undefined ? last : all[Math.floor(place * all.length)];
    if (!checkpoint) throw new FirewallError('UNKNOWN_BACKUP', { what: say`there is no backup.` });
    await this.change(request, {
      ...{ action: `${request.action} ${checkpoint.action}`, repairs: !undoes },
      overrides: undoes && this.snapshot.schedule.pending?.id === checkpoint.id,
      plan: (snapshot) =>
        undoes
          ? planUndo(snapshot, checkpoint)
          : planRestore(snapshot, checkpoint, place === undefined ? 'after' : 'before'),
    });
    if (!request.dryRun) await this.endDue();
  }

  async confirm(): Promise<void> {
    if (!this.isPending) throw new FirewallError('NOTHING_PENDING', { what: say`no change is waiting.` });
    await this.reschedule({ ...this.snapshot.schedule, pending: null });
    await this.settle();
  }

  // Standing schedules, as requests/standing.ts has them.

  async schedule(said: object): Promise<void> {
    const { siblings, ...asked } = messages.check(messages.scheduleRequest, said);
    const { boot, wall } = this.clock;
    const wanted: Standing = { ...asked, settings: this.settings, override: null, done: null };
    const { schedule } = this.snapshot;
    const others = schedule.standings.filter(({ id }) => id !== wanted.id);
    await this.reschedule({ ...schedule, standings: [...others, wanted], seen: { boot, wall } });
    await this.settle();
  }

  async unschedule(id: string): Promise<void> {
    const { schedule } = this.snapshot;
    await this.reschedule({ ...schedule, standings: schedule.standings.filter((one) => one.id !== id) });
  }

  async override(id: string, open: boolean | null, seconds: number): Promise<void> {
    const { schedule } = this.snapshot;
    const { boot, wall } = this.clock;
    const deadline = this.deadline(seconds);
    const withIt = (one: Standing): Standing => ({
      ...one,
      override: open === null ? null : { open, deadline, edge: deadline ? null : nextEdge(one.calendar, wall, 'UTC') },
    });
    const standings = schedule.standings.map((one) => (one.id === id ? withIt(one) : one));
    await this.reschedule({ ...schedule, standings, seen: { boot, wall } });
    await this.settle();
  }

  private async settle(): Promise<void> {
    const now = { clock: this.clock, zone: 'UTC' };
    for (const id of inOrder(this.snapshot.schedule)) {
      const due = dueStanding(this.snapshot.schedule, id, now);
      if (!due) continue;
      const plan = (snapshot: Snapshot, change: string): Promise<Plan> =>
        planDue(snapshot, this.settings, id, change, now);
      const intent = { action: 'schedule', reason: 'schedule' as const, limits: ENDING, plan };
      await this.transact(intent, false, 'schedule').catch((error: { code?: string }) => {
        if (!REFUSALS.has(error.code)) throw error;
        return this.reschedule(withRefused(this.snapshot.schedule, id, due.saying.open, this.clock));
      });
    }
  }

  /** Somebody sets the clock. */
  async setWall(wall: number): Promise<void> {
    this.clock = { ...this.clock, wall };
    await this.endDue();
  }

  get now(): Clock {
    return this.clock;
  }

  /** As requests/change.ts does. */
  private async change(
    { dryRun, confirmWithin, force, onlyTighten }: Options,
    asked: Omit<Intent, 'reason' | 'limits'> & { overrides?: boolean; isLockdown?: boolean; wanted?: WantedProfile },
  ): Promise<void> {
    const { action, overrides = false, isLockdown = false, wanted } = asked;
    const { boot, uptime } = this.clock;
    const deadline = this.deadline(confirmWithin);
    const plan = async (snapshot: Snapshot, id: string, kernel: Kernel): Promise<Plan> => {
      const terms = { id, action, dryRun, deadline, guard: 'systemd' as const, cutConnections: false, wanted };
      refuseWhileWaiting(snapshot.schedule.pending, { id, dryRun, overrides }, this.clock);
      return scheduled(snapshot, await asked.plan(snapshot, id, kernel), terms, async (acts) =>
        isLockdown && !dryRun && acts ? { id, boot, since: uptime * 1000 } : null,
      );
    };
    await this.transact({ ...asked, plan, reason: 'requested', limits: { force, onlyTighten } }, dryRun, 'request');
  }

  // Time.

  /** Lets time pass. @param isAsleep nobody is awake when things come due, only at the end */
  async pass(seconds: number, isAsleep: boolean): Promise<void> {
    const { pending, leases } = this.snapshot.schedule;
    const end = this.clock.uptime + seconds;
    const due = isAsleep ? [] : [...leases, ...(pending ? [pending] : [])].map(({ deadline }) => deadline.uptime);
    for (const uptime of [...due.filter((at) => at < end).sort((a, b) => a - b), end]) {
      const step = Math.max(0, uptime - this.clock.uptime);
      this.clock = { ...this.clock, uptime: this.clock.uptime + step, wall: this.clock.wall + step * 1000 };
      await this.endDue();
    }
  }

  /** The device is switched off for so long; then everything comes from the files. */
  async reboot(seconds: number): Promise<void> {
    this.boots++;
    this.clock = { boot: `boot-${this.boots}`, uptime: 30, wall: this.clock.wall + seconds * 1000 };
    this.texts = { ipv4: EMPTY, ipv6: EMPTY };
    if (this.snapshot.settings.enabled) this.loadAll();
    this.moved('boot');
    await this.endDue();
  }

  /** As requests/due.ts does, until nothing is due any more: what comes back may be over too. */
  private async endDue(): Promise<void> {
    for (let rounds = 0; ; rounds++) {
      assert.ok(rounds < 20, 'something is always due');
      const { pending, over, renewed } = dueIn(this.snapshot.schedule, this.clock);
      if (!pending && over.length === 0 && renewed.length === 0) {
        await this.settle();
        return;
      }
      if (pending) {
        const checkpoint = this.backup(pending.id);
        const plan = (snapshot: Snapshot): Promise<Plan> => planRevert(snapshot, checkpoint);
        const action = `not confirmed: ${pending.action}`;
        await this.transact({ action, reason: 'unconfirmed', limits: FREE, plan }, false, 'revert');
      }
      for (const lease of over) {
        const intent = { action: `end of lease: ${lease.service}`, reason: 'lease-over' as const };
        const ending = { ...intent, limits: ENDING, plan: (now: Snapshot) => planEnding(now, lease) };
        const staying = { ...intent, limits: FREE, plan: (now: Snapshot) => planStaying(now, lease) };
        await this.transact(ending, false, 'lease').catch((error: { code?: string }) => {
          if (error.code !== 'LOCKOUT') throw error;
          return this.transact(staying, false, 'lease');
        });
      }
      if (renewed.length > 0) await this.reschedule(withRenewed(this.snapshot.schedule, renewed));
    }
  }

  // By hand.

  /** A `ufw` command: a rule, a default policy, `enable` or `disable`. */
  async ufw(words: string): Promise<void> {
    const { settings } = this.snapshot;
    const [first, second, third] = words.split(' ');
    if (first === 'enable' || first === 'disable') {
      await this.write({ ...unchanged(this.snapshot), enabled: first === 'enable' });
      if (first === 'enable') this.loadAll();
      else this.stop();
    } else if (first === 'default') {
      await this.write({ ...unchanged(this.snapshot), policies: { ...settings.policies, [third ?? '']: second } });
      if (settings.enabled) this.loadAll();
    } else {
      const rules = this.snapshot.families.map((state) => ({
        family: state.family,
        rules: ruleIn(words, state.family).reduce((list, { how, rule }) => how(list, rule), state.rules),
      }));
      await this.write({ ...unchanged(this.snapshot), rules });
      if (settings.enabled) {
        for (const { family, file } of this.snapshot.families) {
          this.texts[family] = restore(userLoad(file, settings.policies), this.texts[family]);
        }
      }
    }
    this.moved('hand');
  }

  /** Somebody edits ufw.conf, and nothing else happens. */
  async editEnabled(enabled: boolean): Promise<void> {
    const { ufwConf } = this.snapshot.sources;
    const text = ufwConf.text.replace(/^ENABLED=.*$/m, `ENABLED=${enabled ? 'yes' : 'no'}`);
    await this.read({ ...this.snapshot.sources, ufwConf: { ...ufwConf, text } });
    this.moved('hand');
  }

  // What the engine does with its own hands.

  /** As commit/transaction.ts does. */
  private async transact(intent: Intent, dryRun: boolean, cause: Cause): Promise<void> {
    this.changes++;
    const moment = new Date(this.clock.wall + this.changes).toISOString().replace(/[-:.]/g, '');
    const id = `${moment}-${this.changes.toString(16).padStart(6, '0')}`;
    const { action, reason, limits, bounded, repairs = false } = intent;
    const [before, kernel] = [this.snapshot, this.kernel()];
    const plan = await intent.plan(before, id, kernel);
    const after = await withWanted(before, plan);
    const files = changedFiles(before, after);
    const change = { id, action, reason, before, plan, files };
    await admit({ ...change, kernel, after }, { settings: this.settings, limits, bounded }, async () => asWritten);
    const isAmiss = after.settings.enabled && (await this.misses(after));
    if (dryRun || (files.length === 0 && !isAmiss)) return;
    if (isAboutLaterOnly({ files, after, plan }) && !needsBackup({ after }, id) && !isAmiss) {
      await this.read(after.sources);
      return;
    }
    const present = before.settings.enabled && !repairs ? null : kernel;
    const saved = present?.map(({ family, text }) => ({ family, text }));
    await this.read(after.sources);
    this.backups.push(textFor(CHECKPOINT, checkpointOf({ ...change, kernel: saved ?? null }, this.clock.wall)));
    if (after.settings.enabled) {
      this.load(loadsOf(this.snapshot, present));
      if (await this.misses(after)) this.load(loadsOf(after, isActive(after, this.kernel()) ? null : this.kernel()));
      assert.equal(await this.misses(after), false, 'the kernel does not hold what was loaded');
    } else if (before.settings.enabled) this.stop();
    this.moved(cause);
  }

  private async misses(snapshot: Snapshot): Promise<boolean> {
    const kernel = this.kernel();
    if (!isActive(snapshot, kernel)) return true;
    const differences = await Promise.all(FAMILIES.map((family) => rulesDifference(snapshot, kernel, family)));
    return differences.some((one) => one !== null);
  }

  private kernel(): Kernel {
    const saves = FAMILIES.map((family) => ({ family, save: this.texts[family], beside: '' }));
    return rulesetOf(saves, '').map((ruleset) => ({
      ...{ family: ruleset.family, ruleset, nftTables: [], filter: filterOf(ruleset) },
      text: this.texts[ruleset.family],
    }));
  }

  private load(loads: readonly { family: Family; text: string }[]): void {
    for (const { family, text } of loads) this.texts[family] = restore(text, this.texts[family]);
  }

  /** As `ufw-init start` does, into empty tables. */
  private loadAll(): void {
    const { families, settings } = this.snapshot;
    for (const state of families) this.texts[state.family] = restore(fullLoadOf(state, settings, null), EMPTY);
  }

  private stop(): void {
    this.load(this.kernel().map(({ family, filter }) => ({ family, text: stopLoad(family, filter) })));
  }

  private async write(wanted: Wanted): Promise<void> {
    await this.read((await withWanted(this.snapshot, wanted)).sources);
  }

  /** The files as they are now, read again: nothing is known but what they say. */
  private async read(sources: Sources): Promise<void> {
    this.snapshot = await snapshotOf(sources, this.around);
  }

  private async reschedule(schedule: Schedule): Promise<void> {
    const { sources } = this.snapshot;
    await this.read({ ...sources, schedule: { ...sources.schedule, text: formatSchedule(schedule) } });
  }

  private deadline(seconds: number): Deadline | null {
    return seconds === 0 ? null : deadlineIn(seconds, this.clock);
  }

  private backup(id: string): Checkpoint {
    const found = this.backups.map(checkpointIn).find((one) => one.id === id);
    assert.ok(found, `there is no backup ${id}`);
    return found;
  }
}

/** iptables takes every line as it is written. */
const asWritten = (): ReadonlyMap<string, readonly string[]> => new Map();

function checkpointIn(text: string): Checkpoint {
  const { value, flaw } = understood(CHECKPOINT, text);
  assert.ok(value && flaw === null, `a backup: ${flaw?.template}`);
  return value;
}

/** What `iptables-save` prints after `iptables-restore -n` has been given a text. */
export function restore(text: string, save: string): string {
  const policies = new Map<string, string>();
  const chains = new Map<string, string[]>();
  for (const line of [...save.split('\n'), ...text.split('\n')]) {
    const [, name = '', policy = ''] = /^:(\S+) (\S+)/.exec(line) ?? [];
    const [command = '', chain = '', ...words] = line.split(' ');
    const rules = chains.get(chain);
    if (name !== '') {
      if (policy === '-' || !chains.has(name)) chains.set(name, []);
      policies.set(name, policy);
    } else if (command === '-A') rules?.push(words.join(' '));
    else if (command === '-I') rules?.unshift(words.join(' '));
    else if (command === '-F') chains.set(chain, []);
    else if (command === '-X') chains.delete(chain);
    else assert.match(line, /^(#.*|\*filter|COMMIT|)$/);
    if (/^-[AI]$/.test(command)) assert.ok(rules, `there is no such chain: ${line}`);
  }
  const lines = [
    ...[...chains.keys()].map((chain) => `:${chain} ${policies.get(chain)} [0:0]`),
    ...[...chains].flatMap(([chain, specs]) => specs.map((spec) => `-A ${chain} ${spec}`.trim())),
  ];
  return `*filter\n${lines.join('\n')}\nCOMMIT\n`;
}

type How = (rules: readonly Rule[], rule: Rule) => readonly Rule[];

/** What a `ufw` command about a rule does in one family, for the few forms that the tests use. */
function ruleIn(command: string, family: Family): { how: How; rule: Rule }[] {
  const words = command.split(' ');
  const how: How =
    words[0] === 'delete' ? removed : words[0] === 'prepend' ? (rules, rule) => inserted(rules, rule, 0) : added;
  if (words[0] === 'delete' || words[0] === 'prepend') words.shift();
  const rule = makeRule(family, { action: words.shift() as Rule['action'] });
  while (words.length > 0) {
    const [word = '', value = ''] = words;
    words.splice(0, ['in', 'out'].includes(word) || /^\d/.test(word) ? 1 : 2);
    const address = value === 'any' ? ANYWHERE[family] : value;
    if (word === 'in' || word === 'out') rule.direction = word;
    else if (word === 'on') rule[rule.direction === 'in' ? 'interfaceIn' : 'interfaceOut'] = value;
    else if (word === 'from') rule.src = address;
    else if (word === 'to') rule.dst = address;
    else if (word === 'port') rule.dport = value;
    else if (word === 'proto') rule.protocol = value;
    else {
      const [, port = '', protocol = 'any'] = /^(\d+)(?:\/(\w+))?$/.exec(word) ?? assert.fail(command);
      Object.assign(rule, { dport: port, protocol });
    }
  }
  const isOther = [rule.src, rule.dst].some((address) => address.includes(':') !== (family === 'ipv6'));
  return isOther ? [] : [{ how, rule }];
}
