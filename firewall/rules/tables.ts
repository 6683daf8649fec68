/**
 * iptables' tables as text: what ufw's files would load, what the kernel holds, and whether the two are the same.
 * Both are read into chains of lines; lines are compared in a canonical form, because `iptables-save` prints a rule with
 * other option order, defaults and synonyms than ufw's files use.
 */

/** The chains of the filter table: the lines of each without `-A CHAIN `, and the policies of the built-in ones. */
export interface Table {
  chains: Map<string, string[]>;
  policies: Map<string, string>;
}

/**
 * What `iptables-restore -n` makes of a text, starting from a table: a declared chain is emptied, `-A` appends, `-I`
 * puts in front. Only the filter table counts.
 */
export function restored(text: string, start: Table = { chains: new Map(), policies: new Map() }): Table {
  const chains = new Map(start.chains);
  const policies = new Map(start.policies);
  const own = new Set<string>();
  const chainFor = (name: string): string[] => {
    // Lists of the start table are copied before the first change.
    if (!own.has(name)) chains.set(name, [...(chains.get(name) ?? [])]);
    own.add(name);
    return chains.get(name) as string[];
  };
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    if (table !== 'filter') continue;
    if (line.startsWith(':')) {
      const [name = '', policy = '-'] = line.slice(1).split(' ');
      if (policy === '-') {
        chains.set(name, []);
        own.add(name);
      } else {
        policies.set(name, policy);
        if (!chains.has(name)) chains.set(name, []);
      }
    } else if (line.startsWith('-A ') || line.startsWith('-I ')) {
      const space = line.indexOf(' ', 3);
      const name = space < 0 ? line.slice(3) : line.slice(3, space);
      const spec = space < 0 ? '' : line.slice(space + 1);
      if (line[1] === 'A') chainFor(name).push(spec);
      else chainFor(name).unshift(spec);
    }
  }
  return { chains, policies };
}

const PROTOCOL_MATCH = / -m (?:tcp|udp)\b/;

/** Where two lists of rule specs first mean something else to the kernel; -1 where they are the same. */
export function firstDifference(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [one, other] = [a[at], b[at]];
    if (one === other) continue;
    if (one === undefined || other === undefined) return at;
    // What iptables-save adds to most of ufw's lines; the long way round only for the others.
    if (one === other.replace(PROTOCOL_MATCH, '')) continue;
    if (canonical(one) !== canonical(other)) return at;
  }
  return -1;
}

const SYNONYMS: Readonly<Record<string, string>> = {
  '--protocol': '-p',
  '--source': '-s',
  '--src': '-s',
  '--destination': '-d',
  '--dst': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--jump': '-j',
  '--goto': '-g',
  '--state': '--ctstate',
  '--source-port': '--sport',
  '--destination-port': '--dport',
  '--source-ports': '--sports',
  '--destination-ports': '--dports',
};

/** iptables' names of ICMP types that ufw's before rules use. Source: iptables 1.8 `libxt_icmp.h`. */
const ICMP_TYPES: Readonly<Record<string, string>> = {
  'echo-reply': '0',
  'destination-unreachable': '3',
  'source-quench': '4',
  redirect: '5',
  'echo-request': '8',
  'time-exceeded': '11',
  'parameter-problem': '12',
};
const ICMPV6_TYPES: Readonly<Record<string, string>> = {
  'destination-unreachable': '1',
  'packet-too-big': '2',
  'time-exceeded': '3',
  'parameter-problem': '4',
  'echo-request': '128',
  'echo-reply': '129',
  'router-solicitation': '133',
  'router-advertisement': '134',
  'neighbor-solicitation': '135',
  'neighbour-solicitation': '135',
  'neighbor-advertisement': '136',
  'neighbour-advertisement': '136',
};

/** Options that `iptables-save` prints although they are the default. */
const DEFAULTS = new Set([
  '--name DEFAULT',
  '--mask 255.255.255.255',
  '--mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '--rsource',
  '--reject-with icmp-port-unreachable',
  '--reject-with icmp6-port-unreachable',
  '--limit-burst 5',
  '--log-level 4',
  '--log-level warning',
  '-s 0.0.0.0/0',
  '-s ::/0',
  '-d 0.0.0.0/0',
  '-d ::/0',
  '-p all',
]);

/** Of lines that differ from the kernel's only in form; they are compared with every reading. */
const canonicalForms = new Map<string, string>();
const MOST_FORMS = 20_000;

/** A rule spec with its options sorted, module loads left out and synonyms and defaults resolved. */
export function canonical(spec: string): string {
  const known = canonicalForms.get(spec);
  if (known !== undefined) return known;
  const form = canonicalForm(spec);
  if (canonicalForms.size >= MOST_FORMS) canonicalForms.clear();
  canonicalForms.set(spec, form);
  return form;
}

function canonicalForm(spec: string): string {
  const options: string[] = [];
  let current: string[] = [];
  let negated = false;
  const flush = (): void => {
    if (current.length > 0) options.push(...resolve(current, negated));
    current = [];
    negated = false;
  };
  for (const token of tokens(spec)) {
    if (token === '!') {
      flush();
      negated = true;
    } else if (token.startsWith('-') && token.length > 1) {
      if (current.length > 0) flush();
      current = [SYNONYMS[token] ?? token];
    } else current.push(token);
  }
  flush();
  return options.sort().join(' ');
}

function resolve([option = '', ...values]: readonly string[], negated: boolean): string[] {
  // A module is loaded by the options that use it; the order of loads means nothing.
  if (option === '-m') return [];
  const text = [option, ...values.map((value) => resolveValue(option, value))].join(' ');
  if (DEFAULTS.has(text)) return [];
  return [negated ? `! ${text}` : text];
}

function resolveValue(option: string, value: string): string {
  switch (option) {
    case '-s':
    case '-d':
      // All bits of an IPv4 address, or of an IPv6 one, of which the first 32 are a network.
      return value.toLowerCase().replace(/(?<=\.\d+)\/(32|255\.255\.255\.255)$|\/128$/, '');
    case '-p':
      return value === 'icmpv6' ? 'ipv6-icmp' : value;
    case '--ctstate':
      return value.split(',').sort().join(',');
    case '--icmp-type':
      return ICMP_TYPES[value] ?? value;
    case '--icmpv6-type':
      return ICMPV6_TYPES[value] ?? value;
    case '--comment':
      // The single quotes around ufw's own comments are part of the comment to some versions of iptables-restore.
      return value.replace(/^'(.*)'$/, '$1');
    case '--limit':
      return value.replace(/\/(sec|min|hour|day).*$/, '/$1');
    default:
      return value;
  }
}

/** Splits at spaces outside quotes; a quoted token keeps its spaces and loses its quotes. */
function tokens(spec: string): string[] {
  if (!spec.includes('"') && !spec.includes("'")) return spec.split(' ').filter((token) => token !== '');
  return (spec.match(/"(?:\\.|[^"\\])*"|'[^']*'|\S+/g) ?? []).map((token) =>
    /^(".*"|'.*')$/.test(token) ? token.slice(1, -1).replace(/\\(.)/g, '$1') : token,
  );
}
