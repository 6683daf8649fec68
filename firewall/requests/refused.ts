/** What a request asks to be changed, for the ledger where it is refused. */
import type { Refused } from '../commit/refusals';
import { FirewallError } from '../errors';
import { readSchedule } from '../host/snapshot';
import type { Call, SetProfileRequest, Settings } from '../messages';
import { titleOf } from '../plan/standing';
import { profileNamed } from '../services/profiles';
import { registryOf, servicesNamed } from '../services/registry';
import { servicesOf } from './standing';

/** @returns null where it is to change nothing */
export async function refusedIn(settings: Settings, { method, request }: Call): Promise<Refused | null> {
  if ('dryRun' in request && request.dryRun) return null;
  switch (method) {
    case 'setProfile':
      return { action: `set-profile ${request.profile}`, services: decidedBy(settings, request) };
    case 'toggleService': {
      const services = named(settings, request.service);
      const names = services.length > 0 ? services : [request.service].flat();
      return { action: `toggle-service ${request.action} ${names.join(', ')}`, services };
    }
    case 'changeWebPorts': {
      const { mode, http, https } = request;
      const action = ['change-web-ports', mode, http, https].filter((one) => one !== undefined).join(' ');
      return { action, services: ['http', 'https'] };
    }
    case 'restore':
      return { action: `${request.action} ${request.backup}`.trim(), services: [] };
    case 'confirm':
      return { action: `confirm ${request.id ?? ''}`.trim(), services: [] };
    case 'schedule':
      return { action: `schedule ${titleOf(request)}`, services: named(settings, servicesOf(request)) };
    case 'unschedule':
      return { action: `unschedule ${request.id}`, services: await servicesOfSchedule(settings, request.id) };
    case 'override': {
      if (request.action === 'status') return null;
      const action = `schedule ${request.id}: ${request.action} by hand`;
      return { action, services: await servicesOfSchedule(settings, request.id) };
    }
    case 'learn':
      return request.action === 'read' ? null : { action: `learn-peers ${request.action}`, services: [] };
    default:
      return null;
  }
}

/** The services that a profile does not leave as they are. */
const decidedBy = (settings: Settings, { profile, optionalServices }: SetProfileRequest): string[] =>
  ifAny(() => {
    const { expectations } = profileNamed(registryOf(settings, null), profile, optionalServices);
    return [...new Set(expectations.flatMap(({ service, want }) => (want === 'keep' ? [] : [service.id])))];
  });

const named = (settings: Settings, given: string | readonly string[]): string[] =>
  ifAny(() => servicesNamed(registryOf(settings, null), given).map(({ id }) => id));

/** None where there is no such service or profile, or the settings are wrong, which may be why it is refused. */
function ifAny(find: () => string[]): string[] {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof FirewallError)) throw error;
    return [];
  }
}

async function servicesOfSchedule(settings: Settings, id: string): Promise<string[]> {
  const found = (await readSchedule(settings)).standings.find((one) => one.id === id);
  return found ? servicesOf(found) : [];
}
