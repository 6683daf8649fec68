/** Which rules are about which service. */

import { portRanges } from '../rules/ports';
import { ANYWHERE, type Rule } from '../rules/rule';
import type { Service } from './catalogue';
import { partsOf } from './registry';

/** The device's own interfaces: loopback, and the LON tunnel. What they let through is nobody's service. */
export const OWN_INTERFACES: readonly string[] = ['lo', 'ip70'];

/** Whether a rule speaks of the device's own interfaces or of loopback addresses, not of the network outside. */
export function isStructural(rule: Rule): boolean {
  return (
    OWN_INTERFACES.includes(rule.interfaceIn) ||
    OWN_INTERFACES.includes(rule.interfaceOut) ||
    isLoopback(rule.src) ||
    isLoopback(rule.dst)
  );
}

const isLoopback = (address: string): boolean =>
  address.startsWith('127.') || address === '::1' || address === '::1/128';

/**
 * Whether a rule is about the ports of a service and about none besides, in one direction. A predicate, because with
 * thousands of rules and thirty services the service's side must be prepared once.
 */
export function about(service: Service, direction: 'in' | 'out'): (rule: Rule) => boolean {
  const specs = [...service.opens, ...service.closesToo].map(partsOf);
  // A rule without protocol (`ufw allow 443`) is about the service of that port whichever protocol the service uses.
  const has = (first: number, last: number, protocol: string): boolean =>
    specs.some(
      (spec) =>
        first >= spec.first &&
        last <= spec.last &&
        (protocol === 'any' || spec.protocol === 'any' || protocol === spec.protocol),
    );
  return (rule) => {
    if (rule.direction !== direction || rule.dport === 'any' || rule.routed) return false;
    // Most rules name one port; only the others are lists or ranges.
    const port = Number(rule.dport);
    const isAbout = Number.isNaN(port)
      ? portRanges(rule.dport).every(([first, last]) => has(first, last, rule.protocol))
      : has(port, port, rule.protocol);
    return isAbout && !isStructural(rule);
  };
}

/** The remote end's address field of a rule: the source of what comes in, the destination of what goes out. */
export const remoteOf = (rule: Rule): string => (rule.direction === 'in' ? rule.src : rule.dst);

/** Whether a rule holds for every remote address. */
export const isForAnyone = (rule: Rule): boolean => remoteOf(rule) === ANYWHERE[rule.family];

/** The interface a rule is limited to, or an empty text. */
export const interfaceOf = (rule: Rule): string => (rule.direction === 'in' ? rule.interfaceIn : rule.interfaceOut);
