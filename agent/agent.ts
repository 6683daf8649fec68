/** The privileged program: reads one request from standard input, makes it, answers on standard output, ends. */
import { FirewallError } from '../firewall/errors';
import { perform } from '../firewall/firewall';
import { agentRequest, check, type Settings, settings as settingsSchema } from '../firewall/messages';

/** No request comes near this size, in bytes; settings with a hundred services are a few kilobytes. */
const MAX_REQUEST = 1024 * 1024;

async function request(): Promise<unknown> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += chunk;
    if (text.length > MAX_REQUEST)
      throw new FirewallError('INVALID_INPUT', { what: 'the request is larger than 1 MB.' });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FirewallError('INVALID_INPUT', { what: 'the request is no JSON.' }, error);
  }
}

/** Who may only ask for firewall changes must not choose which files root writes. */
function refuseOtherPlaces(asked: Settings): void {
  const usual = check(settingsSchema, {});
  for (const place of ['etcUfw', 'defaultUfw', 'webSite', 'stateDir'] as const) {
    if (asked[place] === usual[place]) continue;
    throw new FirewallError('INVALID_INPUT', {
      what: `${place}: through sudo only the usual place, ${usual[place]}, can be used.`,
      remedy: 'Leave it empty in the configuration node, or run Node-RED as root.',
    });
  }
}

async function main(): Promise<void> {
  try {
    const { settings, call } = check(agentRequest, await request());
    refuseOtherPlaces(settings);
    process.stdout.write(JSON.stringify({ result: await perform(settings, call) }));
  } catch (error) {
    const { code, message } =
      error instanceof FirewallError
        ? error
        : new FirewallError('INTERNAL', { what: `${(error as Error).message}.`, state: '' });
    process.stdout.write(JSON.stringify({ error: { code, message } }));
    process.exitCode = 1;
  }
}

void main();
