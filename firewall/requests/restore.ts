import { backupIds, backupPlaces, readBackup, readBackupFile } from '../commit/journal';
import { FirewallError, rendered, say } from '../errors';
import { readSchedule } from '../host/snapshot';
import type { Call, Settings } from '../messages';
import { planRestore, planUndo } from '../plan/restore';
import type { BackupPlace, BackupReport, ChangeResult, Repetition } from '../results';
import { beginningOf } from '../state/change-id';
import type { Checkpoint } from '../state/checkpoint';
import { byOf } from './by';
import { change } from './change';
import { endDue } from './due';

/** Takes the last change back, or restores a backup. @throws FirewallError UNKNOWN_BACKUP, see the contract. */
export async function restore(settings: Settings, call: Call<'restore'>): Promise<ChangeResult | Repetition> {
  const { request, order, since } = call;
  const undoes = request.action === 'undo';
  const isLatest = request.backup === 'latest';
  const checkpoint = await (undoes || isLatest ? lastBackup(settings, undoes) : readBackup(settings, request.backup));
  const { pending } = await readSchedule(settings);
  const done = await change(
    settings,
    {
      ...{ action: undoes ? `undo ${checkpoint.action}` : `restore ${request.backup}`, by: byOf(call), order, since },
      ...{ movesWeb: true, repairs: !undoes },
      // An undo of the change that waits is what would happen to it anyway.
      overrides: undoes && pending?.id === checkpoint.id,
      plan: (snapshot) =>
        undoes ? planUndo(snapshot, checkpoint) : planRestore(snapshot, checkpoint, isLatest ? 'after' : 'before'),
    },
    request,
  );
  // A lease that came back with its rules may long be over.
  const { warnings } = request.dryRun ? { warnings: [] } : await endDue(settings);
  return { ...done, warnings: [...done.warnings, ...warnings] };
}

/**
 * The last change; with `requested` the last that somebody asked for.
 * @throws FirewallError UNKNOWN_BACKUP; also where a later one is damaged, as the one before it is not the last.
 */
async function lastBackup(settings: Settings, requested: boolean): Promise<Checkpoint> {
  for (const id of (await backupIds(settings)).reverse()) {
    const { path, value, flaw } = await readBackupFile(settings, id);
    if (flaw !== null) {
      throw new FirewallError('UNKNOWN_BACKUP', {
        what: say`what the last change was is not known, as its backup ${path} is damaged (${flaw}).`,
        remedy: say`Restore another backup by its id; or remove that file, and the change before it counts as the last.`,
      });
    }
    if (value && (!requested || value.reason === 'requested')) return value;
  }
  throw new FirewallError('UNKNOWN_BACKUP', { what: say`there is no backup: nothing has been changed yet.` });
}

/** The backups there are, the newest first. @throws FirewallError NOT_PERMITTED */
export async function listBackups(settings: Settings): Promise<BackupReport[]> {
  const found: BackupReport[] = [];
  for (const [id, kept] of await backupPlaces(settings)) {
    const { value, flaw } = await readBackupFile(settings, id);
    // What the next change removes is one of many like it.
    const place = kept ?? (value?.timed ? 'timer' : 'request');
    if (value) found.push(reportOf(value, place));
    else if (flaw !== null)
      found.push({
        ...{ id, at: beginningOf(id), action: '', reason: 'requested', rules: 0, place },
        damaged: rendered(flaw),
        said: [flaw],
      });
  }
  return found;
}

const reportOf = ({ id, at, action, reason, rules }: Checkpoint, place: BackupPlace): BackupReport => ({
  ...{ id, at, action, reason, rules, place },
});
