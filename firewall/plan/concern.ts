/** Which rules are about which service. */
import { ANYWHERE, type Rule } from '../rules/rule';
import { portRanges } from '../rules/space';
import type { Service } from '../services/catalogue';
import { partsOf } from '../services/registry';

/** The device's own interfaces: loopback, and the LON tunnel. What they let through is nobody's service. */
export const OWN_INTERFACES: readonly string[] = ['lo', 'ip70'];

/** Whether a rule speaks of the device's own interfaces or of loopback addresses, not of the network outside. */
export function isStructural(rule: Rule): boolean {
  const interfaces = [rule.interfaceIn, rule.interfaceOut];
  return interfaces.some((name) => OWN_INTERFACES.includes(name)) || isLoopback(rule.src) || isLoopback(rule.dst);
}

const isLoopback = (address: string): boolean =>
  address.startsWith('127.') || address === '::1' || address === '::1/128';

/** Ports are taken apart once per rule and service: with thousands of rules and thirty services that is what takes time. */
const rangesOf = memo((rule: Rule) => portRanges(rule.dport));
const specsOf = memo((service: Service) => [...service.opens, ...service.closesToo].map(partsOf));

function memo<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      value = compute(key);
      known.set(key, value);
    }
    return value;
  };
}

/** Whether a rule is about the ports of a service and about none besides, in one direction. */
export function concerns(rule: Rule, service: Service, direction: 'in' | 'out'): boolean {
  if (rule.direction !== direction || rule.dport === 'any' || rule.routed) return false;
  const specs = specsOf(service);
  // A rule without protocol (`ufw allow 443`) is about the service of that port whichever protocol the service uses.
  for (const [first, last] of rangesOf(rule)) {
    let found = false;
    for (const spec of specs) {
      if (first < spec.first || last > spec.last) continue;
      if (rule.protocol === 'any' || spec.protocol === 'any' || rule.protocol === spec.protocol) found = true;
    }
    if (!found) return false;
  }
  return !isStructural(rule);
}

/** The remote end's address field of a rule: the source of what comes in, the destination of what goes out. */
export const remoteOf = (rule: Rule): string => (rule.direction === 'in' ? rule.src : rule.dst);

/** Whether a rule holds for every remote address. */
export const isForAnyone = (rule: Rule): boolean => remoteOf(rule) === ANYWHERE[rule.family];

/** The interface a rule is limited to, or an empty text. */
export const interfaceOf = (rule: Rule): string => (rule.direction === 'in' ? rule.interfaceIn : rule.interfaceOut);
