/** Whom a service is said to be open to: exactly whom the rules let through, and nobody where that cannot be said in a few words. */
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { check, settings } from '../../../firewall/messages';
import type { Who } from '../../../firewall/results';
import { rulesetIn } from '../../../firewall/state/kernel';
import { rulesetOf } from '../../../firewall/verdicts/from-texts';
import { whoGetsThrough } from '../../../firewall/verdicts/who';
import { MachineInMemory } from '../machine-in-memory';

const FAMILIES = ['ipv4', 'ipv6'] as const;

const text = ({ kind, only, except, isLimited }: Who): string => {
  const of = (list: Who['only']): string =>
    list
      .map(({ address, through }) => `${address}|${through}`)
      .sort()
      .join(' ');
  return `${kind} ${of(only)} - ${of(except)}${isLimited ? ' limited' : ''}`.replace(/ {2}/g, ' ');
};

/** @param commands of ufw, on a device as it is delivered */
async function toldAfter(
  commands: readonly string[],
  opens = ['5432/tcp'],
  direction: 'in' | 'out' = 'in',
): Promise<string> {
  const machine = await MachineInMemory.open(check(settings, { privilege: 'root' }));
  for (const command of commands) await machine.ufw(command);
  return text(whoGetsThrough(rulesetIn(machine.seen.kernel), FAMILIES, { opens }, direction));
}

const to = 'to any port 5432 proto tcp';

describe('Whom a service is open to', () => {
  const CASES: readonly (readonly [string, readonly string[], string])[] = [
    ['nobody', [], 'nobody - '],
    ['everybody', ['allow 5432/tcp'], 'all - '],
    ['everybody in IPv4', [`allow in from 0.0.0.0/0 ${to}`], 'some 0.0.0.0/0| - '],
    [
      'a subnet, in each family',
      [`allow in from 10.20.0.0/16 ${to}`, `allow in from 2001:db8::5 ${to}`],
      'some 10.20.0.0/16| 2001:db8::5| - ',
    ],
    [
      'all that are named, and not the first alone',
      [`allow in from 10.20.0.0/16 ${to}`, `allow in from 192.0.2.9 ${to}`, `allow in on eth1 from any ${to}`],
      'some 10.20.0.0/16| 192.0.2.9| |eth1 - ',
    ],
    ['an interface, in both families once', [`allow in on eth0 from any ${to}`], 'some |eth0 - '],
    ['an address at an interface', [`allow in on eth1 from 10.0.0.9 ${to}`], 'some 10.0.0.9|eth1 - '],
    ['everybody but one', [`deny in from 10.0.0.9 ${to}`, 'allow 5432/tcp'], 'all - 10.0.0.9|'],
    ['everybody, as who is denied later got in before', ['allow 5432/tcp', `deny in from 10.0.0.9 ${to}`], 'all - '],
    [
      'a subnet but one of it',
      [`reject in from 10.20.0.9 ${to}`, `allow in from 10.20.0.0/16 ${to}`],
      'some 10.20.0.0/16| - 10.20.0.9|',
    ],
    [
      'an interface, for one who is denied elsewhere too',
      [`allow in on eth0 from any ${to}`, `deny in from 10.0.0.0/24 ${to}`],
      'some |eth0 - ',
    ],
    [
      'those of one interface in one family, and everybody in the other',
      [`deny in on eth0 from ::/0 ${to}`, `allow in from 0.0.0.0/0 ${to}`, `allow in from ::/0 ${to}`],
      'all - ::/0|eth0',
    ],
    ['whoever does not come too often', ['limit 5432/tcp'], 'all - limited'],
    ['some who do not come too often', [`limit in from 10.0.0.0/24 ${to}`], 'some 10.0.0.0/24| - limited'],
  ];
  for (const [name, commands, told] of CASES)
    it(`is told of ${name}`, async () => assert.equal(await toldAfter(commands), told));

  it('is told of who is reached, too', async () => {
    const out = ['default deny outgoing', 'allow out from any to 10.0.0.9 port 502 proto tcp'];
    // The rule of the factory lets it out to everybody.
    assert.equal(await toldAfter([...out], ['502/tcp'], 'out'), 'all - ');
    assert.equal(await toldAfter([...out, 'delete allow out 502/tcp'], ['502/tcp'], 'out'), 'some 10.0.0.9| - ');
  });

  it('is not told where one gets in to one of its ports alone', async () => {
    const two = ['5432/tcp', '5433/tcp'];
    assert.equal(await toldAfter([`allow in from 10.0.0.9 ${to}`], two), 'unclear - ');
    const both = [`allow in from 10.0.0.9 ${to}`, 'allow in from 10.0.0.9 to any port 5433 proto tcp'];
    assert.equal(await toldAfter(both, two), 'some 10.0.0.9| - ');
    assert.equal(await toldAfter([`allow in from 10.0.0.9 ${to}`], ['5432']), 'unclear - ');
  });

  const PORT = '-p tcp -m tcp --dport 5432';
  const NOT_TOLD: readonly (readonly [string, readonly string[]])[] = [
    [
      'a denial by the port that packets come from',
      ['-p tcp -m tcp --sport 99 --dport 5432 -j DROP', `${PORT} -j ACCEPT`],
    ],
    ['everybody else than an address', [`! -s 10.0.0.9/32 ${PORT} -j ACCEPT`]],
    ['a list of addresses that only the kernel has', [`${PORT} -m set --match-set friends src -j ACCEPT`]],
    ['a pattern of interfaces', [`-i eth+ ${PORT} -j ACCEPT`]],
    ['a range of addresses', [`-m iprange --src-range 10.0.0.1-10.0.0.9 ${PORT} -j ACCEPT`]],
    [
      'more places than anybody would read',
      Array.from({ length: 70 }, (_, at) => `-s 10.0.${at}.0/24 ${PORT} -j ACCEPT`),
    ],
  ];
  const inKernel = (rules: readonly string[], policy = 'DROP'): string => {
    const save = `*filter\n:INPUT ${policy} [0:0]\n${rules.map((rule) => `-A INPUT ${rule}`).join('\n')}\nCOMMIT\n`;
    const ruleset = rulesetOf([{ family: 'ipv4', save, beside: '' }], '');
    return text(whoGetsThrough(ruleset, ['ipv4'], { opens: ['5432/tcp'] }, 'in'));
  };
  for (const [name, rules] of NOT_TOLD) it(`is not told of ${name}`, () => assert.equal(inKernel(rules), 'unclear - '));

  it('is read from the rules, and not from what comments say', () => {
    const rules = [`${PORT} -m comment --comment "x -s 10.0.0.1 y" -j ACCEPT`];
    assert.equal(inKernel(rules), 'all - ');
    assert.equal(
      inKernel([`-s 10.0.0.1/32 ${PORT} -m comment --comment "-s 10.0.0.2" -j ACCEPT`]),
      'some 10.0.0.1| - ',
    );
  });

  it('is told of what other programs decide', () => {
    assert.equal(inKernel([`-s 10.0.0.1/32 ${PORT} -j DROP`], 'ACCEPT'), 'all - 10.0.0.1|');
  });
});
