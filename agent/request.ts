/** The privileged program: reads one request from standard input, carries it out, responds on standard output, exits. */
import { FirewallError, say } from '../firewall/errors';
import { NOT_TAKEN } from '../firewall/host/installed';
import {
  type AgentRequest,
  agentRequest,
  check,
  type Settings,
  settings as settingsSchema,
} from '../firewall/messages';
import { perform } from '../firewall/requests/perform';
import { rehearse } from '../firewall/requests/rehearse';
import { version } from '../package.json';

/** In bytes. No valid request comes near this size; settings with a hundred services are a few kilobytes. */
const MAX_REQUEST = 1024 * 1024;

/** The signals that end a program when its caller goes away. What has begun is finished. */
const ENDING = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** Printed before a request is begun: a program that ended without it can be replaced. In front of JSON it means nothing. */
const TAKEN = ' ';

/** Reads a request, carries it out, responds. */
export const agent = (): Promise<void> => respond(input());

/**
 * Waits for a request, having gone through a lockdown without doing it, and then does what `agent` does; ends without a word where
 * none comes.
 * @param idleS how long it waits, in seconds
 * @param limitS what a request may take, in seconds; then `timeout`, which has started this program, kills all of it
 */
export async function standBy(idleS: number, limitS: number): Promise<void> {
  const idle = setTimeout(() => process.exit(NOT_TAKEN), idleS * 1000);
  const work = (): void => {
    clearTimeout(idle);
    setTimeout(() => process.kill(process.ppid, 'SIGALRM'), limitS * 1000).unref();
  };
  const asked = input();
  asked.then(work, work);
  await rehearse(check(settingsSchema, {}));
  if ((await asked.catch(() => null)) === '') {
    process.exitCode = NOT_TAKEN;
    return;
  }
  process.stdout.write(TAKEN);
  await respond(asked);
}

async function respond(asked: Promise<string>): Promise<void> {
  try {
    const { settings, call } = requestOf(await asked);
    for (const signal of ENDING) process.on(signal, () => undefined);
    process.stdout.write(JSON.stringify({ version, result: await perform(settings, call) }));
  } catch (error) {
    process.stdout.write(JSON.stringify({ version, error: errorReport(error) }));
    process.exitCode = 1;
  }
}

/** What is reported to a caller about an error. An unforeseen one leaves the firewall in an unknown state. */
export function errorReport(error: unknown): Pick<FirewallError, 'code' | 'message' | 'said'> {
  const { code, message, said } =
    error instanceof FirewallError
      ? error
      : new FirewallError('INTERNAL', { what: say`${(error as Error).message}.`, state: null });
  return { code, message, said };
}

/**
 * Parses and validates a request: the caller is not trusted, whoever it is.
 * @throws FirewallError INVALID_INPUT
 */
export function requestOf(text: string): AgentRequest {
  const request = check(agentRequest, parsed(text));
  refuseOtherPlaces(request.settings);
  return fromCaller(request);
}

/** Who sits at a terminal is known to sudo, which is believed and not the caller. */
function fromCaller(request: AgentRequest): AgentRequest {
  const { SUDO_USER: user } = process.env;
  const { call } = request;
  if (!user || !('source' in call) || call.source?.kind !== 'console') return request;
  return { ...request, call: { ...call, source: { ...call.source, user } } };
}

/** All of standard input. @throws FirewallError INVALID_INPUT where it is larger than any request */
export async function input(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MAX_REQUEST) throw new FirewallError('INVALID_INPUT', { what: say`the request is larger than 1 MB.` });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FirewallError('INVALID_INPUT', { what: say`the request is not valid JSON.` }, error);
  }
}

/** A caller who may only request firewall changes must not choose which files root writes. */
function refuseOtherPlaces(asked: Settings): void {
  const standard = check(settingsSchema, {});
  for (const place of ['etcUfw', 'defaultUfw', 'webSite', 'stateDir'] as const) {
    if (asked[place] === standard[place]) continue;
    throw new FirewallError('INVALID_INPUT', {
      what: say`${place}: through sudo only the default path, ${standard[place]}, can be used.`,
      remedy: say`Leave it empty in the configuration node, or run Node-RED as root.`,
    });
  }
}
