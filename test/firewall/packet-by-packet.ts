/**
 * What the filter table does with one packet, read from the text that `iptables-save` prints: rule by rule as the kernel
 * goes, and with nothing of the package's own in it. What it does not know it refuses, so that nothing is taken for granted.
 */
import ipaddr from 'ipaddr.js';

/** The first packet of a connection, between the device and another host. */
export interface Packet {
  direction: 'in' | 'out';
  /** The interface it comes in or goes out by. */
  interface: string;
  protocol: 'tcp' | 'udp';
  /** The other host. */
  remote: string;
  /** The port it is for. */
  port: number;
}

const OTHER_PORT = 40_000;

interface Rule {
  tests: readonly ((packet: Packet) => boolean)[];
  /** Whether only so many packets are meant: the next one may be or not. */
  isLimited: boolean;
  target: string;
}

/** Whether the filter table lets a packet through. */
export function filterOf(save: string): (packet: Packet) => boolean {
  const policies = new Map<string, string>();
  const chains = new Map<string, Rule[]>();
  for (const line of save.split('\n')) {
    const [, chain = '', policy = ''] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (chain !== '') {
      chains.set(chain, []);
      if (policy !== '-') policies.set(chain, policy);
    } else if (line.startsWith('-A ')) {
      const [, name = '', spec = ''] = /^-A (\S+) ?(.*)$/.exec(line) ?? [];
      chains.get(name)?.push(ruleOf(spec));
    } else if (!/^(#.*|\*filter|COMMIT|)$/.test(line)) throw new Error(`unknown line: ${line}`);
  }
  const fate = (name: string, packet: Packet): 'ACCEPT' | 'DROP' | null => {
    const rules = chains.get(name);
    if (!rules) throw new Error(`there is no chain ${name}`);
    for (const { tests, isLimited, target } of rules) {
      if (target === '' || target === 'LOG' || !tests.every((test) => test(packet))) continue;
      if (isLimited) {
        if (fateOfTarget(target, packet) === null) continue;
        throw new Error(`${name}: a limit decides`);
      }
      if (target === 'RETURN') return null;
      const end = fateOfTarget(target, packet);
      if (end !== null) return end;
    }
    return null;
  };
  const fateOfTarget = (target: string, packet: Packet): 'ACCEPT' | 'DROP' | null => {
    if (target === 'ACCEPT') return 'ACCEPT';
    return target === 'DROP' || target === 'REJECT' ? 'DROP' : fate(target, packet);
  };
  return (packet) => {
    const hook = packet.direction === 'in' ? 'INPUT' : 'OUTPUT';
    return (fate(hook, packet) ?? policies.get(hook)) === 'ACCEPT';
  };
}

/** Lines come again and again. */
const known = new Map<string, Rule>();

function ruleOf(spec: string): Rule {
  const same = known.get(spec);
  if (same) return same;
  const rule: Rule = { tests: [], isLimited: false, target: '' };
  const tests: ((packet: Packet) => boolean)[] = [];
  const words = spec.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  let isNegated = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    const value = (): string => words[++at] as string;
    const add = (test: (packet: Packet) => boolean): void => {
      const wanted = !isNegated;
      isNegated = false;
      tests.push((packet) => test(packet) === wanted);
    };
    switch (word) {
      case '!':
        isNegated = true;
        break;
      case '-j':
        rule.target = value();
        break;
      case '-i':
      case '-o': {
        const name = value();
        const direction = word === '-i' ? 'in' : 'out';
        add((packet) => isNamed(name, packet.direction === direction ? packet.interface : ''));
        break;
      }
      case '-p': {
        const protocol = value();
        add((packet) => packet.protocol === protocol);
        break;
      }
      case '-s':
      case '-d': {
        const subnet = value();
        const isRemote = word === '-s' ? 'in' : 'out';
        add((packet) => isIn(subnet, packet.direction === isRemote ? packet.remote : ownAddress(packet.remote)));
        break;
      }
      case '--dport':
      case '--dports': {
        const isAmong = among(value());
        add(({ port }) => isAmong(port));
        break;
      }
      case '--sport':
      case '--sports': {
        const isMeant = among(value())(OTHER_PORT);
        add(() => isMeant);
        break;
      }
      case '--ctstate': {
        const states = value().split(',');
        add(() => states.includes('NEW'));
        break;
      }
      case '--dst-type': {
        const type = value();
        add(({ direction }) => type === (direction === 'in' ? 'LOCAL' : 'UNICAST'));
        break;
      }
      case '--icmp-type':
      case '--icmpv6-type':
      case '--rt-type':
        value();
        add(() => false);
        break;
      case '--hl-eq': {
        const hops = value();
        add(() => hops === '64');
        break;
      }
      // Nobody has sent enough packets yet.
      case '--update':
        add(() => false);
        break;
      case '--limit':
        value();
        rule.isLimited = true;
        break;
      case '-m':
      case '--limit-burst':
      case '--log-prefix':
      case '--reject-with':
      case '--seconds':
      case '--hitcount':
      case '--comment':
        value();
        break;
      case '--set':
        break;
      default:
        throw new Error(`unknown option ${word}: ${spec}`);
    }
  }
  rule.tests = tests;
  known.set(spec, rule);
  return rule;
}

const isNamed = (pattern: string, name: string): boolean =>
  pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

/** The test whether a port is one of a list of ports and ranges. */
function among(ports: string): (port: number) => boolean {
  const ranges = ports.split(',').map((part) => part.split(':').map(Number) as [number, number?]);
  return (port) => ranges.some(([from, to = from]) => from <= port && port <= to);
}

/** The device's own address, of the family of the other host's. */
const ownAddress = (remote: string): string => (remote.includes(':') ? '2001:db8:1::1' : '192.0.2.1');

const bits = new Map<string, string>();
function bitsOf(address: string): string {
  const same = bits.get(address);
  if (same !== undefined) return same;
  const bytes = ipaddr.parse(address).toByteArray();
  const text = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  bits.set(address, text);
  return text;
}

export function isIn(subnet: string, address: string): boolean {
  const [start = '', length] = subnet.split('/');
  const [a, b] = [bitsOf(start), bitsOf(address)];
  if (a.length !== b.length) return false;
  return length === undefined ? a === b : a.slice(0, Number(length)) === b.slice(0, Number(length));
}
