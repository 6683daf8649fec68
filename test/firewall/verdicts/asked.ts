/** Questions about packets to some ports, of whatever scope. */
import fc from 'fast-check';
import type { Family } from '../../../firewall/rules/rule';
import type { Asked } from '../../../firewall/verdicts/verdict';
import { UNIVERSE } from './model';

export const asked = (family: Family): fc.Arbitrary<Asked> =>
  fc.record({
    direction: fc.constantFrom('in' as const, 'out' as const),
    ports: fc.constantFrom(['22/tcp'], ['80'], ['24:26/udp'], ['22/tcp', '80/tcp'], ['1024/tcp'], ['39999:40001']),
    scope: fc.record({
      interface: fc.constantFrom('', '', 'eth0', 'wlan0'),
      from: fc.constantFrom('', '', ...UNIVERSE[family].subnets),
    }),
  });
