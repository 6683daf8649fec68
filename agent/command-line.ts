/** The commands, what they print, and their exit codes: 0 success, 1 failure, 2 usage error. */
import { Command, CommanderError } from 'commander';
import { FirewallError, say } from '../firewall/errors';
import { Firewall, perform } from '../firewall/firewall';
import { check, settings as settingsSchema } from '../firewall/messages';
import type { Settled } from '../firewall/results';
import { errorReport } from './request';
import { setup } from './setup';
import { backupLines, changeLines, statusLines } from './words';

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
  const firewall = (): Firewall => new Firewall(settingsOf(options()));
  /** Prints the result: as JSON, or in words. */
  const report = <Result>(result: Result, inWords: (result: Result) => string[]): void =>
    print(options().json ? [JSON.stringify(result, null, 2)] : inWords(result));

  program
    .command('status')
    .description('what is open, what is pending, what needs attention')
    .action(async () => report(await firewall().read(), statusLines));
  program
    .command('backups')
    .description('list the backups that can be restored')
    .action(async () => report(await firewall().backups(), backupLines));
  program
    .command('undo')
    .description('undo the last change')
    .option('--force', 'even if that closes the web pages')
    .action(async ({ force = false }) => report(await firewall().restore({ action: 'undo', force }), changeLines));
  program
    .command('restore <backup>')
    .description('restore a backup by its id; "latest" is the state after the last change')
    .option('--force', 'even if that closes the web pages')
    .action(async (backup: string, { force = false }) =>
      report(await firewall().restore({ action: 'restore', backup, force }), changeLines),
    );
  program
    .command('confirm [id]')
    .description('confirm the pending change')
    .action(async (id?: string) =>
      report(await firewall().confirm(id === undefined ? {} : { id }), ({ action }) => [`Confirmed: ${action}`]),
    );
  program
    .command('repair')
    .description('make the rules follow the ports of the web server, as after a factory restore')
    .action(async () => report(await firewall().changeWebPorts({ mode: 'repair' }), changeLines));
  program
    .command('settle')
    .description('do what is due (for timers and at boot)')
    .action(async () => {
      const { warnings, failed } = (await perform(check(settingsSchema, settingsOf(options())), {
        method: 'settle',
        request: {},
      })) as Settled;
      report({ warnings, failed }, () => [...warnings]);
      if (failed) process.exitCode = FAILED;
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

function settingsOf({ settings = '{}' }: Options): unknown {
  try {
    return JSON.parse(settings);
  } catch (error) {
    throw new FirewallError('INVALID_INPUT', { what: say`--settings is not valid JSON.` }, error);
  }
}

const print = (lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`);
};
