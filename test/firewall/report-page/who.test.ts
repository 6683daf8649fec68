/** Whom the report says a service is open to: never fewer than the rules let through, and what it cannot tell it does not say. */
import assert from 'node:assert/strict';
import { type Who, whoOf } from '../../../firewall/report-page/who';
import type { RuleReport, ServiceReport, State } from '../../../firewall/results';

type Decider = ServiceReport['decidedBy']['in'][number];

const POLICY: Decider = { chain: 'INPUT', rule: null, owner: 'policy' };
const user = (rule: string, chain = 'ufw-user-input'): Decider => ({ chain, rule, owner: 'ufw' });
const PORT = '-p tcp -m tcp --dport 5432';
const end = (address = '0.0.0.0/0', port = 'any') => ({ address, port, app: null });
const limitFrom = (address: string, port: string, family: RuleReport['family'] = 'ipv4'): RuleReport => ({
  ...{ number: 1, action: 'limit', direction: 'in', protocol: 'tcp', interface: null, log: null, family, comment: '' },
  ...{ to: end(family === 'ipv4' ? '0.0.0.0/0' : '::/0', port), from: end(address) },
});

function who(
  deciders: readonly Decider[],
  other: { ports?: string[]; rules?: RuleReport[]; state?: 'open' } = {},
): Who {
  const policies: State['policies'] = { incoming: 'deny', outgoing: 'deny', routed: 'deny' };
  const service: Parameters<typeof whoOf>[0] = {
    ...{ in: other.state ?? 'partial', out: 'closed', ports: other.ports ?? ['5432/tcp'], undecided: [] },
    decidedBy: { in: [...deciders], out: [] },
  };
  return whoOf(service, 'in', { rules: other.rules ?? [], policies });
}

const text = ({ kind, only, except, isLimited }: Who): string => {
  const of = (list: Who['only']) => list.map(({ address, through }) => `${address}|${through}`).join(' ');
  return `${kind} ${of(only)} - ${of(except)}${isLimited ? ' limited' : ''}`;
};

const UNCLEAR = 'unclear  - ';

describe('Whom a service is open to', () => {
  const CASES: readonly (readonly [string, readonly Decider[], string])[] = [
    [
      'a subnet, in each family',
      [
        user(`-s 10.20.0.0/16 ${PORT} -j ACCEPT`),
        user(`-s 2001:db8::5/128 ${PORT} -j ACCEPT`, 'ufw6-user-input'),
        POLICY,
      ],
      'some 10.20.0.0/16| 2001:db8::5| - ',
    ],
    [
      'an interface, in both families once',
      [user(`-i eth0 ${PORT} -j ACCEPT`), user(`-i eth0 ${PORT} -j ACCEPT`, 'ufw6-user-input'), POLICY],
      'some |eth0 - ',
    ],
    ['an address at an interface', [user(`-s 10.0.0.9/32 -i eth1 ${PORT} -j ACCEPT`), POLICY], 'some 10.0.0.9|eth1 - '],
    ['everybody but one', [user(`${PORT} -j ACCEPT`), user(`-s 10.0.0.9/32 ${PORT} -j DROP`)], 'all  - 10.0.0.9|'],
    [
      'a subnet but one of it',
      [
        user(`-s 10.20.0.0/16 ${PORT} -j ACCEPT`),
        user(`-s 10.20.0.9/32 ${PORT} -j REJECT --reject-with tcp-reset`),
        POLICY,
      ],
      'some 10.20.0.0/16| - 10.20.0.9|',
    ],
    [
      'a rule of several ports, and one of an application',
      [
        user('-s 10.0.0.1/32 -p tcp -m multiport --dports 5432,8000:9000 -j ACCEPT'),
        user(`-s 10.0.0.2/32 ${PORT} -m comment --comment "\\'dapp_DB\\'" -j ACCEPT`),
        POLICY,
      ],
      'some 10.0.0.1| 10.0.0.2| - ',
    ],
  ];
  for (const [name, deciders, expected] of CASES) {
    it(`is told of ${name}`, () => assert.equal(text(who(deciders)), expected));
  }

  const NOT_TOLD: readonly (readonly [string, readonly Decider[]])[] = [
    [
      'everybody in one family, some in the other',
      [user(`${PORT} -j ACCEPT`), user(`-s 2001:db8::5/128 ${PORT} -j ACCEPT`, 'ufw6-user-input')],
    ],
    ['everybody, yet not at all ports or in each family', [user(`${PORT} -j ACCEPT`), POLICY]],
    ['nobody that is named', [POLICY]],
    [
      'an address that a comment speaks of',
      [user(`${PORT} -m comment --comment "x -s 10.0.0.1 y" -j ACCEPT`), user(`-s 10.0.0.2/32 ${PORT} -j ACCEPT`)],
    ],
    [
      'a denial by the port that packets come from',
      [user(`${PORT} -j ACCEPT`), user(`-s 10.0.0.9/32 -p tcp -m tcp --sport 99 --dport 5432 -j DROP`)],
    ],
    [
      'a denial for one of the device’s own addresses',
      [user(`${PORT} -j ACCEPT`), user(`-s 10.0.0.9/32 -d 192.168.1.2/32 ${PORT} -j DROP`)],
    ],
    ['everybody else than an address', [user(`! -s 10.0.0.9/32 ${PORT} -j ACCEPT`), POLICY]],
    [
      'a list of addresses that only the kernel has',
      [user(`${PORT} -m set --match-set friends src -j ACCEPT`), POLICY],
    ],
    ['a chain that only some packets get to', [user(`${PORT} -j ACCEPT`), user('-s 10.0.0.9/32 -j DROP', 'mine')]],
    ['a pattern of interfaces', [user(`-i eth+ ${PORT} -j ACCEPT`), POLICY]],
  ];
  for (const [name, deciders] of NOT_TOLD) {
    it(`is not told of ${name}`, () => assert.equal(text(who(deciders)), UNCLEAR));
  }

  it('is not told of who is refused at one port of several: he gets through to the others', () => {
    const deciders = [user(`${PORT} -j ACCEPT`), user(`-s 10.0.0.9/32 ${PORT} -j DROP`)];
    for (const ports of [['5432/tcp', '5433/tcp'], ['5432'], ['5432:5433/tcp']]) {
      assert.equal(text(who(deciders, { ports })), UNCLEAR, ports.join());
    }
  });

  it('is told of what is limited, by the rules that limit it', () => {
    const limited = user('-j ACCEPT', 'ufw-user-limit-accept');
    const limited6 = user('-j ACCEPT', 'ufw6-user-limit-accept');
    const everybody = [limitFrom('0.0.0.0/0', '5432'), limitFrom('::/0', '5432', 'ipv6')];
    assert.equal(text(who([limited, limited6], { rules: everybody })), 'all  -  limited');
    const rules = [limitFrom('10.0.0.0/24', '5000:6000'), limitFrom('10.0.0.1', '22')];
    assert.equal(text(who([limited, POLICY], { rules })), 'some 10.0.0.0/24| -  limited');
    assert.equal(text(who([limited, POLICY])), 'unclear  -  limited');
  });

  it('is everybody where it is open', () => {
    assert.equal(text(who([user(`${PORT} -j ACCEPT`)], { state: 'open' })), 'all  - ');
  });
});
