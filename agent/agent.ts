/** The privileged program: reads one request from standard input, makes it, answers on standard output, ends. */
import { FirewallError } from '../firewall/errors';
import { perform } from '../firewall/firewall';
import { agentRequest, check } from '../firewall/messages';

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

async function main(): Promise<void> {
  try {
    const { settings, call } = check(agentRequest, await request());
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
