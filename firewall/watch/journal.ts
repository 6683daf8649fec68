/** The kernel's messages in systemd's journal, as they come, from journalctl: started again when it dies. */
import { userInfo } from 'node:os';
import { FirewallError, type Sentence, say } from '../errors';
import { Lines } from '../host/lines';
import { follow, type Running } from '../host/run';

const ARGUMENTS = ['--dmesg', '--follow', '--lines=0', '--output=json', '--output-fields=MESSAGE', '--no-pager'];
/** What journalctl says where this user may not read the system's journal, and where there is none. */
const NO_RIGHT = /insufficient permissions|not seeing messages from other users/i;
const NO_JOURNAL = /No journal files were found/i;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

interface Listener {
  /** The text of a message. */
  message(text: string): void;
  trouble(error: FirewallError): void;
}

export class Journal {
  readonly #listener: Listener;
  #running: Running | null = null;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #isClosed = false;
  /** It is told what the kernel says. */
  #isHeard = true;

  constructor(listener: Listener) {
    this.#listener = listener;
    this.#start();
  }

  get isHeard(): boolean {
    return this.#isHeard;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#running?.stop();
    await this.#running?.ended;
  }

  #start(): void {
    const lines = new Lines();
    let said = '';
    const running = follow('journalctl', ARGUMENTS, {
      out: (bytes) => {
        this.#retryMs = FIRST_RETRY_MS;
        for (const line of lines.push(bytes)) this.#hear(line);
      },
      err: (bytes) => {
        said = (said + bytes.toString('latin1')).slice(-2000);
        this.#judge(said);
      },
    });
    this.#running = running;
    void running.ended.then((isProgram) => {
      if (!isProgram) this.#fail(noLog(say`journalctl is not installed, and no syslog daemon writes a log`));
      // A right that this user does not have comes with no second try.
      if (this.#isClosed || !isProgram || NO_RIGHT.test(said)) return;
      this.#retry = setTimeout(() => this.#start(), this.#retryMs);
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    });
  }

  #hear(line: string): void {
    const text = messageOf(line);
    if (text !== null) this.#listener.message(text);
  }

  #judge(said: string): void {
    if (NO_RIGHT.test(said)) this.#fail(mayNotRead("systemd's journal", 'systemd-journal'));
    else if (NO_JOURNAL.test(said)) this.#fail(noLog(say`the journal is empty, and no syslog daemon writes a log`));
  }

  #fail(error: FirewallError): void {
    this.#isHeard = false;
    this.#listener.trouble(error);
  }
}

/** What the journal has as its text, if that is text: bytes that are none it gives as numbers. */
function messageOf(line: string): string | null {
  try {
    const { MESSAGE } = JSON.parse(line) as { MESSAGE?: unknown };
    return typeof MESSAGE === 'string' ? MESSAGE : null;
  } catch {
    // journalctl writes an object in each line; what is none has no message.
    return null;
  }
}

export const noLog = (what: Sentence): FirewallError =>
  new FirewallError('NO_LOG', {
    what: say`blocked packets cannot be told of: ${what}.`,
    state: say`Everything else is watched.`,
    remedy: say`Install rsyslog, or switch the journal on.`,
  });

export function mayNotRead(what: string, group: string): FirewallError {
  return new FirewallError('NOT_PERMITTED', {
    what: say`blocked packets cannot be told of: this user may not read ${what}.`,
    state: say`Everything else is watched.`,
    remedy: say`Let it, and restart Node-RED: sudo usermod -aG ${group} ${userInfo().username}`,
  });
}
