import type { RuleReport } from '../results';

/** A rule in the words that people write for ufw. */
export function ruleText({ action, direction, protocol, to, from, interface: on, family }: RuleReport): string {
  const ports = to.port === 'any' ? 'every port' : `${to.port}${protocol === 'any' ? '' : `/${protocol}`}`;
  const where = [on ? ` on ${on}` : '', from.address.includes('/0') ? '' : ` from ${from.address}`].join('');
  return `${action} ${direction} ${ports}${where} (${family})`;
}
