/** The transaction: one change of ufw's files and of the kernel, wholly or not at all. */
import { FirewallError, messageOf, say } from '../errors';
import { missingRules } from '../host/in-sync';
import { readKernel } from '../host/kernel';
import { type Holder, isLockBusy, type Lock, startHolder } from '../host/lock';
import { ended, ufwProcesses } from '../host/processes';
import { readSnapshot } from '../host/snapshot';
import type { Happened } from '../ledger/happened';
import type { By } from '../ledger/source';
import type { Settings } from '../messages';
import type { Checkpoint } from '../state/checkpoint';
import type { FileText } from '../state/file-text';
import type { Kernel } from '../state/kernel';
import { isAboutLaterOnly, needsBackup } from '../state/later-only';
import { leftovers } from '../state/leftovers';
import { scheduleCheckpoint } from '../state/new-checkpoint';
import type { Plan } from '../state/plan';
import { formatSchedule, type Schedule } from '../state/schedule';
import { changedFiles, type Snapshot, withWanted } from '../state/snapshot';
import { apply, refused } from './apply';
import { begin, drop, newId, writeNotice } from './journal';
import { enter } from './ledger';
import { prepareLoads } from './load';
import { needsRecovery, putBack, recover } from './recovery';
import { startTimers } from './timers';

export interface Intent {
  /** For the backup list: `toggle-service close ssh`. */
  action: string;
  /** Why; for the backup list. */
  reason: Checkpoint['reason'];
  /** Who asked for it; for the ledger. */
  by: By;
  /** The running nginx may listen elsewhere afterwards. */
  movesWeb?: boolean;
  /** Repairs what a killed ufw leaves behind, so it begins from files that are not ufw's any more. */
  repairs?: boolean;
  /**
   * Called again whenever the files have changed since the last call; throws what refuses the change.
   * @param kernel what it held when the files were read
   */
  plan(snapshot: Snapshot, id: string, kernel: Kernel): Plan | Promise<Plan>;
  /** Asked of each plan before anything is done for it; throws what refuses the change. */
  guard(draft: Draft, intent: Intent, id: string): Promise<void>;
  /** Asked once more with the lock in the hand, where the plan is still good; throws what refuses the change. */
  refuseLate?(): Promise<void>;
  /**
   * Called where there is nothing to do. It is looked again then, with the lock in the hand where others hold it: what they
   * have begun before is finished by then.
   */
  onNothing?(): Promise<void>;
}

export interface Committed {
  id: string;
  changed: boolean;
  before: Snapshot;
  after: Snapshot;
  files: readonly string[];
  backup: string | null;
  warnings: readonly string[];
  /** What it holds now, and what it held before. */
  kernel: Kernel;
  kernelBefore: Kernel;
}

/** How long another program may hold ufw's lock, in ms. */
const LOCK_TIMEOUT_MS = 30_000;
/** How long a `ufw` command that was already running may take, in ms. */
const LATE_UFW_MS = 30_000;
/** The same where it is wanted for an entry in the ledger alone. */
const RECORD_TIMEOUT_MS = 3000;
/** How often a change is made again after `ufw` commands that undid it. */
const ROUNDS = 20;
/** How often the lock is given back so that waiting `ufw` commands, which hold stale reads, go first. */
const YIELDS = 3;

/**
 * Makes the change, or reports that nothing needs to change.
 * @throws FirewallError; after an error the files and the kernel are as they were.
 */
export async function transact(settings: Settings, intent: Intent, dryRun: boolean): Promise<Committed> {
  // Started at once: it takes about as long as reading ufw's files.
  const holder = dryRun ? null : startHolder(settings);
  try {
    const id = await newId();
    let draft = await draftOf(settings, intent, id);
    if (!holder) return { ...unmade(id, draft), changed: !draft.isNothing };
    if (draft.isNothing && !(await isAmiss(intent, draft))) {
      if (!intent.onNothing) return unmade(id, draft);
      await intent.onNothing();
      const isBusy = await isLockBusy(settings);
      draft = await draftOf(settings, intent, id);
      if (!isBusy && draft.isNothing && !(await isAmiss(intent, draft))) return unmade(id, draft);
    }
    return await untilItHolds(settings, intent, id, draft, holder);
  } finally {
    holder?.dismiss();
  }
}

/** A change as it is planned for what the files say at one moment. */
export interface Draft {
  before: Snapshot;
  kernel: Kernel;
  plan: Plan;
  after: Snapshot;
  files: readonly FileText[];
  /** Neither a file nor a unit changes. */
  isNothing: boolean;
}

async function draftOf(settings: Settings, intent: Intent, id: string): Promise<Draft> {
  const reading = readSnapshot(settings, intent.repairs);
  const [before, kernel] = await Promise.all([reading, readKernel(reading)]);
  const draft = { before, kernel, ...(await planned(before, intent, id, kernel)) };
  await intent.guard(draft, intent, id);
  return draft;
}

async function planned(
  before: Snapshot,
  intent: Intent,
  id: string,
  kernel: Kernel,
): Promise<Omit<Draft, 'before' | 'kernel'>> {
  const plan = await intent.plan(before, id, kernel);
  const after = await withWanted(before, plan);
  const files = changedFiles(before, after);
  return { plan, after, files, isNothing: files.length === 0 && plan.unit === undefined };
}

/** The result where nothing was done. */
const unmade = (id: string, { before, after, kernel, plan, files }: Draft): Committed => ({
  ...{ id, changed: false, before, after, kernel, kernelBefore: kernel, backup: null, warnings: plan.warnings },
  files: files.map(({ path }) => path),
});

/** Whether the kernel does not hold what the files say, so that there is something to do although they stay. */
async function isAmiss({ repairs }: Intent, { after, kernel }: Pick<Draft, 'after' | 'kernel'>): Promise<boolean> {
  if (repairs && leftovers(after, kernel).length > 0) return true;
  return after.settings.enabled && (await missingRules(after, kernel)) !== null;
}

/** Makes the change, and again where a `ufw` command undoes it. */
async function untilItHolds(
  settings: Settings,
  intent: Intent,
  id: string,
  draft: Draft,
  holder: Holder,
): Promise<Committed> {
  let done = await underLock(settings, intent, id, { draft, holder });
  for (let round = 1; await isUndone(settings, intent, id, done); round++) {
    if (round === ROUNDS) {
      throw new FirewallError('BUSY', {
        what: say`other ufw commands keep running and have undone this change ${ROUNDS} times.`,
        state: say`The change is not in effect.`,
        remedy: say`Find the program that keeps calling ufw, stop it, and try again.`,
      });
    }
    done = await underLock(settings, intent, id);
  }
  return done;
}

/** One round: from taking the lock to giving it back. @param early what was prepared before the lock was asked for */
async function underLock(
  settings: Settings,
  intent: Intent,
  id: string,
  early?: { draft: Draft; holder: Holder },
): Promise<Committed> {
  // What has to be loaded is prepared while the lock is waited for, if there is a plan already.
  const preparing = early && !early.draft.isNothing ? prepared(intent, early.draft) : null;
  const [lock] = await Promise.all([lockAfterUfw(settings, early?.holder), preparing?.catch(() => undefined)]);
  try {
    const recovered = await recover(settings);
    const isCurrent = early && preparing && recovered.length === 0 && (await isUnmoved(settings, intent, early.draft));
    if (isCurrent) await intent.refuseLate?.();
    const draft = isCurrent ? early.draft : await draftOf(settings, intent, id);
    const warnings = [...recovered, ...draft.plan.warnings];
    const untouched = { ...unmade(id, draft), files: [], warnings };
    // Somebody else has made the same change while the lock was waited for.
    if (draft.isNothing && !(await isAmiss(intent, draft))) return untouched;
    if (isAboutLaterOnly(draft) && !needsBackup(draft, id)) {
      const kernel = await readKernel(draft.before);
      if (!(await isAmiss(intent, { ...draft, kernel }))) {
        await startTimers(settings, id, draft.after.schedule);
        await writeNotice(settings, draft.after.sources.schedule);
        return { ...untouched, kernel };
      }
    }
    const loads = await (isCurrent ? preparing : prepared(intent, draft));
    const done = await apply(settings, { id, intent, lock, loads, isAgain: !early, ...draft });
    return {
      ...{ id, changed: true, before: draft.before, after: draft.after, backup: id },
      ...{ kernel: done.kernel, kernelBefore: draft.kernel },
      // That only the schedule was written is nobody's news.
      files: isAboutLaterOnly(draft) ? [] : draft.files.map(({ path }) => path),
      warnings: [...warnings, ...done.warnings],
    };
  } finally {
    await lock.release();
  }
}

const prepared = ({ repairs }: Intent, { before, after, kernel }: Draft) =>
  prepareLoads(before, after, kernel, repairs);

/** Whether the files still say what the draft was made for. */
const isUnmoved = async (settings: Settings, { repairs }: Intent, { before }: Draft): Promise<boolean> =>
  (await readSnapshot(settings, repairs)).bytes === before.bytes;

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
async function isUndone(
  settings: Settings,
  intent: Intent,
  id: string,
  { after, kernel }: Committed,
): Promise<boolean> {
  // In this order: one that is no longer among them has written before the files are read.
  await ended(await ufwProcesses(), LATE_UFW_MS);
  const now = await readSnapshot(settings, intent.repairs);
  if (changedFiles(after, now).length === 0) return false;
  // The rest of what a change sets is not ufw's, so no ufw command undoes it.
  const own = [now.sources.schedule.path, now.sources.site?.path];
  return (await planned(now, intent, id, kernel)).files.some(({ path }) => !own.includes(path));
}

/**
 * Changes what is to happen later, and nothing else: one file, replaced in one step.
 * @param next gives the new schedule, or null where it stays
 * @param happened what of it is to be in the ledger; left out: it is nobody's doing, but a note of this package's own
 */
export async function reschedule(
  settings: Settings,
  next: (snapshot: Snapshot) => Schedule | null,
  happened?: () => Happened,
): Promise<readonly string[]> {
  const lock = await lockAfterUfw(settings);
  try {
    const recovered = await recover(settings);
    const snapshot = await readSnapshot(settings);
    const schedule = next(snapshot);
    if (!schedule) return recovered;
    const file = { ...snapshot.sources.schedule, text: formatSchedule(schedule) };
    if (happened) return [...recovered, ...(await entered(settings, snapshot, file, happened()))];
    await writeNotice(settings, file);
    return recovered;
  } catch (error) {
    return refused(error);
  } finally {
    await lock.release();
  }
}

/** Writes the schedule and its entry in one step: with a journal, of which nothing is left. */
async function entered(
  settings: Settings,
  { sources: { schedule } }: Snapshot,
  file: FileText,
  happened: Happened,
): Promise<readonly string[]> {
  const checkpoint = scheduleCheckpoint(happened.id || (await newId()), happened.action, schedule, file);
  try {
    await begin(settings, checkpoint);
    await writeNotice(settings, file);
    const { id, at } = checkpoint;
    const { warnings } = await enter(settings, () => [{ ...happened, id, at }]);
    await drop(settings);
    return warnings;
  } catch (error) {
    await putBack(settings, checkpoint, [file]);
    throw error;
  }
}

/**
 * Enters what has changed neither a file of ufw's nor the schedule. It waits for the lock only shortly: it is in nobody's way.
 * @returns warnings
 */
export async function record(settings: Settings, happened: Parameters<typeof enter>[1]): Promise<readonly string[]> {
  try {
    const lock = await startHolder(settings).take(RECORD_TIMEOUT_MS);
    try {
      return [...(await recover(settings)), ...(await enter(settings, happened)).warnings];
    } finally {
      await lock.release();
    }
  } catch (error) {
    return [`It could not be entered in the ledger: ${messageOf(error)}.`];
  }
}

/**
 * Takes back an interrupted change, and sets aside what cannot be understood, if there is any: the next request does,
 * whatever it is, and so can a boot.
 */
export async function takeBackInterrupted(settings: Settings): Promise<readonly string[]> {
  if (!(await needsRecovery(settings))) return [];
  const lock = await lockAfterUfw(settings);
  try {
    return await recover(settings);
  } finally {
    await lock.release();
  }
}
