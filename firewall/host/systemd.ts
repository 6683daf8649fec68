/** systemd, where the machine runs it: the units of services, and timers that fire without Node-RED. */
import { FirewallError, notPermitted, say } from '../errors';
import type { UnitState } from '../state/unit';
import { exists } from './files';
import { run } from './run';

/** Whether systemd is process 1; `sd_booted(3)` looks at the same folder. */
export const hasSystemd = (): Promise<boolean> => exists('/run/systemd/system');

export async function unitState(name: string): Promise<UnitState> {
  const [enabled, active] = await Promise.all([
    run('systemctl', ['is-enabled', '--quiet', name]),
    run('systemctl', ['is-active', '--quiet', name]),
  ]);
  return { enabled: enabled.code === 0, active: active.code === 0 };
}

/** @throws FirewallError VERIFY_FAILED where systemd refuses. */
export async function setUnit(name: string, { enabled, active }: UnitState): Promise<void> {
  await systemd('systemctl', [enabled ? 'enable' : 'disable', '--quiet', name]);
  await systemd('systemctl', [active ? 'start' : 'stop', name]);
}

/**
 * Has systemd run a program once, as root, in so many seconds, and again until it succeeds. Lost at a reboot.
 * @throws FirewallError VERIFY_FAILED where systemd refuses.
 */
export const runLater = (name: string, seconds: number, program: readonly string[]): Promise<void> =>
  runWhen(name, [`--on-active=${Math.max(1, Math.ceil(seconds))}s`], program);

/**
 * The same at a moment of the wall clock, however that gets there.
 * @param at ms since 1970
 * @throws FirewallError VERIFY_FAILED where systemd refuses.
 */
export function runAt(name: string, at: number, program: readonly string[]): Promise<void> {
  const moment = new Date(Math.ceil(at / 1000) * 1000).toISOString();
  return runWhen(name, [`--on-calendar=${moment.slice(0, 10)} ${moment.slice(11, 19)} UTC`], program);
}

/** The same each time the wall clock or the time zone is set. @throws FirewallError VERIFY_FAILED where systemd refuses. */
export const runOnClockChange = (name: string, program: readonly string[]): Promise<void> =>
  runWhen(name, ['--on-clock-change', '--on-timezone-change'], program);

/**
 * Has systemd run a program all the time, as root, and again whenever it fails. Lost at a reboot.
 * @throws FirewallError VERIFY_FAILED where systemd refuses.
 */
export async function runAlways(name: string, program: readonly string[]): Promise<void> {
  await systemd('systemd-run', [
    ...['--quiet', '--no-block', '--collect', `--unit=${name}`],
    '--description=Learns who talks with this device',
    ...['--property=Restart=on-failure', '--property=RestartSec=5s', '--property=Nice=10'],
    ...program,
  ]);
}

/** Stops what `runAlways` has started, with all that it has started; what does not run is as good as stopped. */
export async function stopRunning(name: string): Promise<void> {
  if (await hasSystemd()) await run('systemctl', ['stop', '--quiet', `${name}.service`]);
}

async function runWhen(name: string, when: readonly string[], program: readonly string[]): Promise<void> {
  await systemd('systemd-run', [
    '--quiet',
    `--unit=${name}`,
    '--description=Does what is due in the firewall',
    ...when,
    // Without it a timer may be a minute late.
    '--timer-property=AccuracySec=1s',
    '--property=Restart=on-failure',
    '--property=RestartSec=5s',
    ...program,
  ]);
}

async function systemd(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(program, args);
  if (code === 0) return;
  const reason = stderr.trim().split('\n')[0]?.slice(0, 200) ?? '';
  if (/Access denied|authentication required/i.test(reason)) throw notPermitted(say`systemd refused (${reason}).`);
  throw new FirewallError('VERIFY_FAILED', {
    what: say`"${program} ${args.join(' ')}" failed with code ${code} (${reason}).`,
    state: say`Everything was rolled back to its previous state.`,
  });
}
