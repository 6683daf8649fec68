/** The services and profiles of one device: the vendor's, with the device's own ports, and the user's. */
import { FirewallError, type Sentence, say } from '../errors';
import { folded } from '../given';
import type { CustomProfile, Settings } from '../messages';
import { printable } from '../printable';
import { CATALOGUE, type PortSpec, type Service } from './catalogue';
import { isPortSpec } from './port-spec';

/** The ports the web server listens on, where they are not 80 and 443. */
interface WebPortNumbers {
  http: number | null;
  https: number | null;
}

/** What the engine knows of one device's services. */
export interface Registry {
  services: readonly Service[];
  customProfiles: readonly CustomProfile[];
  managementFrom: string;
  managementTo: string;
  /** The version of the device's software; empty where nobody has told. */
  firmware: string;
}

/** The settings that define what services and profiles there are. */
type RegistrySettings = Pick<
  Settings,
  'servicePorts' | 'customServices' | 'customProfiles' | 'managementFrom' | 'managementTo' | 'firmware'
>;

/** @throws FirewallError INVALID_INPUT where a setting names a service that does not exist, or one twice. */
export function registryOf(settings: RegistrySettings, web: WebPortNumbers | null): Registry {
  const ports = new Map(Object.entries(settings.servicePorts));
  for (const id of ports.keys()) {
    const known = CATALOGUE.find((service) => service.id === id);
    if (!known || known.internal) throw invalid(say`servicePorts.${id}: there is no service with this name.`);
  }
  const vendor = CATALOGUE.map((service) => withPort(withWebPort(service, web), ports.get(service.id)));
  const custom = settings.customServices.map((own): Service => {
    if (CATALOGUE.some(({ id }) => id === own.id))
      throw invalid(say`customServices: ${own.id} is already a service of the device.`);
    return {
      id: own.id,
      label: own.label,
      opens: own.ports,
      closesToo: [],
      directions: own.direction === 'both' ? ['in', 'out'] : [own.direction],
      daemon: own.label,
      unit: null,
      in: null,
      out: null,
      optional: false,
      internal: false,
      consequence: say`${own.label} cannot be reached.`,
      risk: say`Anyone can reach ${own.label}.`,
    };
  });
  const ids = custom.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw invalid(say`customServices: two services have the same id.`);
  return {
    services: [...vendor, ...custom],
    customProfiles: settings.customProfiles,
    managementFrom: settings.managementFrom,
    managementTo: settings.managementTo,
    firmware: settings.firmware,
  };
}

/**
 * The service of an id, of ports like `22/tcp`, or of a label; in any case.
 * @throws FirewallError UNKNOWN_SERVICE, INVALID_INPUT where it is the label of several
 */
export function serviceNamed(registry: Registry, given: string): Service {
  const { services } = registry;
  const known = foundIn(services, given);
  if (known) return known;
  const reference = folded(given);
  if (!isPortSpec(reference)) {
    throw unknown(given, say`Use one of ${services.map(({ id }) => id).join(', ')}, or ports like 22/tcp.`);
  }
  // By number: the ports themselves, with what the catalogue says of who owns them.
  const owner = services.find(({ opens }) =>
    opens.some((ports) => ports === reference || ports.startsWith(`${reference}/`)),
  );
  return {
    id: reference,
    label: `Port ${reference}`,
    opens: [reference],
    closesToo: [],
    directions: ['in'],
    daemon: '',
    unit: null,
    in: null,
    out: null,
    optional: false,
    internal: services.some(({ internal, opens }) => internal && opens.some((ports) => overlaps(ports, reference))),
    consequence: owner?.consequence ?? say`Nothing on port ${reference} can be reached any more.`,
    risk: owner?.risk ?? say`Anyone can reach what listens on port ${reference}.`,
  };
}

/**
 * The service of an id or a label, in any case: one whose state is reported.
 * @throws FirewallError UNKNOWN_SERVICE, INVALID_INPUT where it is the label of several
 */
export function listedService({ services }: Registry, given: string): Service {
  const known = foundIn(services, given);
  if (known) return known;
  throw unknown(given, say`Use one of ${services.map(({ id }) => id).join(', ')}.`);
}

const unknown = (given: string, remedy: Sentence): FirewallError =>
  new FirewallError('UNKNOWN_SERVICE', { what: say`there is no service ${printable(given)}.`, remedy });

function foundIn(services: readonly Service[], given: string): Service | undefined {
  const reference = folded(given);
  const known = services.find(({ id }) => id === reference);
  if (known) return known;
  const labelled = isPortSpec(reference) ? [] : services.filter(({ label }) => folded(label) === reference);
  if (labelled.length > 1) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`service: ${printable(given)} is the name of several services: ${labelled.map(({ id }) => id).join(', ')}.`,
      remedy: say`Use one of these ids.`,
    });
  }
  return labelled[0];
}

/** One or several services, each of them once. @throws FirewallError as `serviceNamed` does */
export function servicesNamed(registry: Registry, given: string | readonly string[]): Service[] {
  const found = [given].flat().map((one) => serviceNamed(registry, one));
  return found.filter(({ id }, at) => found.findIndex((other) => other.id === id) === at);
}

/** A port specification taken apart. `any` is both tcp and udp. */
export interface Ports {
  first: number;
  last: number;
  protocol: 'tcp' | 'udp' | 'any';
}

export function partsOf(spec: PortSpec): Ports {
  const [range = '', protocol = 'any'] = spec.split('/');
  const [first = 0, last = first] = range.split(':').map(Number);
  return { first, last, protocol: protocol === 'tcp' || protocol === 'udp' ? protocol : 'any' };
}

/** The same ports in specifications a single rule can hold: ufw takes a range only with a protocol. */
export function singleRuleSpecs(specs: readonly PortSpec[]): PortSpec[] {
  return specs.flatMap((spec) => (/^\d+:\d+$/.test(spec) ? [`${spec}/tcp`, `${spec}/udp`] : [spec]));
}

/** Whether the first specification names every port of the second. */
export function covers(one: PortSpec, other: PortSpec): boolean {
  const a = partsOf(one);
  const b = partsOf(other);
  return (a.protocol === 'any' || a.protocol === b.protocol) && a.first <= b.first && b.last <= a.last;
}

/** Whether two specifications name a port in common. */
export const overlaps = (one: PortSpec, other: PortSpec): boolean => share(partsOf(one), partsOf(other));

/** The same of ports whose parts are known. */
export function share(a: Ports, b: Ports): boolean {
  const sameProtocol = a.protocol === 'any' || b.protocol === 'any' || a.protocol === b.protocol;
  return sameProtocol && a.first <= b.last && b.first <= a.last;
}

function withPort(service: Service, port: PortSpec | undefined): Service {
  if (port === undefined) return service;
  const [first = '', ...rest] = service.opens;
  const protocol = first.split('/')[1];
  return { ...service, opens: [port.includes('/') ? port : `${port}/${protocol}`, ...rest] };
}

function withWebPort(service: Service, web: WebPortNumbers | null): Service {
  const port = service.id === 'https' ? web?.https : service.id === 'http' ? web?.http : null;
  return port ? { ...service, opens: [`${port}/tcp`] } : service;
}

const invalid = (what: Sentence): FirewallError => new FirewallError('INVALID_INPUT', { what });
