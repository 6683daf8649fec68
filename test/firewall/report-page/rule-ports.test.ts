/** Which rules the report shows as of no service: all that let through more than services have. */
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ownRules, portsOfNone } from '../../../firewall/report-page/rule-ports';
import type { RuleReport } from '../../../firewall/results';

const services = [['22/tcp'], ['47808/udp', '41797/udp'], ['9100'], ['1628:1645/udp']].map((ports) => ({ ports }));

/** Those of a list of rules, each by its ports and protocol: `22/any`. */
function shown(rules: readonly string[], changes: Partial<RuleReport> = {}): string[] {
  const end = { address: '0.0.0.0/0', port: 'any', app: null };
  const reports = rules.map((rule, at): RuleReport => {
    const [port = '', protocol = ''] = rule.split('/');
    return {
      ...{
        number: at,
        action: 'allow',
        direction: 'in',
        protocol,
        interface: null,
        log: null,
        family: 'ipv4',
        comment: '',
      },
      ...{ to: { ...end, port }, from: end, ...changes },
    };
  });
  return ownRules({ rules: reports, services }, 'in').map((rule) => portsOfNone(rule, services).join());
}

describe('A rule of no service', () => {
  it('is one whose ports no service has, in each protocol that it lets through', () => {
    assert.deepEqual(shown(['22/tcp', '47808/udp', '9100/any', '9100/udp', '1630:1640/udp']), []);
    assert.deepEqual(shown(['22/any', '22/udp', '23/tcp', '23/any', '47808/any']), [
      ...['22/udp', '22/udp', '23/tcp', '23', '47808/tcp'],
    ]);
    assert.deepEqual(shown(['1628:1646/udp', '1628/any', '22,23/tcp', 'any/any', 'any/esp']), [
      ...['1628:1646/udp', '1628/tcp', '23/tcp', '0:65535', '0:65535/esp'],
    ]);
    assert.deepEqual(shown(['22,9100/tcp', '41797,47808/udp']), []);
  });

  it('is none that blocks, or is about the other direction', () => {
    for (const changes of [
      { action: 'deny' },
      { action: 'reject' },
      { direction: 'out' },
      { direction: 'routed' },
    ] as const)
      assert.deepEqual(shown(['23/tcp'], changes), []);
    assert.deepEqual(shown(['23/tcp'], { action: 'limit' }), ['23/tcp']);
  });
});
