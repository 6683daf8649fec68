/** Applies a change whose lock is held: checkpoint, files, nginx, kernel, unit, backup; or puts everything back. */
import { codeOf, FirewallError, messageOf, notPermitted, say } from '../errors';
import { replace } from '../host/files';
import type { Lock } from '../host/lock';
import { setUnit } from '../host/systemd';
import { differenceOf, stateHash } from '../ledger/differences';
import { typeOf } from '../ledger/happened';
import type { By } from '../ledger/source';
import type { Settings } from '../messages';
import type { Checkpoint } from '../state/checkpoint';
import type { FileText } from '../state/file-text';
import type { Kernel } from '../state/kernel';
import { checkpointOf } from '../state/new-checkpoint';
import type { Plan } from '../state/plan';
import { registryFor } from '../state/registry-for';
import type { Snapshot } from '../state/snapshot';
import { socketsOfNginx, testAside } from '../web/server';
import { driftSince } from './drift';
import { begin, finish } from './journal';
import { type Entered, enter } from './ledger';
import { type Loads, load, removeTestChains, stop, textsOf } from './load';
import { notPutBack, oldSite, putBack } from './recovery';
import { afterStart, beforeStart } from './start';
import { startTimers } from './timers';
import { follow, openBetween, reboot, refuseBusy } from './web-move';

export interface Step {
  id: string;
  intent: Pick<Checkpoint, 'action' | 'reason'> & { by: By; repairs?: boolean };
  before: Snapshot;
  /** What it held before. */
  kernel: Kernel;
  after: Snapshot;
  files: readonly FileText[];
  plan: Plan;
  lock: Lock;
  loads: Loads;
  /** It was made before, has its entry, and a ufw command has undone it. */
  isAgain: boolean;
}

/** @throws FirewallError; then everything is as it was, or, with VERIFY_FAILED, as its message says. */
export async function apply(settings: Settings, step: Step): Promise<{ kernel: Kernel; warnings: readonly string[] }> {
  const { id, intent, before, after, files, lock, loads } = step;
  const { web, unit } = step.plan;
  const starts = after.settings.enabled && !before.settings.enabled;
  const stops = before.settings.enabled && !after.settings.enabled;
  const site = files.find(({ path }) => path === after.sources.site?.path);
  const warnings: string[] = [];
  if (site && web) await refuseBusy(web);
  if (!lock.isHeld()) throw lockLost();
  const checkpoint = checkpointOf({
    timed: intent.reason !== 'requested' || after.schedule.leases.some((lease) => lease.id === id),
    ...{ id, action: intent.action, reason: intent.reason, before, files, plan: step.plan },
    kernel: loads.present && textsOf(loads.present),
  });
  try {
    await startTimers(settings, id, after.schedule);
    await begin(settings, checkpoint);
    if (site) await testAside(site);
    // Its holder ends in time, whatever becomes of who it holds it for.
    if (!lock.isHeld()) throw lockLost();
    if (site && web && before.sources.site) {
      await openBetween(before, web);
      // As the vendor's page has its readers do.
      await replace([{ ...before.sources.site, path: oldSite(site.path) }]);
    }
    await replace(files);
    if (site && web?.reload === 'reload') await follow(web);
    if (site && web?.reload === 'if-running' && (await socketsOfNginx()).length > 0) {
      await follow(web).catch((error: Error) => warnings.push(error.message));
    }
    if (starts) await beforeStart(settings, before);
    if (!lock.isHeld()) throw lockLost();
    let kernel = stops ? await stop(after) : await load(after, loads.texts, step.kernel);
    if (starts) await afterStart(settings, before);
    if (intent.repairs) kernel = await removeTestChains(after, kernel);
    if (unit) await setUnit(unit.name, unit.to);
    const entered = await enterChange(settings, step, checkpoint);
    warnings.push(...entered.warnings);
    await finish(settings, checkpoint, after.schedule.pending?.id).catch((error: Error) => {
      if (!entered.isIn) throw error;
      // What is in the ledger stands: the next request does what is left to do.
      warnings.push(`The change is made, but not all that belongs to it could be written: ${error.message}.`);
    });
    if (site && web?.reload === 'reboot') await reboot();
    return { kernel, warnings };
  } catch (error) {
    await putBack(settings, checkpoint, files).catch(async (second) => {
      // Where even that cannot be read, nothing is known.
      throw stuck(error, second, await notPutBack(settings, checkpoint).catch(() => null));
    });
    return refused(error);
  }
}

const enterChange = (
  settings: Settings,
  { intent: { by, action, reason }, before, after, isAgain }: Step,
  { id, at }: Checkpoint,
): Promise<Entered> =>
  enter(settings, async (last) => [
    ...(await driftSince(settings, last, before)),
    {
      ...{ type: typeOf({ reason, action }), ...by, id, at, action, state: stateHash(after) },
      ...differenceOf(before, after, registryFor(settings, before)),
      ...(isAgain ? { note: say`Made again, as a ufw command had undone it.` } : {}),
    },
  ]);

/** The error for what kept a change from being made, and for which everything was put back. */
export function refused(error: unknown): never {
  if (error instanceof FirewallError) throw error;
  const [code, message] = [codeOf(error), messageOf(error)];
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') throw notPermitted(say`${message}.`, error);
  throw new FirewallError('INTERNAL', { what: say`${message}.`, state: say`The firewall is unchanged.` }, error);
}

/** @param left what is not as it was; null where that cannot be read */
function stuck(first: unknown, second: unknown, left: readonly string[] | null): FirewallError {
  const state =
    left === null
      ? say`The state of the firewall is unknown.`
      : left.length === 0
        ? say`The rules and files are as they were before.`
        : say`Not as before are: ${left.join(', ')}.`;
  return new FirewallError(
    'VERIFY_FAILED',
    {
      what: say`the change failed (${messageOf(first)}) and could not be rolled back (${messageOf(second)}).`,
      state,
      remedy: say`The previous state is in the journal, and the next change rolls back to it first; or run "ufw reload" on the device.`,
    },
    second,
  );
}

function lockLost(): FirewallError {
  return new FirewallError('BUSY', {
    what: say`ufw's lock was lost during the change.`,
    remedy: say`Try again.`,
  });
}
