/**
 * Devices on which other programs have rules, in the form in which those programs make them: what a neighbour gets in to is
 * what the verdicts say, before a lockdown, after it and after it is undone; and what is the others' stays as it was.
 */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { cables } from '../../device/network';
import { useDevice, useEngine } from '../../device/suite';
import { holdAgainstProbes, listenOnAll } from './held-against-probes';

/** The neighbour at the first cable, the networks at the second, where a program's own interface would be. */
const BANNED = cables.eth0.neighbour;
const TUNNEL = 'eth1';

interface Program {
  /** What it loads, the way it does. */
  steps: readonly { argv: readonly string[]; input?: string }[];
  /** What it puts behind ufw's after rules. */
  afterRules?: string;
  /** The owner and the services that a lockdown names, because the program lets packets in to them; null for none. */
  letsIn: { owner: string; service: string } | null;
}

const iptables = (lines: readonly string[], program = 'iptables') => ({
  argv: [`${program}-restore`, '-n'],
  input: `${lines.join('\n')}\n`,
});
const nft = (input: string) => ({ argv: ['nft', '-f', '-'], input });

const PROGRAMS: Readonly<Record<string, Program>> = {
  'fail2ban, by iptables': {
    steps: [
      ...(['iptables', 'ip6tables'] as const).map((program) =>
        iptables(
          [
            ...['*filter', ':f2b-sshd - [0:0]', '-I INPUT -p tcp -m multiport --dports 22 -j f2b-sshd'],
            `-A f2b-sshd -s ${BANNED[program === 'iptables' ? 'ipv4' : 'ipv6']} -j REJECT`,
            ...['-A f2b-sshd -j RETURN', 'COMMIT'],
          ],
          program,
        ),
      ),
    ],
    letsIn: null,
  },
  'fail2ban, by nftables': {
    steps: [
      nft(`table inet f2b-table {
        set addr-set-sshd { type ipv4_addr; elements = { ${BANNED.ipv4} } }
        set addr6-set-sshd { type ipv6_addr; elements = { ${BANNED.ipv6} } }
        chain f2b-chain {
          type filter hook input priority -1; policy accept;
          tcp dport { 22 } ip saddr @addr-set-sshd reject with icmp port-unreachable
          tcp dport { 22 } ip6 saddr @addr6-set-sshd reject with icmpv6 port-unreachable
        }
      }`),
    ],
    letsIn: null,
  },
  Tailscale: {
    steps: [
      iptables([
        ...['*filter', ':ts-input - [0:0]', ':ts-forward - [0:0]', '-I INPUT -j ts-input', '-I FORWARD -j ts-forward'],
        ...[
          '-A ts-input -s 100.101.102.103/32 -i lo -j ACCEPT',
          `-A ts-input -s 100.115.92.0/23 ! -i ${TUNNEL} -j RETURN`,
        ],
        `-A ts-input -s 100.64.0.0/10 ! -i ${TUNNEL} -j DROP`,
        ...[`-A ts-input -i ${TUNNEL} -j ACCEPT`, '-A ts-input -p udp -m udp --dport 41641 -j ACCEPT'],
        `-A ts-forward -i ${TUNNEL} -j MARK --set-xmark 0x40000/0xff0000`,
        '-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT',
        ...[`-A ts-forward -s 100.64.0.0/10 -o ${TUNNEL} -j DROP`, `-A ts-forward -o ${TUNNEL} -j ACCEPT`, 'COMMIT'],
        ...['*nat', ':ts-postrouting - [0:0]', '-A POSTROUTING -j ts-postrouting'],
        ...['-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE', 'COMMIT'],
      ]),
    ],
    letsIn: { owner: 'Tailscale', service: 'ssh' },
  },
  Docker: {
    steps: [
      iptables([
        ...['*nat', ':DOCKER - [0:0]', '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER'],
        '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
        '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
        ...[
          '-A DOCKER -i docker0 -j RETURN',
          '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
        ],
        ...['COMMIT', '*filter', ':DOCKER - [0:0]', ':DOCKER-USER - [0:0]', ':DOCKER-ISOLATION-STAGE-1 - [0:0]'],
        ...[':DOCKER-ISOLATION-STAGE-2 - [0:0]', '-A FORWARD -j DOCKER-USER', '-A FORWARD -j DOCKER-ISOLATION-STAGE-1'],
        ...[
          '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
          '-A FORWARD -o docker0 -j DOCKER',
        ],
        ...['-A FORWARD -i docker0 ! -o docker0 -j ACCEPT', '-A FORWARD -i docker0 -o docker0 -j ACCEPT'],
        '-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
        '-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
        ...['-A DOCKER-ISOLATION-STAGE-1 -j RETURN', '-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP'],
        ...['-A DOCKER-ISOLATION-STAGE-2 -j RETURN', '-A DOCKER-USER -j RETURN', 'COMMIT'],
      ]),
    ],
    letsIn: null,
  },
  'ufw-docker': {
    steps: [],
    afterRules: [
      ...['*filter', ':ufw-user-forward - [0:0]', ':ufw-docker-logging-deny - [0:0]', ':DOCKER-USER - [0:0]'],
      ...['-A DOCKER-USER -j ufw-user-forward', '-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN'],
      ...['-A DOCKER-USER -m conntrack --ctstate INVALID -j DROP', '-A DOCKER-USER -i docker0 -o docker0 -j ACCEPT'],
      ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((subnet) => `-A DOCKER-USER -j RETURN -s ${subnet}`),
      ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(
        (subnet) => `-A DOCKER-USER -j ufw-docker-logging-deny -m conntrack --ctstate NEW -d ${subnet}`,
      ),
      ...['-A DOCKER-USER -j RETURN', '-A ufw-docker-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG'],
      ...['-A ufw-docker-logging-deny -j DROP', 'COMMIT', ''],
    ].join('\n'),
    letsIn: null,
  },
  'CrowdSec’s bouncer': {
    steps: [
      nft(`table ip crowdsec {
        set crowdsec-blacklists { type ipv4_addr; flags timeout; elements = { ${BANNED.ipv4} timeout 4h } }
        chain crowdsec-chain-input {
          type filter hook input priority filter - 10; policy accept;
          ip saddr @crowdsec-blacklists counter drop
        }
      }
      table ip6 crowdsec6 {
        set crowdsec6-blacklists { type ipv6_addr; flags timeout; elements = { ${BANNED.ipv6} timeout 4h } }
        chain crowdsec6-chain-input {
          type filter hook input priority filter - 10; policy accept;
          ip6 saddr @crowdsec6-blacklists counter drop
        }
      }`),
    ],
    letsIn: null,
  },
  'WireGuard, by wg-quick': {
    steps: [
      iptables([
        '*raw',
        `-I PREROUTING ! -i wg0 -d ${cables.eth1.device.ipv4}/32 -m addrtype ! --src-type LOCAL -m comment --comment "wg-quick(8) rule for wg0" -j DROP`,
        ...['COMMIT', '*mangle'],
        '-I POSTROUTING -m mark --mark 0xca6c -p udp -m comment --comment "wg-quick(8) rule for wg0" -j CONNMARK --save-mark',
        '-I PREROUTING -p udp -m comment --comment "wg-quick(8) rule for wg0" -j CONNMARK --restore-mark',
        ...['COMMIT', '*filter', '-A FORWARD -i wg0 -j ACCEPT', 'COMMIT'],
        ...['*nat', '-A POSTROUTING -o eth0 -j MASQUERADE', 'COMMIT'],
      ]),
    ],
    letsIn: null,
  },
};

describe('On a device with the rules of', function () {
  this.timeout(180_000);
  const device = useDevice();
  const engine = useEngine(device);
  const AFTER = '/etc/ufw/after.rules';
  let shipped = '';
  let clean: string[] = [];

  const saves = () => Promise.all(['iptables-save', 'ip6tables-save'].map((program) => device.ok(program)));
  /** All that is not ufw's, in its order. */
  const ofOthers = async (): Promise<string> => {
    const lines = (await saves()).flatMap((text) => text.split('\n'));
    const own = lines.filter((line) => /^-A/.test(line) && !/^-A ufw6?-|-j ufw6?-(?!docker)/.test(line));
    const tables = (await device.ok('nft', 'list', 'ruleset')).split(/\n(?=table )/);
    const natives = tables.filter((text) => /^table \S+ (f2b|crowdsec)/.test(text));
    return [...own, ...natives].join('\n').replace(/counter packets \d+ bytes \d+|expires \S+/g, '');
  };

  before(async () => {
    await listenOnAll(device);
    shipped = await device.read(AFTER);
    clean = await saves();
  });

  for (const [name, { steps, afterRules, letsIn }] of Object.entries(PROGRAMS)) {
    it(`${name}: what gets in is what is said, and a lockdown leaves them alone`, async () => {
      await device.ok('nft', 'flush', 'ruleset');
      for (const [at, program] of ['iptables-restore', 'ip6tables-restore'].entries()) {
        const { code, stderr } = await device.run([program], { input: clean[at] ?? '' });
        assert.equal(code, 0, stderr);
      }
      if (afterRules !== undefined) {
        await device.write(AFTER, `${shipped}${afterRules}`);
        await device.ufw('reload');
      }
      for (const { argv, input } of steps) {
        const { code, stderr } = await device.run([...argv], { input: input ?? '' });
        assert.equal(code, 0, `${stderr}\n${input}`);
      }
      const others = await ofOthers();
      await holdAgainstProbes(device, 'in', `${name}, before`);
      const { stillOpen, warnings, state } = await engine.setProfile({ profile: 'lockdown' });
      await holdAgainstProbes(device, 'in', `${name}, locked down`);
      await holdAgainstProbes(device, 'out', `${name}, locked down`);
      assert.equal(await ofOthers(), others);
      const owners = new Set(stillOpen.flatMap(({ decidedBy }) => decidedBy.map(({ owner }) => owner)));
      if (letsIn) {
        assert.deepEqual([...owners], [letsIn.owner]);
        assert.ok(stillOpen.some(({ service }) => service === letsIn.service));
        assert.match(warnings.join('\n'), new RegExp(`${letsIn.owner}.*Have it removed by ${letsIn.owner}`));
        assert.notEqual(state.services.find(({ id }) => id === letsIn.service)?.in, 'closed');
      } else assert.deepEqual(stillOpen, []);
      const undone = await engine.restore({ action: 'undo' });
      assert.equal(undone.changed, true);
      await holdAgainstProbes(device, 'in', `${name}, undone`);
      assert.equal(await ofOthers(), others);
      await device.write(AFTER, shipped);
    });
  }
});
