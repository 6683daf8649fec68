/**
 * What the edit dialogs show of services and profiles before anything is asked of a device: built into a file of its own
 * for the browser, so nothing here may need Node.js or the schemas.
 */
import type { input } from 'zod';
import type { Sentence } from '../errors';
import { givenProfile } from '../given';
import type { settings as schema } from '../messages';
import { CATALOGUE, type Service } from './catalogue';
import { type Expectation, type OptionalServices, type Profile, profileNamed, type Scope } from './profiles';
import { type Registry, registryOf } from './registry';

export { inLargestUnit, secondsIn } from '../duration';
export { folded, givenProfile } from '../given';
export { actionIn, errorIn, labelIn, sentenceIn, textsIn } from '../language';
export { isPrivateKey, publicKeyFault, publicKeyText } from '../operator-key';
export { isPortSpec } from './port-spec';

/** A configuration node's settings as the editor has them: not checked yet, and with defaults left out. */
export type StoredSettings = Partial<input<typeof schema>>;

/** Where a service stands: the groups of the vendor's page, and the user's own services. */
export type Group = 'incoming' | 'outgoing' | 'internal' | 'own';

/** A service as the dialogs list it. */
export interface Listed {
  id: string;
  label: string;
  ports: readonly string[];
  group: Group;
  optional: boolean;
  consequence: Sentence;
  risk: Sentence;
}

/** What a profile does with one direction of a service; with `open`, to whom, where that is not everybody. */
interface Cell {
  want: Expectation['want'];
  only: Scope[];
}

/** What a profile does with a service; null where a direction is not this service's. */
export interface Row extends Listed {
  in: Cell | null;
  out: Cell | null;
}

export interface Preview extends Pick<Profile, 'policies' | 'removesOwnRules'> {
  rows: Row[];
}

/** @throws FirewallError INVALID_INPUT where the settings cannot be right. */
export function servicesOf(stored: StoredSettings): Listed[] {
  return registryFor(stored).services.map(listed);
}

/** @throws FirewallError INVALID_INPUT, UNKNOWN_PROFILE, UNKNOWN_SERVICE (the profile names one) */
export function preview(stored: StoredSettings, name: string, optional: OptionalServices): Preview {
  const { policies, removesOwnRules, expectations } = profileNamed(registryFor(stored), givenProfile(name), optional);
  const services = [...new Set(expectations.map(({ service }) => service))];
  const cell = (of: Service, to: 'in' | 'out'): Cell | null => {
    const found = expectations.find(({ service, direction }) => service === of && direction === to);
    return found ? { want: found.want, only: limitsOf(found) } : null;
  };
  const rows = services.map((service) => ({
    ...listed(service),
    in: cell(service, 'in'),
    out: cell(service, 'out'),
  }));
  return { policies, removesOwnRules, rows };
}

/** The scopes of what is open to some; one that is open to everybody outweighs the others. */
function limitsOf({ want, scopes }: Expectation): Scope[] {
  const isForAll = scopes.some((scope) => scope.interface === '' && scope.from === '');
  return want === 'open' && !isForAll ? [...scopes] : [];
}

const listed = ({ id, label, opens, optional, consequence, risk, ...service }: Service): Listed => ({
  ...{ id, label, ports: opens, optional, consequence, risk },
  group: groupOf(id, service),
});

function groupOf(id: string, { internal, directions }: Pick<Service, 'internal' | 'directions'>): Group {
  if (internal) return 'internal';
  if (!CATALOGUE.some((service) => service.id === id)) return 'own';
  return directions.includes('in') ? 'incoming' : 'outgoing';
}

/** The registry of a device whose web pages are where the factory put them; the defaults are those of the schema. */
function registryFor(stored: StoredSettings): Registry {
  const { servicePorts, customServices, customProfiles, managementFrom, managementTo } = stored;
  const services = (customServices ?? []).map((service) => ({ direction: 'in' as const, ...service }));
  const profiles = (customProfiles ?? []).map((profile) => ({
    ...{ incoming: 'deny' as const, outgoing: 'deny' as const },
    ...profile,
    open: profile.open.map((entry) => ({ direction: 'in' as const, interface: '', from: '', ...entry })),
  }));
  return registryOf(
    {
      servicePorts: servicePorts ?? {},
      customServices: services,
      customProfiles: profiles,
      managementFrom: managementFrom ?? '',
      managementTo: managementTo ?? '',
      firmware: '',
    },
    null,
  );
}
