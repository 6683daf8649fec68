/** Which ports the rules of ufw are about, against those of services. */
import type { RuleReport, State } from '../results';
import type { PortSpec } from '../services/catalogue';
import { covers } from '../services/registry';

type Listed = Pick<State['services'][number], 'ports'>;

/**
 * What a rule is about that no service has, as `443/udp`: a service may have a port in one protocol, and nobody in the other.
 * Without a protocol it is both.
 */
export function portsOfNone({ to, protocol }: RuleReport, services: readonly Listed[]): PortSpec[] {
  const known = services.flatMap(({ ports }) => ports);
  const listed = (to.port === 'any' ? '0:65535' : to.port).split(',');
  return listed.flatMap((ports) => {
    const specs = (protocol === 'any' ? ['tcp', 'udp'] : [protocol]).map((one): PortSpec => `${ports}/${one}`);
    const others = specs.filter((spec) => !known.some((one) => covers(one, spec)));
    return others.length === 2 ? [ports] : others;
  });
}

/** The rules that let packets through to ports of no service: nothing else in a report by services would show them. */
export const ownRules = (
  { rules, services }: Pick<State, 'rules'> & { services: readonly Listed[] },
  direction: 'in' | 'out',
): RuleReport[] =>
  rules.filter(
    (rule) =>
      rule.direction === direction &&
      (rule.action === 'allow' || rule.action === 'limit') &&
      portsOfNone(rule, services).length > 0,
  );
