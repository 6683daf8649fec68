/**
 * Which changes have been reported to watchers, kept on disk: what was reverted at boot, before anybody watched, is
 * reported when somebody does.
 */
import { readReportedFile, reportedOf } from '../host/own-files';
import type { Settings } from '../messages';
import { textFor } from '../state/own-file';
import { REPORTED } from '../state/reported';
import { writeNote } from './journal';

/** The ids; null where nobody was ever sent a report. */
export const readReported = async (place: Settings): Promise<readonly string[] | null> =>
  (await readReportedFile(place)).value;

export const writeReported = (place: Settings, ids: readonly string[]): Promise<void> =>
  writeNote(place, reportedOf(place), textFor(REPORTED, ids));
