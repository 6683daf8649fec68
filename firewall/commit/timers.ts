/** Timers of systemd's that end what has come due when Node-RED does not run. */

import { basename, join } from 'node:path';
import { type Sentence, say } from '../errors';
import { readClock } from '../host/clock';
import { exists } from '../host/files';
import { BOOT_UNIT_FILE, INSTALLED } from '../host/installed';
import { hasSystemd, runAt, runLater, runOnClockChange } from '../host/systemd';
import { check, type Guard, type Settings, settings as settingsSchema } from '../messages';
import { type Clock, type Deadline, secondsLeft } from '../state/clock';
import type { Schedule } from '../state/schedule';

/** The package's own: this code runs from its own file, or bundled in the program's. */
const PACKAGED = join(
  basename(__dirname) === 'commit' ? join(__dirname, '..', '..', 'agent') : __dirname,
  'smartserver-firewall.js',
);

/** Who watches over a deadline on this machine, also across a boot; and what is missing for that. */
export async function guardHere(): Promise<{ guard: Guard; missing: readonly Sentence[] }> {
  if (!(await hasSystemd())) return { guard: 'node-red', missing: [] };
  if (await exists(BOOT_UNIT_FILE)) return { guard: 'systemd', missing: [] };
  return { guard: 'node-red', missing: [NO_BOOT_UNIT] };
}

export const NO_BOOT_UNIT = say`After a power cut nothing is reverted or ended until Node-RED is running again, as the boot unit is not installed. Run "sudo npx smartserver-firewall setup" once, in the folder where this package is installed for Node-RED (~/.node-red).`;

/** Has what the change with this id left for later done in time. */
export async function startTimers(settings: Settings, id: string, { pending, leases }: Schedule): Promise<void> {
  const own = [pending, ...leases].filter((one): one is NonNullable<typeof one> => one?.id === id);
  await startTimersAt(
    settings,
    id,
    own.map(({ deadline }) => deadline),
  );
}

/** One timer for each deadline, where there is systemd. If nothing is due any more when it fires, nothing happens. */
export async function startTimersAt(settings: Settings, id: string, deadlines: readonly Deadline[]): Promise<void> {
  if (deadlines.length === 0 || !(await hasSystemd())) return;
  const clock = await readClock();
  const program = await ownProgram(settings, 'settle');
  for (const deadline of deadlines) {
    // A change that is made again, because a ufw command undid it, has a timer already.
    const name = `smartserver-firewall-${id}-${process.hrtime.bigint()}`;
    await runLater(name, secondsLeft(deadline, clock), program);
  }
}

/**
 * Has what is due done at a moment of the wall clock, and, once for each boot, whenever the clock or the time zone is set.
 * @param at ms since 1970; null for the latter alone
 */
export async function startEdgeTimer(
  settings: Settings,
  at: number | null,
  hasWatch: boolean,
  { boot }: Clock,
): Promise<void> {
  if (!(await hasSystemd())) return;
  const program = await ownProgram(settings, 'settle');
  const name = `smartserver-firewall-${boot.slice(0, 8)}`;
  if (!hasWatch) await runOnClockChange(`${name}-clock-${process.hrtime.bigint()}`, program);
  if (at !== null) await runAt(`${name}-edge-${process.hrtime.bigint()}`, at, program);
}

/** A command of this package's as systemd is to start it. */
export const ownProgram = async (settings: Settings, command: 'settle' | 'keep-peers'): Promise<string[]> => [
  ...(await commandLine()),
  command,
  ...options(settings),
];

/** The command line program as it is to be started. */
async function commandLine(): Promise<string[]> {
  const installed = join(INSTALLED, 'smartserver-firewall');
  return (await exists(installed)) ? [installed] : [process.execPath, PACKAGED];
}

/** What a device that is not the factory's has elsewhere. */
function options(settings: Settings): string[] {
  const usual = check(settingsSchema, {});
  const keys = (['etcUfw', 'defaultUfw', 'webSite', 'stateDir', 'keepBackups'] as const).filter(
    (key) => settings[key] !== usual[key],
  );
  if (keys.length === 0) return [];
  // systemd would take a dollar sign for the start of a variable.
  const text = JSON.stringify(Object.fromEntries(keys.map((key) => [key, settings[key]]))).replace(/\$/g, '$$$$');
  return ['--settings', text];
}
