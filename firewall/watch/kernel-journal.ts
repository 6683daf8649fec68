/** The kernel's messages in systemd's journal, as they come, from journalctl: restarted when it dies. */
import { readdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { FirewallError, messageOf, type Sentence, say } from '../errors';
import { follow, type Running } from '../host/child';
import { exists, isReadable } from '../host/files';
import { Lines } from '../host/lines';
import { run } from '../host/run';

const KERNEL = ['--dmesg', '--output=json', '--output-fields=MESSAGE', '--no-pager'];
/** Where journald keeps its journals, on disk or until the next boot; each in a folder with the machine's id. */
const JOURNALS = ['/var/log/journal', '/run/log/journal'];
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

interface JournalObserver {
  /** The text of a message. */
  message(text: string): void;
  /** Why none comes; null when one does. */
  trouble(error: FirewallError | null): void;
}

export class Journal {
  readonly #observer: JournalObserver;
  #running: Running | null = null;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #isClosed = false;
  #isHeard = false;
  #start: Promise<void>;

  constructor(observer: JournalObserver) {
    this.#observer = observer;
    this.#start = this.#begin();
  }

  /** Whether it has what the kernel says. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#start;
    this.#running?.stop();
    await this.#running?.ended;
  }

  /** Never rejects. */
  async #begin(): Promise<void> {
    try {
      // One that only follows says nothing where there is no journal, and since a boot the kernel has always said something.
      const { stdout } = await run('journalctl', [...KERNEL, '--lines=1']);
      this.#isHeard = stdout.startsWith('{');
      const isRefused = !this.#isHeard && (await isSystemJournalRefused());
      if (this.#isClosed) return;
      // A right comes with a new login, so there is no second try.
      if (isRefused) return this.#fail(mayNotRead(say`the journal`, 'systemd-journal'));
      if (!this.#isHeard)
        this.#fail(noLog(say`the journal contains nothing from the kernel, and no syslog daemon writes a log`));
      this.#follow();
    } catch (error) {
      if (this.#isClosed) return;
      const isMissing = error instanceof FirewallError && error.code === 'UFW_NOT_FOUND';
      if (!isMissing) this.#beginLater();
      this.#fail(
        isMissing
          ? noLog(say`no syslog daemon writes a log, and there is no journalctl`)
          : noLog(say`no syslog daemon writes a log, and journalctl does not work (${messageOf(error)})`),
      );
    }
  }

  #beginLater(): void {
    this.#retry = setTimeout(() => {
      this.#start = this.#begin();
    }, this.#retryMs);
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
  }

  #follow(): void {
    const lines = new Lines();
    const running = follow('journalctl', [...KERNEL, '--follow', '--lines=0'], (bytes) => {
      for (const line of lines.push(bytes)) this.#hear(line);
    });
    this.#running = running;
    void running.ended.then(() => this.#isClosed || this.#beginLater());
  }

  #hear(line: string): void {
    const text = textIn(line);
    if (text === null || this.#isClosed) return;
    if (!this.#isHeard) this.#observer.trouble(null);
    this.#isHeard = true;
    this.#retryMs = FIRST_RETRY_MS;
    this.#observer.message(text);
  }

  #fail(error: FirewallError): void {
    this.#isHeard = false;
    this.#observer.trouble(error);
  }
}

/** Whether there is a journal of the system's that this user may not read: to who has one of his own, journalctl does not say. */
async function isSystemJournalRefused(): Promise<boolean> {
  const folders = await Promise.all(
    JOURNALS.map(async (path) => ((await exists(path)) ? (await readdir(path)).map((name) => join(path, name)) : [])),
  );
  const journals = folders.flat().map((folder) => join(folder, 'system.journal'));
  const refused = await Promise.all(journals.map(async (path) => (await exists(path)) && !(await isReadable(path))));
  return refused.includes(true);
}

/** What the journal has as its text, if that is text: bytes that are none it gives as numbers. */
function textIn(line: string): string | null {
  try {
    const { MESSAGE }: { MESSAGE?: unknown } = JSON.parse(line);
    return typeof MESSAGE === 'string' ? MESSAGE : null;
  } catch {
    // journalctl writes an object in each line; what is none has no message.
    return null;
  }
}

const noLog = (why: Sentence): FirewallError =>
  new FirewallError('NO_LOG', {
    what: say`blocked packets cannot be reported: ${why}.`,
    state: say`Everything else is being watched.`,
    remedy: say`Install rsyslog, or enable the journal.`,
  });

export function mayNotRead(log: Sentence, group: string): FirewallError {
  return new FirewallError('NOT_PERMITTED', {
    what: say`blocked packets cannot be reported: this user does not have permission to read ${log}.`,
    state: say`Everything else is being watched.`,
    remedy: say`Grant it and restart Node-RED: sudo usermod -aG ${group} ${userName()}`,
  });
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container a process may run as somebody whom no list of users has.
    return 'USER';
  }
}
