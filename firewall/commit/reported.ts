/**
 * What has been reported to watchers, kept on disk: what was reverted at boot, before anybody watched, is reported when
 * somebody does, and what was asked for is no drift after a restart either.
 */
import { readReportedFile, reportedOf } from '../host/own-files';
import type { Settings } from '../messages';
import { textFor } from '../state/own-file';
import { REPORTED, type Reported } from '../state/reported';
import { writeNote } from './journal';

/** Null where nobody was ever sent a report. */
export const readReported = async (place: Settings): Promise<Reported | null> => (await readReportedFile(place)).value;

export const writeReported = (place: Settings, reported: Reported): Promise<void> =>
  writeNote(place, reportedOf(place), textFor(REPORTED, reported));
