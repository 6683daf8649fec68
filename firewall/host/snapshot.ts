/** Reads ufw's files, the schedule and the site file. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { FirewallError, say } from '../errors';
import type { Settings } from '../messages';
import { FAMILIES, type Family } from '../rules/rule';
import { unreadable } from '../rules/rule-file';
import { parseSettings } from '../rules/ufw-settings';
import type { FileText } from '../state/file-text';
import { NOTHING_SCHEDULED, type Schedule } from '../state/schedule';
import { type Snapshot, type Sources, settingsTexts, snapshotOf } from '../state/snapshot';
import { exists, readText } from './files';
import { readScheduleFile, scheduleOf } from './own-files';
import { readLearned } from './peers';
import { ended, ufwProcesses } from './processes';

const FILES_OF = {
  ipv4: { user: 'user.rules', before: 'before.rules', after: 'after.rules' },
  ipv6: { user: 'user6.rules', before: 'before6.rules', after: 'after6.rules' },
} as const;

/** How often files that are not ufw's are read again, and how long a `ufw` command may take to make them so, in ms. */
const TORN_TRIES = 3;
const TORN_MS = 2000;

/**
 * Reads ufw's files. A ufw command empties a file before it fills it: what is found so is read again when that one is done.
 * @param repairs the files are about to be replaced: rule files that are missing or no longer ufw's count as empty
 * @throws FirewallError UFW_NOT_FOUND, UFW_FILES_UNREADABLE, NOT_PERMITTED
 */
export async function readSnapshot(settings: Settings, repairs = false): Promise<Snapshot> {
  for (let left = TORN_TRIES; ; left--) {
    try {
      return await readOnce(settings, repairs);
    } catch (error) {
      if (left === 0 || !(error instanceof FirewallError) || error.code !== 'UFW_FILES_UNREADABLE') throw error;
      await ended(await ufwProcesses(), TORN_MS);
    }
  }
}

async function readOnce(settings: Settings, repairs: boolean): Promise<Snapshot> {
  const learned = readLearned(settings);
  const inUfw = (name: string): string => join(settings.etcUfw, name);
  const [ipv4, ipv6, defaultUfw, ufwConf] = await Promise.all([
    required(inUfw(FILES_OF.ipv4.user), settings, repairs),
    required(inUfw(FILES_OF.ipv6.user), settings, repairs),
    required(settings.defaultUfw, settings),
    required(inUfw('ufw.conf'), settings),
  ]);
  const [{ path, file: schedule }, site] = await Promise.all([readScheduleFile(settings), readText(settings.webSite)]);
  const sources: Sources = {
    ...{ ipv4, ipv6, defaultUfw, ufwConf },
    schedule: schedule ?? { path, text: '', mode: 0o600, uid: ufwConf.uid, gid: ufwConf.gid },
    ...(site ? { site } : {}),
  };
  const managesIpv6 = parseSettings(settingsTexts(sources)).ipv6 && (await exists('/proc/sys/net/ipv6'));
  const families: readonly Family[] = managesIpv6 ? FAMILIES : ['ipv4'];
  const around = await Promise.all(
    families.map(async (family) => {
      const { before, after } = FILES_OF[family];
      const texts = await Promise.all([required(inUfw(before), settings), required(inUfw(after), settings)]);
      return { family, before: texts[0].text, after: texts[1].text };
    }),
  );
  return snapshotOf(sources, around, await learned, repairs);
}

/** What is to happen later, without reading anything else. */
export const readSchedule = async (settings: Settings): Promise<Schedule> =>
  (await readScheduleFile(settings)).value ?? NOTHING_SCHEDULED;

/** The paths of all files that a snapshot may have: as the settings name them, and as they are without links. */
export async function sourcePaths(settings: Settings): Promise<ReadonlySet<string>> {
  const { etcUfw, defaultUfw, webSite } = settings;
  const names = [FILES_OF.ipv4.user, FILES_OF.ipv6.user, 'ufw.conf'].map((name) => join(etcUfw, name));
  const paths = [...names, defaultUfw, webSite, scheduleOf(settings)];
  // A file that is not there is no link either.
  const real = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
  return new Set([...paths, ...real]);
}

async function required(path: string, settings: Settings, repairs = false): Promise<FileText> {
  const file = await readText(path);
  if (file) return file;
  if (!(await exists(settings.etcUfw))) {
    throw new FirewallError('UFW_NOT_FOUND', {
      what: say`${settings.etcUfw} does not exist: ufw is not installed here.`,
      remedy: say`Install ufw on the device: sudo apt-get install ufw`,
    });
  }
  if (repairs) return { path, text: '', mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  throw unreadable(path, say`it is missing`);
}
