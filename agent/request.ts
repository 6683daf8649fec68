/** The privileged program: reads one request from standard input, makes it, answers on standard output, ends. */
import { FirewallError, say } from '../firewall/errors';
import { perform } from '../firewall/firewall';
import {
  type AgentRequest,
  agentRequest,
  check,
  type Settings,
  settings as settingsSchema,
} from '../firewall/messages';

/** No request comes near this size, in bytes; settings with a hundred services are a few kilobytes. */
const MAX_REQUEST = 1024 * 1024;

/** What ends a program whose caller goes away. What has begun ends by itself. */
const ENDING = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** Reads a request, makes it, answers. */
export async function agent(): Promise<void> {
  try {
    const { settings, call } = requestOf(await input());
    for (const signal of ENDING) process.on(signal, () => undefined);
    process.stdout.write(JSON.stringify({ result: await perform(settings, call) }));
  } catch (error) {
    process.stdout.write(JSON.stringify({ error: told(error) }));
    process.exitCode = 1;
  }
}

/** What a caller is told of an error. Of one that nobody foresaw it is not known what state it leaves. */
export function told(error: unknown): Pick<FirewallError, 'code' | 'message' | 'said'> {
  const { code, message, said } =
    error instanceof FirewallError
      ? error
      : new FirewallError('INTERNAL', { what: say`${(error as Error).message}.`, state: null });
  return { code, message, said };
}

/**
 * The request that a text is: the caller is not trusted, whoever it is.
 * @throws FirewallError INVALID_INPUT
 */
export function requestOf(text: string): AgentRequest {
  const request = check(agentRequest, parsed(text));
  refuseOtherPlaces(request.settings);
  return request;
}

async function input(): Promise<string> {
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
    throw new FirewallError('INVALID_INPUT', { what: say`the request is no JSON.` }, error);
  }
}

/** Who may only ask for firewall changes must not choose which files root writes. */
function refuseOtherPlaces(asked: Settings): void {
  const usual = check(settingsSchema, {});
  for (const place of ['etcUfw', 'defaultUfw', 'webSite', 'stateDir'] as const) {
    if (asked[place] === usual[place]) continue;
    throw new FirewallError('INVALID_INPUT', {
      what: say`${place}: through sudo only the usual place, ${usual[place]}, can be used.`,
      remedy: say`Leave it empty in the configuration node, or run Node-RED as root.`,
    });
  }
}
