/** The rules that let packets through to ports of no service: nothing else in a report by services would show them. */
import type { RuleReport, State } from '../results';
import type { PortSpec } from '../services/catalogue';
import { partsOf } from '../services/registry';

export const ownRules = (
  { rules, services }: Pick<State, 'rules' | 'services'>,
  direction: 'in' | 'out',
): RuleReport[] => {
  const known = services.flatMap(({ ports }) => ports.map((port) => partsOf(port as PortSpec)));
  const isKnown = (text: string, protocol: string): boolean => {
    const [first = NaN, last = first] = text.split(':').map(Number);
    return known.some(
      (one) =>
        one.first <= first &&
        last <= one.last &&
        (one.protocol === 'any' || protocol === 'any' || one.protocol === protocol),
    );
  };
  return rules.filter(
    ({ action, direction: way, to, protocol }) =>
      way === direction &&
      (action === 'allow' || action === 'limit') &&
      !to.port.split(',').every((port) => isKnown(port, protocol)),
  );
};
