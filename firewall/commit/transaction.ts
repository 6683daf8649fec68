/**
 * The transaction: one change of ufw's files and of the kernel, wholly or not at all.
 * Read, plan, lock, roll back an interrupted change, read and plan again, journal, write, load, verify, file the backup,
 * release, look once more.
 */
import { FirewallError, notPermitted, say } from '../errors';
import { type FileText, replace } from '../host/files';
import { restore } from '../host/iptables';
import { processesOf, readListeners } from '../host/listeners';
import { type Holder, type Lock, startHolder } from '../host/lock';
import { ended, ufwProcesses } from '../host/processes';
import { run } from '../host/run';
import { setUnit, type UnitChange } from '../host/systemd';
import type { Settings } from '../messages';
import { type Kernel, missingRules, readKernel } from '../state/kernel';
import { leftovers, removeLeftovers } from '../state/leftovers';
import { formatSchedule, type Schedule } from '../state/schedule';
import { changedFiles, type RuleLists, readSnapshot, type Snapshot, type Wanted, withWanted } from '../state/snapshot';
import { spliceOf } from '../state/splice';
import { listenersOfNginx, probe, reload as reloadNginx, settled, testAside } from '../web/server';
import { begin, type Checkpoint, finish, newId, unfinished, writeSchedule } from './journal';
import { type Loads, load, loadsOf, prepareLoads, stop, textsOf } from './load';
import { oldSite, putBack, recover } from './recovery';
import { afterStart, beforeStart } from './start';
import { wakeFor } from './timers';

export interface Plan extends Wanted {
  warnings: readonly string[];
  web?: WebMove;
  /** The systemd unit that starts or stops with the rules; left out where none has to. */
  unit?: UnitChange;
}

/** The plan that leaves everything as it is. */
export const unchanged = ({ rules, settings: { policies, enabled } }: Snapshot): Plan => ({
  ...{ rules, policies, enabled, warnings: [] },
});

/** How the running nginx follows a new site file. */
export interface WebMove {
  /** The rules while it moves: old and new ports are let in. */
  between: RuleLists;
  /** `if-running`: for a rollback, which must not fail because nginx is not running or a page does not respond. */
  reload: 'reload' | 'if-running' | 'reboot' | 'none';
  /** The ports nginx has to listen on afterwards, and those it has to have left. */
  listening: readonly number[];
  left: readonly number[];
  /** The ports whose pages are asked for. */
  pages: { http: number | null; https: number | null };
}

export interface Intent {
  /** For the backup list: `toggle-service close ssh`. */
  action: string;
  /** Why; for the backup list. */
  reason: Checkpoint['reason'];
  /** The running nginx may listen elsewhere afterwards. */
  movesWeb?: boolean;
  /** Puts right what a killed ufw leaves behind, so it begins from files that are not ufw's any more. */
  mends?: boolean;
  /** Called again whenever the files have moved since the last call. Pure; throws what refuses the change. */
  plan(snapshot: Snapshot, id: string): Plan | Promise<Plan>;
}

export interface Committed {
  id: string;
  changed: boolean;
  before: Snapshot;
  after: Snapshot;
  files: readonly string[];
  backup: string | null;
  warnings: readonly string[];
  kernel: Kernel;
}

/** How long another program may hold ufw's lock, in ms. */
const LOCK_TIMEOUT_MS = 30_000;
/** How long a `ufw` command that was already running may take, in ms. */
const LATE_UFW_MS = 30_000;
/** How often a change is made again after `ufw` commands that undid it. */
const ROUNDS = 20;
/** How often the lock is given back so that waiting `ufw` commands, which hold stale reads, go first. */
const YIELDS = 3;

/**
 * Makes the change, or reports that nothing needs to change.
 * @throws FirewallError; after an error the files and the kernel are as they were.
 */
export async function transact(settings: Settings, intent: Intent, dryRun: boolean): Promise<Committed> {
  if (dryRun) return attempt(settings, intent, null);
  const holder = startHolder(settings);
  return attempt(settings, intent, holder).finally(holder.dismiss);
}

/** @param holder null for a dry run */
async function attempt(settings: Settings, intent: Intent, holder: Holder | null): Promise<Committed> {
  const id = await newId();
  const [before, kernel] = await Promise.all([readSnapshot(settings, intent.mends), readKernel()]);
  const first = await planned(before, intent, id);
  const unneeded = { id, before, kernel, backup: null, warnings: first.plan.warnings };
  const files = first.files.map(({ path }) => path);
  if (!holder) return { ...unneeded, changed: !first.isNothing, after: first.after, files };
  if (first.isNothing && !(await isAmiss(intent, first.after, kernel))) {
    return { ...unneeded, changed: false, after: before, files };
  }
  // While the lock is waited for, it is already seen what has to be loaded for what is planned so far.
  const loads = prepareLoads(before, first.after, kernel, intent.mends);
  for (let round = 1; ; round++) {
    const done = await underLock(settings, intent, id, round === 1 ? { before, ...first, loads, holder } : null);
    if (!(await isUndone(settings, intent, id, done))) return done;
    if (round === ROUNDS) {
      throw new FirewallError('BUSY', {
        what: say`other ufw commands keep running and have undone this change ${ROUNDS} times.`,
        state: say`The change is not in effect.`,
        remedy: say`Find the program that keeps calling ufw, stop it, and try again.`,
      });
    }
  }
}

/** Whether the kernel does not hold what the files say, so that there is something to do although they stay. */
async function isAmiss(intent: Intent, after: Snapshot, kernel: Kernel): Promise<boolean> {
  if (intent.mends && leftovers(after, kernel).length > 0) return true;
  return after.settings.enabled && (await missingRules(after, kernel)) !== null;
}

/**
 * Changes what is to happen later, and nothing else: one file, replaced in one step.
 * @param next gives the new schedule, or null where it stays
 */
export async function reschedule(
  settings: Settings,
  next: (snapshot: Snapshot) => Schedule | null,
): Promise<readonly string[]> {
  const lock = await lockAfterUfw(settings);
  try {
    const recovered = await recover(settings);
    const snapshot = await readSnapshot(settings);
    const schedule = next(snapshot);
    if (schedule) await writeSchedule(settings, { ...snapshot.sources.schedule, text: formatSchedule(schedule) });
    return recovered;
  } catch (error) {
    return refused(error);
  } finally {
    await lock.release();
  }
}

/** Rolls back an interrupted change, if there is one: the next request does, whatever it is, and so can a boot. */
export async function takeBack(settings: Settings): Promise<readonly string[]> {
  if ((await unfinished(settings)) === null) return [];
  const lock = await lockAfterUfw(settings);
  try {
    return await recover(settings);
  } finally {
    await lock.release();
  }
}

interface Planned {
  plan: Plan;
  after: Snapshot;
  files: readonly FileText[];
  /** Nothing has to be done for it. */
  isNothing: boolean;
}

async function planned(snapshot: Snapshot, intent: Intent, id: string): Promise<Planned> {
  const plan = await intent.plan(snapshot, id);
  await new Promise(setImmediate);
  const after = await withWanted(snapshot, plan);
  const files = changedFiles(snapshot, after);
  return { plan, after, files, isNothing: files.length === 0 && plan.unit === undefined };
}

interface Prepared extends Planned {
  holder: Holder;
  before: Snapshot;
  loads: Promise<Loads>;
}

async function underLock(settings: Settings, intent: Intent, id: string, first: Prepared | null): Promise<Committed> {
  // The texts are awaited with the lock in hand; that they fail is not yet anybody's failure.
  const [lock] = await Promise.all([lockAfterUfw(settings, first?.holder), first?.loads.catch(() => null)]);
  try {
    const recovered = await recover(settings);
    const fresh = await readSnapshot(settings, intent.mends);
    // A plan is made for what the files say now; and where it is only the kernel that was amiss, another change may have been
    // between its files and its kernel.
    const isCurrent = recovered.length === 0 && fresh.bytes === first?.before.bytes && !first.isNothing;
    const known = isCurrent ? first : null;
    const before = known?.before ?? fresh;
    const { after, plan, files, isNothing } = known ?? (await planned(before, intent, id));
    const present = known ? null : await readKernel();
    const said = [...recovered, ...plan.warnings];
    const untouched = { id, changed: false, before, after, backup: null, files: [], warnings: said };
    // Somebody else has made the same change while the lock was waited for.
    if (isNothing && present && !(await isAmiss(intent, after, present))) return { ...untouched, kernel: present };
    const onlyLater = files.length === 1 && files[0]?.path === after.sources.schedule.path && !plan.unit;
    const kernelNow = onlyLater ? (present ?? (await readKernel())) : null;
    if (kernelNow && !(await isAmiss(intent, after, kernelNow))) {
      await wakeFor(settings, id, after.schedule);
      await writeSchedule(settings, after.sources.schedule);
      return { ...untouched, kernel: kernelNow };
    }
    const loads = await (known?.loads ?? prepareLoads(before, after, present as Kernel, intent.mends));
    const { kernel, warnings } = await commit(settings, { id, intent, before, after, lock, loads, plan, files });
    return {
      ...{ id, changed: true, before, after, kernel, backup: id },
      files: files.map(({ path }) => path),
      warnings: [...said, ...warnings],
    };
  } finally {
    await lock.release();
  }
}

/**
 * The lock, at a moment when no `ufw` command waits for it: ufw reads its files before it locks, so a waiting one would
 * write back what it read before our change. Where ufw commands keep coming, the lock is taken all the same, and what
 * they undo is made again afterwards.
 */
async function lockAfterUfw(settings: Settings, first = startHolder(settings)): Promise<Lock> {
  for (let left = YIELDS, holder = first; ; left--, holder = startHolder(settings)) {
    const lock = await holder.take(LOCK_TIMEOUT_MS);
    const waiting = await ufwProcesses();
    if (waiting.length === 0 || left === 0) return lock;
    await lock.release();
    await ended(waiting, LATE_UFW_MS);
  }
}

/**
 * Whether a `ufw` command has written an older state over the change: one that was running when the lock was released, or,
 * before 0.36 when ufw had no lock, one that wrote while the change was made.
 */
async function isUndone(settings: Settings, intent: Intent, id: string, { after }: Committed): Promise<boolean> {
  // In this order: one that is no longer among them has written before the files are read.
  await ended(await ufwProcesses(), LATE_UFW_MS);
  const now = await readSnapshot(settings, intent.mends);
  if (changedFiles(after, now).length === 0) return false;
  // The rest of what a change sets is not ufw's, so no ufw command undoes it.
  const own = [now.sources.schedule.path, now.sources.site?.path];
  return (await planned(now, intent, id)).files.some(({ path }) => !own.includes(path));
}

interface Step {
  id: string;
  intent: Intent;
  before: Snapshot;
  after: Snapshot;
  files: readonly FileText[];
  plan: Plan;
  lock: Lock;
  loads: Loads;
}

async function commit(
  settings: Settings,
  { id, intent, before, after, files, plan: { web, unit }, lock, loads: { texts, present } }: Step,
): Promise<{ kernel: Kernel; warnings: readonly string[] }> {
  const starts = after.settings.enabled && !before.settings.enabled;
  const stops = before.settings.enabled && !after.settings.enabled;
  const site = files.find(({ path }) => path === after.sources.site?.path);
  const warnings: string[] = [];
  if (site && web) await refuseBusy(web);
  if (!lock.isHeld()) throw lockLost();
  const old = Object.values(before.sources) as FileText[];
  const textBefore = new Map(old.map(({ path, text }) => [path, text]));
  const checkpoint: Checkpoint = {
    ...{ id, action: intent.action, reason: intent.reason, at: new Date().toISOString() },
    rules: before.families.reduce((sum, family) => sum + (before.rules[family]?.length ?? 0), 0),
    before: old,
    after: Object.fromEntries(files.map(({ path, text }) => [path, spliceOf(textBefore.get(path) ?? '', text)])),
    site: before.sources.site?.path ?? null,
    ...(present ? { kernel: textsOf(present) } : {}),
    ...(unit ? { unit } : {}),
  };
  try {
    await wakeFor(settings, id, after.schedule);
    await begin(settings, checkpoint);
    if (site) await testAside(site);
    if (site && web) {
      await openBetween(before, web);
      // As the vendor's page has its readers do.
      await replace([{ ...(before.sources.site as FileText), path: oldSite(site.path) }]);
    }
    await replace(files);
    if (site && web?.reload === 'reload') await follow(web);
    if (site && web?.reload === 'if-running' && (await listenersOfNginx()).length > 0) {
      await follow(web).catch((error: Error) => warnings.push(error.message));
    }
    if (starts) await beforeStart(settings, before);
    let kernel = stops ? await stop(after) : await load(after, texts);
    if (starts) await afterStart(settings, before);
    if (intent.mends) kernel = await removeLeftovers(kernel);
    if (unit) await setUnit(unit.name, unit.to);
    await finish(settings, checkpoint, after.schedule.pending?.id);
    if (site && web?.reload === 'reboot') await reboot();
    return { kernel, warnings };
  } catch (error) {
    await putBack(settings, checkpoint, files).catch((second) => {
      throw stuck(error, second);
    });
    return refused(error);
  }
}

/** @throws FirewallError VERIFY_FAILED where systemd does not restart the device. */
async function reboot(): Promise<void> {
  const { code, stderr } = await run('systemctl', ['reboot']);
  if (code === 0) return;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the device could not be restarted (${stderr.trim().slice(0, 200)}).`,
  });
}

/** A port that nginx is to take must not be in use: nginx itself would not report that. */
async function refuseBusy({ listening }: WebMove): Promise<void> {
  const own = new Set((await listenersOfNginx()).map(({ inode }) => inode));
  const others = (await readListeners()).filter(
    ({ protocol, port, inode }) => protocol === 'tcp' && listening.includes(port) && !own.has(inode),
  );
  const [taken] = others;
  if (!taken) return;
  const holder = (await processesOf([taken.inode])).get(taken.inode);
  throw new FirewallError('PORT_IN_USE', {
    what: holder
      ? say`port ${taken.port} is in use by ${holder.name} (process ${holder.pid}).`
      : say`port ${taken.port} is in use by another program.`,
    remedy: say`Choose another port, or stop that program.`,
  });
}

/** Lets the new web ports in next to the old ones, in the kernel only: the journal records it until the files do. */
async function openBetween(before: Snapshot, { between }: WebMove): Promise<void> {
  if (!before.settings.enabled) return;
  const { policies, enabled } = before.settings;
  const both = await withWanted(before, { rules: between, policies, enabled });
  for (const [family, text] of loadsOf(both, null)) await restore(family, text);
}

/** Has the running nginx take the new site file, and proves that it did. */
async function follow({ listening, left, pages }: WebMove): Promise<void> {
  await reloadNginx();
  await settled({ listening, left });
  await probe(pages);
}

function refused(error: unknown): never {
  if (error instanceof FirewallError) throw error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') throw notPermitted(say`${message}.`, error);
  throw new FirewallError('INTERNAL', { what: say`${message}.`, state: say`The firewall is unchanged.` }, error);
}

function stuck(first: unknown, second: unknown): FirewallError {
  return new FirewallError(
    'VERIFY_FAILED',
    {
      what: say`the change failed (${(first as Error).message}) and could not be rolled back (${(second as Error).message}).`,
      state: say`The state of the firewall is unknown.`,
      remedy: say`The previous state is in the journal, and the next change rolls back to it first; or run "ufw reload" on the device.`,
    },
    second,
  );
}

function lockLost(): FirewallError {
  return new FirewallError('BUSY', {
    what: say`ufw's lock was lost before anything was written.`,
    remedy: say`Try again.`,
  });
}
