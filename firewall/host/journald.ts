/** Hands entries of the ledger on to the system's journal, or to syslog where there is none; see docs/decisions/ledger.md. */
import { existsSync } from 'node:fs';
import type { Entry } from '../ledger/entry';
import { logFields, logLine } from '../ledger/log';
import { runToItsEnd } from './run';

const JOURNAL = '/run/systemd/journal/socket';
const SYSLOG = '/dev/log';

/** Nobody waits for it, and what becomes of it holds nothing up: the ledger has the entries. */
export function logEntries(entries: readonly Entry[]): void {
  const isJournal = existsSync(JOURNAL);
  if (!isJournal && !existsSync(SYSLOG)) return;
  for (const one of entries) {
    const logger = isJournal
      ? runToItsEnd('logger', ['--journald'], { input: logFields(one) })
      : runToItsEnd('logger', ['--tag', 'smartserver-firewall', '--priority', 'auth.notice', logLine(one)]);
    logger.catch(() => undefined);
  }
}
