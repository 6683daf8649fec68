import { FirewallError, say } from '../errors';
import { deadlineAfter } from '../host/clock';
import { hasSystemd, unitState } from '../host/systemd';
import type { Call, Settings } from '../messages';
import { closingsOfToggles, planToggles, type ResolvedToggle, resolveToggles } from '../plan/toggle-service';
import type { ChangeResult, Repetition } from '../results';
import { registryOf, servicesNamed } from '../services/registry';
import { registryFor } from '../state/registry-for';
import type { UnitChange } from '../state/unit';
import { byOf } from './by';
import { change } from './change';

/** Opens, closes or limits services, permanently or temporarily. */
export async function toggleService(
  settings: Settings,
  call: Call<'toggleService'>,
): Promise<ChangeResult | Repetition> {
  const { request, order, since } = call;
  const deadline = await deadlineAfter(request.duration);
  // What "toggle" means is decided once: a plan made again must not turn back.
  let resolved: readonly ResolvedToggle[] | undefined;
  // What a service is called does not depend on the state of the device.
  const names = servicesNamed(registryOf(settings, null), request.service).map(({ id }) => id);
  return change(
    settings,
    {
      ...{
        action: `toggle-service ${request.action} ${names.join(', ')}`,
        by: byOf(call),
        order,
        since,
        bounded: 'service',
      },
      duration: request.duration,
      closings: () => closingsOfToggles(resolved ?? []),
      plan: async (snapshot, id) => {
        resolved = resolved ?? resolveToggles(snapshot, registryFor(settings, snapshot), request);
        const unit = request.systemService ? await unitChange(resolved) : undefined;
        return planToggles(snapshot, resolved, { id, deadline, unit });
      },
    },
    request,
  );
}

/** The systemd unit that goes with one of the services, where it is not as the toggle wants it. */
async function unitChange(toggles: readonly ResolvedToggle[]): Promise<UnitChange | undefined> {
  const ssh = toggles.find(({ systemService }) => systemService);
  if (!ssh?.service.unit) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`systemService: only the SSH server can be started and stopped, not that of ${toggles.map(({ service }) => service.id).join(', ')}.`,
    });
  }
  if (!(await hasSystemd())) {
    throw new FirewallError('INVALID_INPUT', { what: say`systemService: systemd is not running on this machine.` });
  }
  const from = await unitState(ssh.service.unit);
  const on = ssh.action !== 'close';
  if (from.enabled === on && from.active === on) return undefined;
  return { name: ssh.service.unit, from, to: { enabled: on, active: on } };
}
