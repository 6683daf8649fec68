/** The way to root for a process that is not: one run of a privileged program through `sudo -n` per request. */
import { join } from 'node:path';
import { codeOf, ERROR_CODES, type ErrorCode, FirewallError, messageOf, notPermitted, say } from './errors';
import { exists, readText } from './host/files';
import { INSTALLED } from './host/installed';
import { type Outcome, runToItsEnd } from './host/run';
import { type Call, type Method, type Settings, saidByAgent } from './messages';
import { completed, isDispensable, SETUP_AGAIN, toSend, withoutUnknown } from './other-version';
import type { Answers } from './results';
import { askWaiting, replace } from './standby';

/** Where `setup` puts the agent. */
const INSTALLED_AGENT = join(INSTALLED, 'agent');
/** The package's own programs, next to this file's folder. */
const PACKAGED = join(__dirname, '..', 'agent');
/** A change waits for ufw's lock and for late ufw commands; beyond this something hangs. The agent has a limit of its own, which is shorter. */
const TIMEOUT_MS = 120_000;

/** The paths of what the installed program has said that it does not know, so that it is not told in vain each time. */
const lacking = new Set<string>();

/**
 * Has the agent make a request and gives its answer.
 * @throws FirewallError as the agent reports it; NOT_PERMITTED if sudo refuses, OUTDATED if it does not know what is
 *   asked for, INTERNAL if there is no valid answer.
 */
export async function remote<M extends Method>(settings: Settings, call: Call<M>): Promise<Answers[M]> {
  const program = (await exists(INSTALLED_AGENT)) ? [INSTALLED_AGENT] : [process.execPath, join(PACKAGED, 'agent.js')];
  const unknown: string[] = [];
  for (let sent = toSend(settings, call, lacking); ; ) {
    const { code, stdout, stderr } = await answered(program, JSON.stringify(sent));
    const answer = answerOf<Answers[M]>(stdout);
    if (answer?.version !== undefined) lacking.clear();
    // What root's own program answers is taken as it is.
    if (answer?.result) return completed(answer.result, settings, unknown) as Answers[M];
    if (answer?.error) {
      const less = withoutUnknown(sent, answer.error.message);
      if (!less) throw toError(answer.error);
      unknown.push(...less.unknown);
      for (const path of less.unknown.filter(isDispensable)) lacking.add(path);
      sent = less.sent;
      continue;
    }
    if (/^sudo:/m.test(stderr)) throw notPermitted(say`sudo refused (${firstLine(stderr)}).`);
    throw new FirewallError('INTERNAL', {
      what: say`the privileged program exited with code ${code} without a response (${firstLine(stderr)}).`,
      state: say`Read the firewall to see its state.`,
    });
  }
}

/** By the program that waits for a request, else by one that is started for it; then the next one is started. */
async function answered(program: readonly string[], input: string): Promise<Outcome> {
  try {
    const done = await askWaiting(input, TIMEOUT_MS);
    return done ?? (await runToItsEnd('sudo', ['-n', ...program], { input, timeoutMs: TIMEOUT_MS }));
  } catch (error) {
    if (codeOf(error) === 'UFW_NOT_FOUND') throw notPermitted(say`sudo is not installed here.`, error);
    throw error;
  } finally {
    void replace();
  }
}

/** What to report if the program installed by `setup` is not this package's, because the package was updated since. */
export async function outdated(): Promise<readonly string[]> {
  try {
    const installed = await readText(join(INSTALLED, 'program.js'));
    const own = installed && (await readText(join(PACKAGED, 'program.js')));
    if (!own || installed.text === own.text) return [];
  } catch (error) {
    return [`Whether ${INSTALLED} contains the program of this package could not be determined: ${messageOf(error)}`];
  }
  return [`The program in ${INSTALLED} is of another version than this package. ${SETUP_AGAIN}`];
}

interface AgentAnswer<Result> {
  /** That of the program; one before 1.1 says nothing of it. */
  version?: string;
  result?: Result;
  error?: { code: string; message: string; said?: unknown };
}

function answerOf<Result>(text: string): AgentAnswer<Result> | null {
  try {
    // What root's own program answers is taken as it is.
    const answer: AgentAnswer<Result> = JSON.parse(text);
    return answer;
  } catch {
    // No answer is an answer too: the caller says what came instead.
    return null;
  }
}

/** An agent of another version says only the message. */
function toError({ code, message, said }: NonNullable<AgentAnswer<unknown>['error']>): FirewallError {
  const known: ErrorCode = ERROR_CODES.find((one) => one === code) ?? 'INTERNAL';
  const sentences = saidByAgent.safeParse(said);
  const [what, state, remedy] = sentences.success ? sentences.data : [];
  if (what) return new FirewallError(known, { what, state: state ?? null, remedy });
  return new FirewallError(known, { what: say`${message.replace(/^[A-Z_]+: /, '')}`, state: null });
}

const firstLine = (text: string): string => (text.trim().split('\n')[0] ?? '').slice(0, 200);
