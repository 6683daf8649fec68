/** Rule files read and written; verdicts and widenings held against single packets. */

import { strict as assert } from 'node:assert';
import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { describe, it } from 'mocha';
import { portRanges } from '../../../firewall/rules/ports';
import { type Family, makeRule, type Rule } from '../../../firewall/rules/rule';
import { canonicalFile, formatRuleFile, parseRuleFile, rulesOf, withRules } from '../../../firewall/rules/rule-file';
import { parseTuple } from '../../../firewall/rules/tuple';
import { addressSet } from '../../../firewall/verdicts/boxes';
import {
  boxesOf,
  chainOfRules,
  decide,
  LEVEL,
  levelOf,
  otherwiseDecided,
  within,
} from '../../../firewall/verdicts/packets';
import { SEED } from '../../seed';
import { type Command, command, Random } from '../commands';
import { widening } from '../tuple-widening';

const RUNS = 300;
const POLICIES = { incoming: 'deny', outgoing: 'deny', routed: 'deny' } as const;
const SETTINGS = { enabled: true, ipv6: true, logging: 'low', policies: POLICIES, disputed: [] } as const;

/** Rules as generated ufw commands would leave them; of one family. */
function someRules(random: Random, family: Family, most: number): Rule[] {
  const known: Command[] = [];
  for (let left = random.below(most) + 1; left > 0; left--) known.push(command(random, [], { ipv4: 0, ipv6: 0 }));
  return known.flatMap(({ edits }) => edits.map(({ rule }) => rule)).filter((rule) => rule.family === family);
}

describe(`A rule file (from seed ${SEED})`, () => {
  it(`of ${RUNS} generated rule sets is read as it was written, and written as it was read`, () => {
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(SEED + run);
      const family = random.pick(['ipv4', 'ipv6'] as const);
      const rules = someRules(random, family, 12);
      const text = formatRuleFile(withRules(canonicalFile(family, SETTINGS), rules));
      const file = parseRuleFile(text, family, 'user.rules');
      assert.deepEqual(rulesOf(file), rules, `seed ${SEED + run}`);
      assert.equal(formatRuleFile(file), text, `seed ${SEED + run}`);
    }
  });

  it('keeps what stands between rules when rules around it go, come and move', () => {
    const rules = ['22', '80', '443'].map((dport) => makeRule('ipv4', { protocol: 'tcp', dport }));
    const clean = formatRuleFile(withRules(canonicalFile('ipv4', SETTINGS), rules));
    const odd = '# somebody was here \u00e4\n';
    const file = parseRuleFile(
      clean.replace('\n### tuple ### allow tcp 443', `\n${odd}\n### tuple ### allow tcp 443`),
      'ipv4',
      'x',
    );
    const [ssh, http, https] = rulesOf(file) as [Rule, Rule, Rule];
    for (const list of [[https], [ssh, https], [https, ssh], [], [makeRule('ipv4'), http]]) {
      assert.ok(formatRuleFile(withRules(file, list)).includes(odd), JSON.stringify(list.map(({ dport }) => dport)));
    }
    assert.equal(formatRuleFile(withRules(file, [ssh, http, https])), formatRuleFile(file));
  });

  it('has tuples of old releases, with six and eight fields', () => {
    const six = parseTuple('### tuple ### allow tcp 22 0.0.0.0/0 any 10.0.0.0/8', 'ipv4');
    assert.deepEqual(six, makeRule('ipv4', { protocol: 'tcp', dport: '22', src: '10.0.0.0/8' }));
    const eight = parseTuple('### tuple ### deny_log udp 137,138 0.0.0.0/0 any 0.0.0.0/0 Two%20Sets -', 'ipv4');
    assert.deepEqual(
      eight,
      makeRule('ipv4', { action: 'deny', log: 'log', protocol: 'udp', dport: '137,138', dapp: 'Two Sets' }),
    );
  });

  it('does not take for a tuple what ufw would skip', () => {
    const bad = [
      'allow tcp 22',
      'allow tcp 0 any any any in',
      'allow tcp 70000 0.0.0.0/0 any 0.0.0.0/0 in',
      'permit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in',
      'allow icmp any 0.0.0.0/0 any 0.0.0.0/0 in',
      'allow any 80,81 0.0.0.0/0 any 0.0.0.0/0 in',
      'allow tcp 22 10.0.0.0/33 any 0.0.0.0/0 in',
      'allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 up_eth0',
      'allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=xyz',
      'allow tcp 9:3 0.0.0.0/0 any 0.0.0.0/0 in',
    ];
    for (const text of bad) assert.equal(parseTuple(`### tuple ### ${text}`, 'ipv4'), null, text);
  });
});

interface Packet {
  protocol: 'tcp' | 'udp';
  dport: number;
  sport: number;
  src: string;
  dst: string;
  on: string;
}

/** First match, told a second time and simply: the reference that the packet sets are held against. */
function passes(rules: readonly Rule[], packet: Packet): number {
  const inSet = (text: string, address: string): boolean => {
    if (text === '0.0.0.0/0') return true;
    const [net = '', bits] = text.split('/');
    return bits === undefined
      ? net === address
      : ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parse(net), Number(bits));
  };
  const hasPort = (ports: string, port: number): boolean =>
    portRanges(ports).some(([first, last]) => port >= first && port <= last);
  const rule = rules.find(
    (one) =>
      (one.protocol === 'any' || one.protocol === packet.protocol) &&
      hasPort(one.dport, packet.dport) &&
      hasPort(one.sport, packet.sport) &&
      inSet(one.src, packet.src) &&
      inSet(one.dst, packet.dst) &&
      (one.interfaceIn === '' ||
        one.interfaceIn === packet.on ||
        (one.interfaceIn === 'eth+' && packet.on.startsWith('eth'))),
  );
  return rule ? LEVEL[rule.action] : LEVEL.deny;
}

const somePacket = (random: Random): Packet => ({
  protocol: random.pick(['tcp', 'udp']),
  dport: random.pick([1, 5, 22, 53, 80, 85, 443, 1500, 1640, 8080, 65535]),
  sport: random.pick([22, 80, 1024, 1500, 60000]),
  src: random.pick(['10.0.0.1', '10.9.9.9', '192.168.1.7', '172.16.3.4', '203.0.113.7', '8.8.8.8']),
  dst: random.pick(['10.0.0.1', '192.168.1.7', '172.16.3.4', '203.0.113.7', '198.51.100.1']),
  on: random.pick(['eth0', 'eth1', 'ip70', 'wlan0']),
});

/** The packet as a region of one. */
function regionOfPacket({ protocol, dport, sport, src, dst, on }: Packet) {
  const [box] = boxesOf(
    makeRule('ipv4', { protocol, dport: String(dport), sport: String(sport), src, dst, interfaceIn: on }),
  );
  assert.ok(box && isIPv4(src) && addressSet(src, 'ipv4'));
  return box;
}

describe(`What a list of rules lets through (from seed ${SEED})`, () => {
  const incoming = (rules: readonly Rule[]) =>
    rules.filter((rule) => !rule.routed && rule.direction === 'in' && rule.interfaceOut === '');

  it(`is what first match says, for ${RUNS} lists and packets, and for whole ports`, () => {
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(SEED + run);
      const rules = incoming(someRules(random, 'ipv4', 14));
      const chain = chainOfRules(rules, LEVEL.deny);
      for (let left = 20; left > 0; left--) {
        const packet = somePacket(random);
        const expected = passes(rules, packet);
        assert.equal(levelOf(regionOfPacket(packet), chain), expected, `seed ${SEED + run} ${JSON.stringify(packet)}`);
        const [port] = boxesOf(makeRule('ipv4', { protocol: packet.protocol, dport: String(packet.dport) }));
        const whole = levelOf(port as NonNullable<typeof port>, chain);
        if (whole !== 'mixed')
          assert.equal(whole, expected, `seed ${SEED + run}: all of port ${packet.dport} is ${whole}`);
      }
    }
  });

  it('is the same whether all rules are asked, those that touch a port, or every packet of it is listed', () => {
    let even = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(SEED + run);
      const chain = chainOfRules(incoming(someRules(random, 'ipv4', 14)), random.pick([LEVEL.deny, LEVEL.allow]));
      const dport = random.pick(['22', '80', '443', '1628:1645', 'any']);
      const [region] = boxesOf(
        makeRule('ipv4', { protocol: 'tcp', dport, src: random.pick(['0.0.0.0/0', '10.0.0.0/8']) }),
      );
      assert.ok(region);
      const parts = [...decide(region, chain)];
      const levels = new Set(parts.map(({ level }) => level));
      const level = levelOf(region, within(region, chain));
      assert.equal(level, levelOf(region, chain), `seed ${SEED + run}`);
      if (level !== 'mixed') assert.deepEqual([...levels], [level], `seed ${SEED + run}`);
      if (level !== 'mixed') even++;
      for (const wanted of [LEVEL.deny, LEVEL.allow]) {
        const others = new Set(parts.filter((part) => part.level !== wanted).map(({ rule }) => rule));
        const first = chain.deciders.find(({ rule }) => others.has(rule))?.rule;
        const expected = others.size === 0 ? undefined : (first ?? null);
        assert.equal(otherwiseDecided(region, within(region, chain), wanted), expected, `seed ${SEED + run}`);
      }
    }
    assert.ok(even > 10 && even < RUNS, `${even} of ${RUNS} were even`);
  });

  it('is wider than before only where some packet says so, and never unnoticed', () => {
    let wider = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(SEED + run);
      const before = incoming(someRules(random, 'ipv4', 8));
      const after = random.chance(0.5)
        ? before.filter(() => random.chance(0.7))
        : [...incoming(someRules(random, 'ipv4', 2)), ...before];
      const found = widening({ rules: before, policies: POLICIES }, { rules: after, policies: POLICIES });
      if (found !== null) wider++;
      for (let left = 60; left > 0; left--) {
        const packet = somePacket(random);
        const grew = passes(after, packet) > passes(before, packet);
        assert.ok(!grew || found !== null, `seed ${SEED + run}: ${JSON.stringify(packet)} gets in now, unnoticed`);
      }
    }
    assert.ok(wider > 10 && wider < RUNS, `${wider} of ${RUNS} were wider`);
  });
});
