/** Which ports the rules of ufw are about, against those of services. */
import type { RuleReport, State } from '../results';
import type { PortSpec } from '../services/catalogue';
import { covers } from '../services/registry';

/** One for each protocol: a service may have the port in the one, and nobody in the other. */
const specsOf = ({ to, protocol }: Pick<RuleReport, 'to' | 'protocol'>): PortSpec[] =>
  (to.port === 'any' ? '0:65535' : to.port)
    .split(',')
    .flatMap((ports) => (protocol === 'any' ? ['tcp', 'udp'] : [protocol]).map((one): PortSpec => `${ports}/${one}`));

/** The rules that let packets through to ports of no service: nothing else in a report by services would show them. */
export function ownRules(
  { rules, services }: Pick<State, 'rules' | 'services'>,
  direction: 'in' | 'out',
): RuleReport[] {
  const known = services.flatMap(({ ports }) => ports);
  const isKnown = (spec: PortSpec): boolean => known.some((one) => covers(one, spec));
  return rules.filter(
    (rule) =>
      rule.direction === direction &&
      (rule.action === 'allow' || rule.action === 'limit') &&
      !specsOf(rule).every(isKnown),
  );
}
