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
export async function runLater(name: string, seconds: number, program: readonly string[]): Promise<void> {
  await systemd('systemd-run', [
    '--quiet',
    `--unit=${name}`,
    `--description=Ends what is due in the firewall`,
    `--on-active=${Math.max(1, Math.ceil(seconds))}s`,
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
