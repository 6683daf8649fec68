/** The commands, what they print, and their exit codes: 0 success, 1 failure, 2 usage error. */
import { Command, CommanderError, Option } from 'commander';
import { ask } from '../firewall/ask';
import { FirewallError, say } from '../firewall/errors';
import { LANGUAGES } from '../firewall/language';
import { SOURCE_KINDS } from '../firewall/ledger/source';
import {
  type Call,
  changeWebPortsRequest,
  check,
  confirmRequest,
  historyRequest,
  learnRequest,
  type Method,
  restoreRequest,
  type Settings,
  settings as settingsSchema,
} from '../firewall/messages';
import { OVER } from '../firewall/peers/sampler';
import { reportDocument } from '../firewall/report-page/document';
import { reportPage } from '../firewall/report-page/page';
import { withSource } from '../firewall/requests/by';
import { keepPeers } from '../firewall/requests/learn';
import { made } from '../firewall/requests/order';
import { perform } from '../firewall/requests/perform';
import { registryOf } from '../firewall/services/registry';
import { makeKey, showKey, signText } from './keys';
import { personHere } from './person';
import { errorReport, input } from './request';
import { setup } from './setup';
import {
  backupLines,
  changeLines,
  historyCsv,
  historyLines,
  learnLines,
  peerLines,
  statusLines,
  verificationLines,
} from './words';

interface Options {
  json?: boolean;
  settings?: string;
}

const FAILED = 1;
const USAGE_ERROR = 2;

export async function commandLine(argv: readonly string[]): Promise<void> {
  const program = commands();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
      return;
    }
    if (program.opts<Options>().json) print([JSON.stringify({ error: errorReport(error) })]);
    else process.stderr.write(`${errorReport(error).message}\n`);
    process.exitCode = FAILED;
  }
}

function commands(): Command {
  const program = new Command('smartserver-firewall')
    .description('The firewall of this device, as read and changed by its Node-RED nodes.')
    .option('--json', 'print JSON')
    .option('--settings <json>', 'settings of the smartserver node that differ from the factory’s')
    .allowExcessArguments(false)
    .exitOverride();
  const options = (): Options => program.opts<Options>();
  const question = <M extends Method>(call: Call<M>) => ask(settingsOf(options()), withSource(call, personHere()));
  const why = (command: Command): Command => command.option('--reason <text>', 'why, for the ledger', '');
  const restore = async (request: unknown) =>
    made(await question({ method: 'restore', request: check(restoreRequest, request) }));
  /** Prints the result: as JSON, or in words. */
  const report = <Result>(result: Result, inWords: (result: Result) => string[]): void =>
    print(options().json ? [JSON.stringify(result, null, 2)] : inWords(result));

  program
    .command('status')
    .description('what is open, what is pending, what needs attention')
    .action(async () => report(await question({ method: 'read', request: {} }), statusLines));
  program
    .command('backups')
    .description('list the backups that can be restored')
    .action(async () => report(await question({ method: 'backups', request: {} }), backupLines));
  why(program.command('undo'))
    .description('undo the last change')
    .option('--force', 'even if that closes the web pages')
    .action(async ({ force = false, reason }) => report(await restore({ action: 'undo', force, reason }), changeLines));
  why(program.command('restore <backup>'))
    .description('restore a backup by its id; "latest" is the state after the last change')
    .option('--force', 'even if that closes the web pages')
    .action(async (backup: string, { force = false, reason }) =>
      report(await restore({ action: 'restore', backup, force, reason }), changeLines),
    );
  why(program.command('confirm [id]'))
    .description('confirm the pending change')
    .action(async (id: string | undefined, { reason }) => {
      const request = check(confirmRequest, id === undefined ? { reason } : { id, reason });
      report(made(await question({ method: 'confirm', request })), ({ action }) => [`Confirmed: ${action}`]);
    });
  why(program.command('repair'))
    .description('make the rules follow the ports of the web server, as after a factory restore')
    .action(async ({ reason }) => {
      const request = check(changeWebPortsRequest, { mode: 'repair', reason });
      report(made(await question({ method: 'changeWebPorts', request })), changeLines);
    });
  const key = program.command('key').description('the key pair of an operator of a fleet');
  key
    .command('make <file>')
    .description('make a pair: write the private key to a new file, print the public key')
    .action(async (file: string) =>
      report(await makeKey(file), ({ publicKey }) => [`The private key is in ${file}. Public key:`, publicKey]),
    );
  key
    .command('show <file>')
    .description('print the public key that belongs to a private key')
    .action(async (file: string) => report(await showKey(file), ({ publicKey }) => [publicKey]));
  program
    .command('sign <file> <name>')
    .description(
      'sign a request from standard input with the private key in a file, by the name that devices know it by',
    )
    .action(async (file: string, name: string) => print([JSON.stringify(await signText(file, name, await input()))]));
  program
    .command('settle')
    .description('do what is due (for timers and at boot)')
    .option('--boot', 'at boot')
    .action(async ({ boot = false }) => {
      const source = boot ? { source: { kind: 'boot' as const } } : {};
      const { warnings, failed } = await perform(settingsOf(options()), { method: 'settle', request: {}, ...source });
      report({ warnings, failed }, () => [...warnings]);
      if (failed) process.exitCode = FAILED;
    });
  program
    .command('peers')
    .description('who talks with this device, as far as it was learned')
    .action(async () => report(await question({ method: 'learn', request: check(learnRequest, {}) }), peerLines));
  program
    .command('history')
    .description('what was changed, refused and seen, by whom and why; the newest first')
    .option('--csv', 'print CSV')
    .option('--since <time>', 'from this time on, or for so long: "2026-11-23", "8 h"')
    .option('--source <kind>', `only by ${SOURCE_KINDS.join(', ')}`)
    .option('--service <service>', 'only what is about this service')
    .option('--verify', 'only say whether the chain of entries is whole; if not, exit with 1')
    .action(async ({ csv = false, verify = false, since, source, service }) => {
      const request = check(historyRequest, defined({ since, source, service }));
      const found = await question({ method: 'history', request });
      const { entries, ...chain } = found;
      if (verify) report(chain, verificationLines);
      else if (csv) print(historyCsv(found));
      else report(found, historyLines);
      if (found.fault) process.exitCode = FAILED;
    });
  program
    .command('report')
    .description('the report for auditors: a page of HTML that needs nothing else; with --json the document it shows')
    .addOption(new Option('--language <language>', 'of the page').choices(LANGUAGES).default('en'))
    .action(async ({ language }) => {
      const evidence = await question({ method: 'evidence', request: {} });
      process.stdout.write(options().json === true ? reportDocument(evidence).text : reportPage(evidence, language));
    });
  why(program.command('learn <action>'))
    .description('start, stop or forget learning who talks with this device')
    .option('--duration <duration>', 'with start: for how long, such as "14 d"; without it until it is stopped')
    .action(async (action: string, { duration = 0, reason }) =>
      report(
        await question({ method: 'learn', request: check(learnRequest, { action, duration, reason }) }),
        learnLines,
      ),
    );
  program
    .command('keep-peers', { hidden: true })
    .description('keep what was seen of who talks (for the program that looks)')
    .action(async () => {
      if (await keepPeers(settingsOf(options()))) process.exitCode = OVER;
    });
  program
    .command('setup')
    .description('install what requires root: the program that Node-RED may run through sudo, and the boot unit')
    .option('--user <name>', 'the user that Node-RED runs as')
    .option('--remove', 'uninstall it')
    .option('--dry-run', 'only print what would be done')
    .action(async (asked) =>
      report(await setup(asked), (steps) => steps.map(({ what, path }) => `${what} ${path}`.trim())),
    );
  return program;
}

const defined = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** @throws FirewallError INVALID_INPUT */
function settingsOf({ settings: text = '{}' }: Options): Settings {
  const settings = check(settingsSchema, parsed(text));
  registryOf(settings, null);
  return settings;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FirewallError('INVALID_INPUT', { what: say`--settings is not valid JSON.` }, error);
  }
}

const print = (lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`);
};
