import { FirewallError, say } from '../errors';
import { deadlineAfter } from '../host/clock';
import { hasSystemd, unitState } from '../host/systemd';
import type { Call, Settings } from '../messages';
import { planToggle, type ResolvedToggle, resolveToggle } from '../plan/toggle-service';
import type { ChangeResult, Repetition } from '../results';
import { registryFor } from '../state/registry-for';
import type { UnitChange } from '../state/unit';
import { change } from './change';

/** Opens, closes or limits a service, permanently or temporarily. */
export async function toggleService(
  settings: Settings,
  { request, order, since }: Call<'toggleService'>,
): Promise<ChangeResult | Repetition> {
  const deadline = await deadlineAfter(request.duration);
  // What "toggle" means is decided once: a plan made again must not turn back.
  let resolved: ResolvedToggle | undefined;
  return change(
    settings,
    {
      ...{ action: `toggle-service ${request.action} ${request.service}`, order, since, bounded: 'service' },
      closings: () => {
        if (resolved?.action !== 'close') return [];
        const { service, directions, scope } = resolved;
        return directions.map((direction) => ({ service, direction, scope }));
      },
      plan: async (snapshot, id) => {
        resolved = resolved ?? resolveToggle(snapshot, registryFor(settings, snapshot), request);
        const unit = request.systemService ? await unitChange(resolved) : undefined;
        return planToggle(snapshot, resolved, { id, deadline, unit });
      },
    },
    request,
  );
}

/** The systemd unit that goes with a service, where it is not as the toggle wants it. */
async function unitChange({ service, action }: ResolvedToggle): Promise<UnitChange | undefined> {
  if (service.id !== 'ssh' || service.unit === null) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`systemService: only the SSH server can be started and stopped, not that of ${service.id}.`,
    });
  }
  if (!(await hasSystemd())) {
    throw new FirewallError('INVALID_INPUT', { what: say`systemService: systemd is not running on this machine.` });
  }
  const from = await unitState(service.unit);
  const on = action !== 'close';
  if (from.enabled === on && from.active === on) return undefined;
  return { name: service.unit, from, to: { enabled: on, active: on } };
}
