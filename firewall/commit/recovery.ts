/** The way back: of a change that failed, and of one that was interrupted. */
import { FirewallError, isSentence, rendered, type Sentence, say } from '../errors';
import { asideOf, leftOvers, readText, removeIfThere, replace } from '../host/files';
import { missingRules } from '../host/in-sync';
import { replaceTable } from '../host/iptables';
import { readKernel } from '../host/kernel';
import { readHead, readTail } from '../host/ledger';
import {
  ledgerOf,
  type OwnFile,
  readJournal,
  readLearnedFile,
  readReportedFile,
  readScheduleFile,
} from '../host/own-files';
import { readSchedule, readSnapshot, sourcePaths } from '../host/snapshot';
import { setUnit } from '../host/systemd';
import { isEntryOf } from '../ledger/happened';
import type { Settings } from '../messages';
import { fromBytes, printable } from '../printable';
import { savedTables } from '../rules/tables';
import { type Checkpoint, type FamilyText, textsOf } from '../state/checkpoint';
import type { FileText } from '../state/file-text';
import { differenceFrom, NO_TABLE } from '../state/kernel';
import { reload as reloadNginx, removeCheck, socketsOfNginx } from '../web/server';
import { drop, finish } from './journal';
import { enter } from './ledger';
import { load, loadsOf } from './load';
import { isFlawed, setAside } from './set-aside';

/**
 * Takes a change back: files, then the kernel.
 * @param isDone called when all is as it was, before it is forgotten that something was to be taken back
 */
export async function putBack(
  settings: Settings,
  checkpoint: Checkpoint,
  files: readonly { path: string }[],
  isDone: () => Promise<void> = async () => undefined,
): Promise<void> {
  const touched = checkpoint.before.filter(({ path }) => files.some((file) => file.path === path));
  await tidy(
    touched.map(({ path }) => path),
    checkpoint.site,
  );
  const changed = await differing(touched);
  await replace(changed);
  // Only a site file is nginx's; an nginx that does not run reads it when it starts.
  const isSite = changed.some(({ path }) => path === checkpoint.site);
  if (isSite && (await socketsOfNginx()).length > 0) await reloadNginx();
  if (!checkpoint.kernel && !checkpoint.transient) await reload(settings);
  for (const saved of checkpoint.kernel ?? []) await replaceTable(saved);
  const differs = checkpoint.kernel && (await kernelDifference(settings, checkpoint.kernel));
  if (differs) {
    throw new FirewallError('VERIFY_FAILED', {
      what: say`the kernel does not contain what was restored (${differs}).`,
      state: null,
    });
  }
  if (checkpoint.unit) await setUnit(checkpoint.unit.name, checkpoint.unit.from);
  await isDone();
  await drop(settings);
}

/** Where the kernel does not hold what it held, of ufw's; null where it does. */
async function kernelDifference(settings: Settings, saved: readonly FamilyText[]): Promise<string | null> {
  const kernel = await readKernel(readSnapshot(settings));
  for (const { family, text } of saved) {
    const { tables } = savedTables(text);
    const difference = await differenceFrom(tables.get('filter') ?? NO_TABLE, kernel, family);
    if (difference !== null) return `${family}, ${fromBytes(difference)}`;
  }
  return null;
}

/**
 * What is not as it was before a change, for whom it could not be put back: files by path, and where the kernel differs.
 * Empty where all is as it was.
 */
export async function notPutBack(settings: Settings, checkpoint: Checkpoint): Promise<string[]> {
  const files = (await differing(checkpoint.before)).map(({ path }) => path);
  const snapshot = await readSnapshot(settings);
  const kernel = checkpoint.kernel
    ? await kernelDifference(settings, checkpoint.kernel)
    : snapshot.settings.enabled && (await missingRules(snapshot, await readKernel(snapshot)))?.text;
  return [...files, ...(kernel ? [`the kernel (${kernel})`] : [])];
}

/** Where the vendor's page has its readers keep the site file as it was. */
export const oldSite = (site: string): string => `${site}.old`;

/** Removes what was prepared for these files of this firewall's and not swapped in. */
async function tidy(paths: Iterable<string>, site: string | null): Promise<void> {
  for (const path of paths) await removeIfThere(asideOf(path));
  if (site === null) return;
  await removeIfThere(asideOf(oldSite(site)));
  await removeCheck();
}

/** Of these texts, those that are not what their files hold. */
async function differing(files: readonly FileText[]): Promise<FileText[]> {
  const current = await Promise.all(files.map(({ path }) => readText(path)));
  // A file that was not there yet was as good as empty.
  return files.filter(({ text }, at) => (current[at]?.text ?? '') !== text);
}

/** Makes the kernel hold what ufw's files say. */
async function reload(settings: Settings): Promise<void> {
  const snapshot = await readSnapshot(settings);
  if (snapshot.settings.enabled) await load(snapshot, loadsOf(snapshot, null));
}

/** Whether there is anything for `recover` to do. */
export async function needsRecovery(settings: Settings): Promise<boolean> {
  const files = await stateFiles(settings);
  return (
    files[0].value !== null ||
    files.some(({ flaw }) => flaw !== null) ||
    isSentence(await readHead(settings)) ||
    (await leftOvers(settings.stateDir)).length > 0
  );
}

/** What is wrong with the files of this package's own, a sentence for each. */
export const ownFlaws = async (settings: Settings): Promise<Sentence[]> => {
  const head = await readHead(settings);
  const ledger = { path: ledgerOf(settings), flaw: isSentence(head) ? head : null };
  return [...(await stateFiles(settings)), ledger].flatMap(({ path, flaw }) =>
    flaw === null ? [] : [say`${path} cannot be understood (${flaw}): the next change sets it aside.`],
  );
};

/** The files of this package's own that are read with each request, the journal first. */
const stateFiles = (settings: Settings) =>
  Promise.all([
    ...([readJournal(settings), readScheduleFile(settings), readReportedFile(settings)] as const),
    readLearnedFile(settings),
  ]);

/**
 * Takes back an interrupted change. Files that somebody else has written since are theirs and stay. What this package
 * keeps on disk and cannot be understood is set aside.
 * @returns warnings for the next result.
 */
export async function recover(settings: Settings): Promise<string[]> {
  const [journal, schedule, reported, learned] = await stateFiles(settings);
  // First, as what follows may enter something.
  const said = isSentence(await readHead(settings)) ? [...(await enter(settings, () => [])).warnings] : [];
  if (isFlawed(schedule)) said.push(`${rendered(await setAside(settings, schedule))}. ${LOST.schedule}`);
  if (isFlawed(reported)) said.push(`${rendered(await setAside(settings, reported))}. ${LOST.reported}`);
  if (isFlawed(learned)) said.push(`${rendered(await setAside(settings, learned))}. ${LOST.learned}`);
  if (isFlawed(journal)) said.push(await withoutJournal(settings, journal, journal.flaw));
  const damaged = schedule.flaw === null ? null : schedule.path;
  if (journal.value) said.push(...(await settled(settings, journal, journal.value, damaged)));
  return [...said, ...(await sweep(settings))];
}

/** Removes what was being written here when its process died. What cannot be removed is in nobody's way. */
async function sweep({ stateDir }: Settings): Promise<string[]> {
  const said: string[] = [];
  for (const path of await leftOvers(stateDir)) {
    await removeIfThere(path).catch((error: Error) => {
      said.push(`${path} is left of a write that was interrupted, and cannot be removed: ${error.message}`);
    });
  }
  return said;
}

/**
 * A change whose entry is in the ledger is done, and is completed; any other is taken back. In both cases there is an entry
 * for each change that holds, and none for one that does not.
 */
async function settled(
  settings: Settings,
  journal: OwnFile<Checkpoint>,
  checkpoint: Checkpoint,
  damaged: string | null,
): Promise<readonly string[]> {
  if (!(await isCommitted(settings, checkpoint))) {
    const said: string[] = [];
    const taken = await takeBack(settings, journal, checkpoint, damaged, said);
    return [taken, ...said];
  }
  if (checkpoint.transient) await drop(settings);
  else await finish(settings, checkpoint, (await readSchedule(settings)).pending?.id);
  return [];
}

/** Whether its entry is there, and none of its files was put back since. */
async function isCommitted(settings: Settings, checkpoint: Checkpoint): Promise<boolean> {
  const tail = await readTail(settings);
  if (tail === null || isSentence(tail) || !isEntryOf(tail.last, checkpoint)) return false;
  const own = await sourcePaths(settings);
  for (const { path, text } of checkpoint.before) {
    if (path in checkpoint.after && (await textAt(path, own)) === text) return false;
  }
  return true;
}

/** Enters that a change was taken back, once: where the last entry says so, it was entered before the recovery died. */
const enterTakenBack = async (
  settings: Settings,
  { id, at, action }: Checkpoint,
  note?: Sentence,
): Promise<readonly string[]> => {
  const { warnings } = await enter(settings, (last) =>
    last?.type === 'interrupted' && last.id === id && last.at === at
      ? []
      : [{ ...{ type: 'interrupted', source: { kind: 'unknown' }, action, id, at, note }, result: 'taken-back' }],
  );
  return warnings;
};

/** What a damaged file may have held. */
const LOST = {
  schedule:
    'What could not be understood no longer happens by itself: look whether a change waited to be confirmed, or something was open or closed for a while.',
  learned: 'What could not be understood of who talks with this device is to be learned anew.',
  reported: 'What was done while nobody watched may not be reported.',
};

/** What the change had done nobody knows: what ufw's files say is what holds. */
async function withoutJournal(settings: Settings, journal: OwnFile<Checkpoint>, flaw: Sentence): Promise<string> {
  const loaded = await tidy(await sourcePaths(settings), settings.webSite)
    .then(() => reload(settings))
    .then(
      () => 'what the files say now was kept and loaded',
      (error: Error) => `what the files say now could not be loaded: ${error.message}`,
    );
  const aside = await setAside(settings, { ...journal, flaw });
  return `${rendered(aside)}. A change had not finished, and what it had done is not known: ${loaded}.`;
}

/** @param damaged the path of the schedule, where it cannot be understood: nobody wrote that, so it counts as unchanged */
async function takeBack(
  settings: Settings,
  journal: OwnFile<Checkpoint>,
  checkpoint: Checkpoint,
  damaged: string | null,
  said: string[],
): Promise<string> {
  const { action, at, before, unit, site } = checkpoint;
  const own = await sourcePaths(settings);
  const current = new Map<string, string>();
  for (const { path } of before.filter((file) => file.path !== damaged)) current.set(path, await textAt(path, own));
  const after = textsOf(checkpoint, 'after');
  const changed = before.filter(({ path, text }) => path !== damaged && current.get(path) !== text);
  const elsewhere = changed.filter(({ path }) => path in checkpoint.after && !own.has(path));
  if (elsewhere.length > 0) {
    // A change begun under other settings, or a record that somebody has edited: root writes only what it is set up for.
    const named = elsewhere.map(({ path }) => printable(path)).join(', ');
    const flaw = say`it is about ${named}, which is no file of this firewall's`;
    return withoutJournal(settings, { ...journal, value: null }, flaw);
  }
  const interrupted = `The change "${action}" of ${at} had not finished`;
  const ownSite = site !== null && own.has(site) ? site : null;
  const enterIt = async (note?: Sentence): Promise<void> => {
    said.push(...(await enterTakenBack(settings, checkpoint, note)));
  };
  const foreign = changed.filter(({ path }) => own.has(path) && current.get(path) !== after[path]);
  if (foreign.length === 0) {
    const written = before.filter(({ path }) => own.has(path) && (path in checkpoint.after || path === damaged));
    await putBack(settings, { ...checkpoint, site: ownSite }, written, enterIt);
    return `${interrupted} and was taken back.`;
  }
  await tidy(own, ownSite);
  await reload(settings);
  if (unit) await setUnit(unit.name, unit.from);
  await enterIt(say`${listed(foreign)} changed after it: what the files say was kept`);
  await drop(settings);
  return `${interrupted}, and ${listed(foreign)} changed after it: what the files say now was kept and loaded.`;
}

/** What a file holds; one that is not there is as good as empty, and so is one elsewhere that cannot be read. */
async function textAt(path: string, own: ReadonlySet<string>): Promise<string> {
  const file = await readText(path).catch((error) => {
    if (own.has(path)) throw error;
    return null;
  });
  return file?.text ?? '';
}

const listed = (files: readonly FileText[]): string => files.map(({ path }) => path).join(', ');
