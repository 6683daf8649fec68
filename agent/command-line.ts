/** The commands, what they print, and their exit codes: 0 done, 1 failed, 2 not understood. */
import { Command, CommanderError } from 'commander';
import { ask } from '../firewall/ask';
import { FirewallError, say } from '../firewall/errors';
import {
  type Call,
  changeWebPortsRequest,
  check,
  confirmRequest,
  type Method,
  restoreRequest,
  type Settings,
  settings as settingsSchema,
} from '../firewall/messages';
import { made } from '../firewall/requests/order';
import { perform } from '../firewall/requests/perform';
import { registryOf } from '../firewall/services/registry';
import { told } from './request';
import { setup } from './setup';
import { backupLines, changeLines, statusLines } from './words';

interface Options {
  json?: boolean;
  settings?: string;
}

const FAILED = 1;
const NOT_UNDERSTOOD = 2;

export async function commandLine(argv: readonly string[]): Promise<void> {
  const program = commands();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : NOT_UNDERSTOOD;
      return;
    }
    if (program.opts<Options>().json) print([JSON.stringify({ error: told(error) })]);
    else process.stderr.write(`${told(error).message}\n`);
    process.exitCode = FAILED;
  }
}

function commands(): Command {
  const program = new Command('smartserver-firewall')
    .description('The firewall of this device, as its Node-RED nodes see and change it.')
    .option('--json', 'print JSON')
    .option('--settings <json>', 'settings of the node smartserver that are not the factory’s')
    .allowExcessArguments(false)
    .exitOverride();
  const options = (): Options => program.opts<Options>();
  const question = <M extends Method>(call: Call<M>) => ask(settingsOf(options()), call);
  const restore = async (request: unknown) =>
    made(await question({ method: 'restore', request: check(restoreRequest, request) }));
  /** Prints what came of it: as it is, or in words. */
  const tell = <Result>(result: Result, inWords: (result: Result) => string[]): void =>
    print(options().json ? [JSON.stringify(result, null, 2)] : inWords(result));

  program
    .command('status')
    .description('what is open, what waits, what is wrong')
    .action(async () => tell(await question({ method: 'read', request: {} }), statusLines));
  program
    .command('backups')
    .description('the states that can be restored')
    .action(async () => tell(await question({ method: 'backups', request: {} }), backupLines));
  program
    .command('undo')
    .description('take the last change back')
    .option('--force', 'even if that closes the web pages')
    .action(async ({ force = false }) => tell(await restore({ action: 'undo', force }), changeLines));
  program
    .command('restore <backup>')
    .description('restore a backup, by its id; "latest" is what the last change left')
    .option('--force', 'even if that closes the web pages')
    .action(async (backup: string, { force = false }) =>
      tell(await restore({ action: 'restore', backup, force }), changeLines),
    );
  program
    .command('confirm [id]')
    .description('let the change that waits stay')
    .action(async (id?: string) => {
      const request = check(confirmRequest, id === undefined ? {} : { id });
      tell(made(await question({ method: 'confirm', request })), ({ action }) => [`Confirmed: ${action}`]);
    });
  program
    .command('repair')
    .description('make the rules follow the ports of the web server, as after a factory restore')
    .action(async () => {
      const request = check(changeWebPortsRequest, { mode: 'repair' });
      tell(made(await question({ method: 'changeWebPorts', request })), changeLines);
    });
  program
    .command('settle')
    .description('do what has come due (for timers and the boot)')
    .action(async () => {
      const { warnings, failed } = await perform(settingsOf(options()), {
        method: 'settle',
        request: {},
      });
      tell({ warnings, failed }, () => [...warnings]);
      if (failed) process.exitCode = FAILED;
    });
  program
    .command('setup')
    .description('install what needs root: the program that Node-RED may start through sudo, and the boot unit')
    .option('--user <name>', 'who Node-RED runs as')
    .option('--remove', 'take it away again')
    .option('--dry-run', 'only say what would be done')
    .action(async (asked) =>
      tell(await setup(asked), (steps) => steps.map(({ what, path }) => `${what} ${path}`.trim())),
    );
  return program;
}

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
    throw new FirewallError('INVALID_INPUT', { what: say`--settings is not JSON.` }, error);
  }
}

const print = (lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`);
};
