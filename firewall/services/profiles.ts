/** Profiles as data: for each service and direction what is wanted, and the default policies behind it. */
import { FirewallError, say } from '../errors';
import type { CustomProfile, Policy } from '../messages';
import { printable } from '../printable';
import type { Service } from './catalogue';
import { covers, type Registry, serviceNamed } from './registry';

/**
 * Where a service is to be open: on one interface or all (`''`), for one remote address or subnet or all (`''`). The address is
 * in its one form, see `normalAddress`.
 */
export interface Scope {
  interface: string;
  from: string;
}
export const ANY_SCOPE: Scope = { interface: '', from: '' };

export interface Expectation {
  service: Service;
  direction: 'in' | 'out';
  /** `keep`: as it is. */
  want: 'open' | 'closed' | 'keep';
  /** With `open`: where; more than `ANY_SCOPE` alone leaves the service partial. */
  scopes: readonly Scope[];
  /** Only these addresses, of those that it would be open to; left out: all of them. */
  only?: readonly string[];
  /** It may as well be open to fewer, or to nobody. */
  mayBeLess?: boolean;
}

/** The field buses of which a lockdown leaves what it is asked to. */
export const BUSES: readonly string[] = ['bacnet', 'lon', 'lon-ip70'];

export interface Profile {
  name: string;
  policies: { incoming: Policy; outgoing: Policy };
  /** Whether rules that concern no service go. */
  removesOwnRules: boolean;
  expectations: readonly Expectation[];
}

export type OptionalServices = 'keep' | 'open' | 'close';

const DIRECTIONS = ['in', 'out'] as const;
const BUILT_IN = ['enhanced', 'standard', 'lockdown'] as const;
type BuiltIn = (typeof BUILT_IN)[number];

/**
 * The profile of a name.
 * @throws FirewallError UNKNOWN_PROFILE, UNKNOWN_SERVICE (a custom profile names one)
 */
export function profileNamed(registry: Registry, name: string, optional: OptionalServices): Profile {
  const builtIn = BUILT_IN.find((one) => one === name);
  if (builtIn === 'lockdown') return lockdown(registry);
  if (builtIn) return vendorProfile(registry, builtIn, optional);
  const custom = registry.customProfiles.find((profile) => profile.name === name);
  if (custom) return customProfile(registry, custom, optional);
  const names = [...BUILT_IN, ...registry.customProfiles.map((profile) => profile.name)];
  throw new FirewallError('UNKNOWN_PROFILE', {
    what: say`there is no profile ${printable(name)}.`,
    remedy: say`Use one of ${names.join(', ')}.`,
  });
}

/** All profiles of a device, with optional services as they are. */
export function allProfiles(registry: Registry): Profile[] {
  return [...BUILT_IN, ...registry.customProfiles.map(({ name }) => name)].map((name) =>
    profileNamed(registry, name, 'keep'),
  );
}

/** The vendor's table: Enhanced Security denies both ways by default, Standard only incoming. */
function vendorProfile(
  { services }: Registry,
  name: Exclude<BuiltIn, 'lockdown'>,
  optional: OptionalServices,
): Profile {
  const expectations = each(services, (service, direction) => {
    const state = service[direction]?.[name];
    if (!state || service.id === 'dhcp') return 'keep';
    if (!service.optional) return state;
    return optional === 'keep' ? 'keep' : optional === 'open' ? state : 'closed';
  });
  const outgoing = name === 'standard' ? 'allow' : 'deny';
  return { name, policies: { incoming: 'deny', outgoing }, removesOwnRules: false, expectations };
}

/** What the device's own buses and a way back in need, and nothing else. */
function lockdown(registry: Registry): Profile {
  const { managementFrom } = registry;
  const toOperator = servicesToOperator(registry);
  const open = { in: ['https', 'lon-ip70'], out: ['dns', 'ntp', 'smtp', ...toOperator.map(({ id }) => id)] };
  const keep: Record<'in' | 'out', readonly string[]> = { in: ['bacnet', 'lon', 'dhcp'], out: [] };
  const expectations = each([...new Set([...registry.services, ...toOperator])], (service, direction) => {
    if (open[direction].includes(service.id)) return 'open';
    return keep[direction].includes(service.id) ? 'keep' : 'closed';
  })
    .map((expectation) =>
      expectation.direction === 'in' && BUSES.includes(expectation.service.id)
        ? { ...expectation, mayBeLess: true }
        : expectation,
    )
    .map((expectation) =>
      expectation.service.id === 'https' && managementFrom !== '' && expectation.direction === 'in'
        ? { ...expectation, scopes: [{ interface: '', from: managementFrom }] }
        : expectation,
    );
  return { name: 'lockdown', policies: { incoming: 'deny', outgoing: 'deny' }, removesOwnRules: true, expectations };
}

/** What reaches the operator: the outgoing services of that port, or the port itself where there are none. */
function servicesToOperator(registry: Registry): Service[] {
  const { services, managementTo } = registry;
  if (managementTo === '') return [];
  const known = services.filter((service) => service.opens.includes(managementTo) && judges(service, 'out'));
  return known.length > 0 ? known : [{ ...serviceNamed(registry, managementTo), directions: ['out'] }];
}

function customProfile(registry: Registry, custom: CustomProfile, optional: OptionalServices): Profile {
  const { name, incoming, outgoing, open } = custom;
  const entries = open.map((entry) => ({ ...entry, service: serviceNamed(registry, entry.service) }));
  const byNumber = new Map(entries.map(({ service }) => [service.id, { ...service, directions: [] }]));
  for (const { id } of registry.services) byNumber.delete(id);
  /** The service with every direction in which the profile opens it, whether the vendor's table speaks of it or not. */
  const asNamed = (service: Service): Service => {
    const named = entries.filter((entry) => entry.service.id === service.id).map((entry) => entry.direction);
    const opened = DIRECTIONS.filter((direction) => named.includes(direction) || named.includes('both'));
    return { ...service, directions: [...new Set([...service.directions, ...opened])] };
  };
  const services = [...registry.services, ...byNumber.values()].map(asNamed);
  const expectations = each(services, (service) =>
    service.id === 'dhcp' || (service.optional && optional === 'keep') ? 'keep' : 'closed',
  ).map((expectation): Expectation => {
    const here = entries.filter(({ direction }) => direction === 'both' || direction === expectation.direction);
    const scopes = here
      .filter(({ service }) => service.id === expectation.service.id)
      .map(({ interface: on, from }) => ({ interface: on, from }));
    if (scopes.length > 0) return { ...expectation, want: 'open', scopes };
    // All its ports are opened by another name: to the outside 8883 is MQTT of one's own and the vendor's remote access.
    const opened = here.flatMap(({ service }) => service.opens);
    if (expectation.service.opens.every((ports) => opened.some((one) => covers(one, ports))))
      return { ...expectation, want: 'keep' };
    // A service behind an allowing policy is open unless a rule says otherwise, which is not the profile's doing.
    const policy = expectation.direction === 'in' ? incoming : outgoing;
    const optionalOpen = expectation.service.optional && optional === 'open';
    if (optionalOpen && expectation.service[expectation.direction]) return { ...expectation, want: 'open' };
    return policy === 'allow' ? { ...expectation, want: 'keep' } : expectation;
  });
  return { name, policies: { incoming, outgoing }, removesOwnRules: false, expectations };
}

function each(
  services: readonly Service[],
  want: (service: Service, direction: 'in' | 'out') => Expectation['want'],
): Expectation[] {
  return services.flatMap((service) =>
    DIRECTIONS.filter((direction) => judges(service, direction)).map((direction) => ({
      service,
      direction,
      want: want(service, direction),
      scopes: [ANY_SCOPE],
    })),
  );
}

/** Whether a direction is this service's to speak of: port 443 out, for one, is the licences', not the web server's. */
function judges(service: Service, direction: 'in' | 'out'): boolean {
  return service[direction] !== null || (service.directions.includes(direction) && !service.internal);
}
