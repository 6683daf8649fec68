/**
 * iptables' tables as text: what ufw's files would load, what the kernel holds, and whether the two are the same.
 * `iptables-save` prints a rule with other option order, defaults and synonyms than ufw's files use. What ufw itself writes
 * is compared here; of anything else it is only said that it differs, and iptables itself has to say whether it does.
 */

/** The chains of the filter table: the lines of each without `-A CHAIN `, and the policies of the built-in ones. */
export interface Table {
  chains: Map<string, string[]>;
  policies: Map<string, string>;
}

/** A line that adds a rule, perhaps with its counters before it: command, chain, and the rest. */
const ADDITION = /^(?:\[\d+:\d+\]\s*)?(-A|--append|-I|--insert)\s+(\S+)\s*(.*)$/;

/**
 * What `iptables-restore -n` makes of a text, starting from a table: a declared chain is emptied, `-A` appends, `-I`
 * puts in front or where it says. Only the filter table counts. Any other command becomes a line of its chain that no
 * kernel ever holds, so that what it does is never taken for done.
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
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line.startsWith('*')) table = line.slice(1);
    if (table !== 'filter' || line === '' || line === 'COMMIT' || /^[*#]/.test(line)) continue;
    if (line.startsWith(':')) {
      const [name = '', policy = '-'] = line.slice(1).split(/\s+/);
      if (policy === '-') {
        chains.set(name, []);
        own.add(name);
      } else {
        policies.set(name, policy);
        if (!chains.has(name)) chains.set(name, []);
      }
      continue;
    }
    const [, command, name, rest = ''] = ADDITION.exec(line) ?? [];
    if (command === undefined || name === undefined) chainFor(chainNamed(line) ?? '').push(line);
    else if (command === '-A' || command === '--append') chainFor(name).push(rest);
    else {
      const [, place = '1', spec = rest] = /^(\d+)(?:\s+(.*))?$/.exec(rest) ?? [];
      chainFor(name).splice(Number(place) - 1, 0, spec);
    }
  }
  return { chains, policies };
}

/** The chain that a line of a rule file fills or changes; null where it names none, or none that can be told. */
export function chainNamed(line: string): string | null {
  return /(?:^|\s)-(?:[AIDRFNXZPE]|-(?:append|insert|delete|replace|flush))\s+"?([^\s"]+)/.exec(line)?.[1] ?? null;
}

/** What iptables-save adds to most of ufw's lines. */
const PROTOCOL_MATCH = /^((?:-[sdio] \S+ )*-p (tcp|udp)) -m \2 (?=--[sd]port )/;

/** Where two lists of rule specs first differ, as far as can be told here; -1 where they mean the same to the kernel. */
export function firstDifference(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [one, other] = [a[at], b[at]];
    if (one === other) continue;
    if (one === undefined || other === undefined) return at;
    // The long way round only for the others.
    if (one === other.replace(PROTOCOL_MATCH, '$1 ')) continue;
    if (canonical(one) !== canonical(other)) return at;
  }
  return -1;
}

/** Of lines that differ from the kernel's only in form; they are compared with every reading. */
const canonicalForms = new Map<string, string>();
const MOST_FORMS = 20_000;

/**
 * A rule spec in a form that is the same for specs in which ufw and iptables-save write the same rule. A spec with anything
 * else in it than what ufw writes is its own form: two forms that are equal mean the same, but not the other way round.
 */
export function canonical(spec: string): string {
  const known = canonicalForms.get(spec);
  if (known !== undefined) return known;
  const form = meaningOf(spec) ?? spec;
  if (canonicalForms.size >= MOST_FORMS) canonicalForms.clear();
  canonicalForms.set(spec, form);
  return form;
}

/** iptables' names of ICMP types that ufw's before rules use. Source: iptables 1.8 `libxt_icmp.h`. */
const ICMP_TYPES: Readonly<Record<string, string>> = {
  'destination-unreachable': '3',
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
  'neighbor-advertisement': '136',
};

interface Option {
  /** What it belongs to: the rule itself, the target, the match of the rule's protocol, or the match of that name. */
  of: string;
  /** Its value in the form that iptables-save prints; left out for an option without one. */
  form?: (value: string) => string;
  /** What iptables-save prints although it need not be said. */
  defaults?: readonly string[];
}

const same = (value: string): string => value;
const states = (value: string): string => value.split(',').sort().join(',');
/** One address of either family, with all its bits. */
const withoutFullMask = (value: string): string => value.replace(/(?<=^[\d.]+)\/32$|(?<=:.*)\/128$/, '');

/** The options that ufw writes into its files, and those that iptables-save prints of them. */
const OPTIONS: Readonly<Record<string, Option>> = {
  '-s': { of: 'rule', form: withoutFullMask },
  '-d': { of: 'rule', form: withoutFullMask },
  '-i': { of: 'rule', form: same },
  '-o': { of: 'rule', form: same },
  '-p': { of: 'rule', form: (value) => (value === 'icmpv6' ? 'ipv6-icmp' : value) },
  '--sport': { of: 'protocol', form: same },
  '--dport': { of: 'protocol', form: same },
  '--icmp-type': { of: 'icmp', form: (value) => ICMP_TYPES[value] ?? value },
  '--icmpv6-type': { of: 'icmp6', form: (value) => ICMPV6_TYPES[value] ?? value },
  '--sports': { of: 'multiport', form: same },
  '--dports': { of: 'multiport', form: same },
  '--ctstate': { of: 'conntrack', form: states },
  '--state': { of: 'state', form: states },
  '--limit': { of: 'limit', form: (value) => value.replace(/\/minute$/, '/min') },
  '--limit-burst': { of: 'limit', form: same, defaults: ['5'] },
  '--dst-type': { of: 'addrtype', form: same },
  '--hl-eq': { of: 'hl', form: same },
  '--rt-type': { of: 'rt', form: same },
  '--comment': { of: 'comment', form: same },
  '--set': { of: 'recent' },
  '--update': { of: 'recent' },
  '--seconds': { of: 'recent', form: same },
  '--hitcount': { of: 'recent', form: same },
  '--name': { of: 'recent', form: same, defaults: ['DEFAULT'] },
  '--mask': {
    of: 'recent',
    form: same,
    defaults: ['255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  '--rsource': { of: 'recent', defaults: [''] },
  '-j': { of: 'target', form: same },
  '--log-prefix': { of: 'target', form: same },
  '--reject-with': { of: 'target', form: same, defaults: ['icmp-port-unreachable', 'icmp6-port-unreachable'] },
};

/** Matches that iptables loads by itself when their protocol is named and one of their options comes. */
const IMPLIED: Readonly<Record<string, string>> = { tcp: 'tcp', udp: 'udp', icmp: 'icmp', icmp6: 'ipv6-icmp' };

type Values = Map<string, string>;

/** Which packets, in which order of matches, and what becomes of them; null where that is not wholly understood. */
function meaningOf(spec: string): string | null {
  const words = wordsOf(spec);
  if (words === null) return null;
  const [rule, target]: [Values, Values] = [new Map(), new Map()];
  const matches: { module: string; values: Values }[] = [];
  const valuesFor = (owner: string): Values | undefined => {
    if (owner === 'rule') return rule;
    if (owner === 'target') return target;
    const module = owner === 'protocol' ? (rule.get('-p') ?? '') : owner;
    const loaded = matches.filter((match) => match.module === module).pop();
    if (loaded) return loaded.values;
    if (rule.get('-p') !== IMPLIED[module]) return undefined;
    matches.push({ module, values: new Map() });
    return matches[matches.length - 1]?.values;
  };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === '-m') {
      matches.push({ module: words[++at] ?? '', values: new Map() });
      continue;
    }
    const option = Object.prototype.hasOwnProperty.call(OPTIONS, word) ? OPTIONS[word] : undefined;
    const values = option && valuesFor(option.of);
    const value = option?.form ? words[++at] : '';
    if (!option || !values || values.has(word) || value === undefined) return null;
    values.set(word, option.form ? option.form(value) : '');
  }
  const parts = [rule, ...matches.map(({ values }) => values), target].map(optionsOf);
  const modules = matches.map(({ module }) => module);
  // No line holds the character that this begins with, so no spec that is its own form is equal to it.
  return `\n${JSON.stringify([modules, parts])}`;
}

const optionsOf = (values: Values): string[][] =>
  [...values]
    .filter(([option, value]) => !OPTIONS[option]?.defaults?.includes(value))
    .sort(([a], [b]) => (a < b ? -1 : 1));

/** The words of a spec as iptables-restore takes them: only double quotes hold several together. Null for anything rarer. */
function wordsOf(spec: string): string[] | null {
  if (!spec.includes('"')) return spec.split(/\s+/).filter((word) => word !== '');
  const words: string[] = [];
  const rest = spec.replace(/(?:^|(?<=\s))(?:"((?:\\.|[^"\\])*)"|[^\s"]+)(?=\s|$)/g, (word, quoted?: string) => {
    words.push(quoted === undefined ? word : quoted.replace(/\\(.)/g, '$1'));
    return '';
  });
  return rest.trim() === '' ? words : null;
}
