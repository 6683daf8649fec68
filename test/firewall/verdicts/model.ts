/**
 * Rulesets as values, made at random: printed as `iptables-save` prints them for the code under test, and read as they are
 * by the interpreter that it is held against.
 */
import fc from 'fast-check';
import type { Family } from '../../../firewall/rules/rule';

/** One thing a rule looks at. */
export type Match =
  | { kind: 'protocol'; name: string; negated: boolean }
  | { kind: 'src' | 'dst'; subnet: string; negated: boolean }
  | { kind: 'src-range' | 'dst-range'; from: string; to: string; negated: boolean }
  | { kind: 'in' | 'out'; name: string; negated: boolean }
  | { kind: 'sport' | 'dport'; from: number; to: number; negated: boolean }
  | {
      kind: 'ports';
      option: 'sports' | 'dports' | 'ports';
      list: readonly (readonly [number, number])[];
      negated: boolean;
    }
  | { kind: 'state'; names: readonly string[]; negated: boolean }
  | { kind: 'dst-type'; names: readonly string[]; negated: boolean }
  | { kind: 'flags'; mask: string; wanted: string; negated: boolean }
  | { kind: 'unknown'; text: string };

export type Target =
  | { kind: 'verdict'; name: 'ACCEPT' | 'DROP' | 'REJECT' | 'RETURN' }
  | { kind: 'none'; text: string }
  | { kind: 'jump' | 'goto'; chain: string }
  | { kind: 'redirect'; port: number }
  | { kind: 'untrack' };

export interface ModelRule {
  matches: readonly Match[];
  target: Target;
}

export interface ModelTable {
  name: string;
  policies: Readonly<Record<string, 'ACCEPT' | 'DROP'>>;
  chains: Readonly<Record<string, readonly ModelRule[]>>;
}

export interface Model {
  family: Family;
  tables: readonly ModelTable[];
}

/** What the rules name, and for each set of packets that they tell apart one that is in it. */
export interface Universe {
  subnets: readonly string[];
  ranges: readonly (readonly [string, string])[];
  addresses: readonly string[];
}

export const UNIVERSE: Readonly<Record<Family, Universe>> = {
  ipv4: {
    subnets: ['10.0.0.1/32', '10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/1', '128.0.0.0/1', '192.0.2.1/32', '192.0.2.0/24'],
    ranges: [
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.0', '192.0.2.1'],
    ],
    addresses: [
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.7',
      '10.9.9.9',
      '50.0.0.1',
      '192.0.2.0',
      '192.0.2.1',
      '192.0.2.9',
      '200.0.0.1',
      '10.0.0.0',
      '9.9.9.9',
      '191.0.0.1',
    ],
  },
  ipv6: {
    subnets: [
      '2001:db8::1/128',
      '2001:db8::/64',
      '2001:db8::/32',
      '::/1',
      '8000::/1',
      'fe80::/10',
      '2001:db8:1::1/128',
    ],
    ranges: [
      ['2001:db8::1', '2001:db8::2'],
      ['2001:db8::', 'fe80::1'],
    ],
    addresses: [
      '2001:db8::',
      '2001:db8::1',
      '2001:db8::2',
      '2001:db8::7',
      '2001:db8:1::1',
      '2001:db8:1::2',
      '1::1',
      'fe80::1',
      'fe80::2',
      '9000::1',
      'ff00::1',
    ],
  },
};
/** Ports that rules name; those of packets are these, those beside them, and the first. */
const PORTS = [22, 25, 80, 1024, 40_000];
export const PORT_SAMPLES = [0, ...PORTS.flatMap((port) => [port - 1, port, port + 1])];
const INTERFACES = ['eth0', 'eth1', 'eth+', 'lo', 'ip70'];
export const INTERFACE_SAMPLES = ['eth0', 'eth1', 'eth2', 'wlan0'];
const CHAINS = ['one', 'two', 'three'];

const none: fc.Arbitrary<Match[]> = fc.constant<Match[]>([]);
const tcpUdp = fc.constantFrom('tcp', 'udp');
/** Seldom, so that most rules are about something. */
const negated = fc.integer({ min: 0, max: 4 }).map((one) => one === 0);
const range = fc
  .tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS), fc.boolean())
  .map(([a, b, isOne]): [number, number] => (isOne ? [a, a] : [Math.min(a, b), Math.max(a, b)]));

const portMatch = (kind: 'sport' | 'dport') =>
  fc
    .record({ kind: fc.constant(kind), range, negated })
    .map(({ range: [from, to], ...rest }): Match => ({ ...rest, from, to }));

/** Matches that need `-p tcp` or `-p udp`. */
const portMatches: fc.Arbitrary<Match[]> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(portMatch('dport')) },
  { weight: 1, arbitrary: fc.tuple(portMatch('sport')) },
  { weight: 1, arbitrary: fc.tuple(portMatch('dport'), portMatch('sport')) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        kind: fc.constant('ports' as const),
        option: fc.constantFrom('sports' as const, 'dports' as const, 'ports' as const),
        list: fc.array(range, { minLength: 1, maxLength: 3 }),
        negated,
      })
      .map((match): Match[] => [match]),
  },
);

const flags: fc.Arbitrary<Match[]> = fc
  .tuple(
    fc.constantFrom<readonly [string, string]>(
      ['FIN,SYN,RST,ACK', 'SYN'],
      ['FIN,SYN,RST,PSH,ACK,URG', 'NONE'],
      ['FIN,ACK', 'NONE'],
      ['SYN,ACK', 'SYN,ACK'],
    ),
    negated,
  )
  .map(([[mask, wanted], isNegated]): Match[] => [{ kind: 'flags', mask, wanted, negated: isNegated }]);

const protocolMatches: fc.Arbitrary<Match[]> = fc.oneof(
  { weight: 4, arbitrary: none },
  {
    weight: 6,
    arbitrary: fc
      .tuple(tcpUdp, portMatches)
      .map(([name, rest]): Match[] => [{ kind: 'protocol', name, negated: false }, ...rest]),
  },
  { weight: 1, arbitrary: flags.map((rest): Match[] => [{ kind: 'protocol', name: 'tcp', negated: false }, ...rest]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('tcp', 'udp', 'icmp', '77'), negated)
      .map(([name, isNegated]): Match[] => [{ kind: 'protocol', name, negated: isNegated }]),
  },
);

const often = (arbitrary: fc.Arbitrary<Match>, weight: number): fc.Arbitrary<Match[]> =>
  fc.oneof({ weight: 10, arbitrary: none }, { weight, arbitrary: arbitrary.map((one) => [one]) });

const addressMatch = (family: Family, end: 'src' | 'dst'): fc.Arbitrary<Match> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant(end), subnet: fc.constantFrom(...UNIVERSE[family].subnets), negated }),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...UNIVERSE[family].ranges), negated)
        .map(([[from, to], isNegated]): Match => ({ kind: `${end}-range`, from, to, negated: isNegated })),
    },
  );

const stateMatch: fc.Arbitrary<Match> = fc.record({
  kind: fc.constant('state' as const),
  names: fc.constantFrom(['NEW'], ['RELATED', 'ESTABLISHED'], ['INVALID'], ['NEW', 'ESTABLISHED'], ['DNAT']),
  negated,
});
const typeMatch: fc.Arbitrary<Match> = fc.record({
  kind: fc.constant('dst-type' as const),
  names: fc.constantFrom(['LOCAL'], ['MULTICAST'], ['BROADCAST'], ['LOCAL', 'BROADCAST']),
  negated,
});
const unknownMatch: fc.Arbitrary<Match> = fc.constantFrom(
  ...[
    '-m limit --limit 3/min --limit-burst 10',
    '-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name -j',
    '-m set --match-set banned src',
    '-m string --string "-j" --algo bm',
    '-m recent --rcheck --seconds 5 --hitcount 6 --name x --rsource',
    '-m mark --mark 0x1/0xff',
    '-m length --length 100:200',
    '-m nobody --knows --this 7',
  ].map((text): Match => ({ kind: 'unknown', text })),
);

const chainsOf = (table: string): readonly string[] => (table === 'filter' ? CHAINS : CHAINS.slice(0, 1));

/** What rules of a chain may look at. */
interface Place {
  table: string;
  chain: string;
}

const canHave = (kind: 'in' | 'out', { chain }: Place): boolean =>
  CHAINS.includes(chain)
    ? false
    : kind === 'in'
      ? !['OUTPUT', 'POSTROUTING'].includes(chain)
      : !['INPUT', 'PREROUTING'].includes(chain);

const interfaceMatch = (kind: 'in' | 'out'): fc.Arbitrary<Match> =>
  fc.record({ kind: fc.constant(kind), name: fc.constantFrom(...INTERFACES), negated });

const matches = (family: Family, place: Place, withUnknown: boolean): fc.Arbitrary<Match[]> =>
  fc
    .tuple(
      often(addressMatch(family, 'src'), 5),
      often(addressMatch(family, 'dst'), 2),
      canHave('in', place) ? often(interfaceMatch('in'), 4) : none,
      canHave('out', place) ? often(interfaceMatch('out'), 4) : none,
      protocolMatches,
      often(stateMatch, 1),
      often(typeMatch, 1),
      withUnknown ? often(unknownMatch, 3) : none,
      fc.constantFrom<Match[]>(
        [],
        [],
        [],
        [{ kind: 'unknown', text: '-m comment --comment "-j DROP \\"x\\" -s 1.2.3.4"' }],
      ),
    )
    .map((parts) => parts.flat())
    // From a range to a range is more boxes than are told apart.
    .filter((list) => !list.some(({ kind }) => kind === 'src-range') || !list.some(({ kind }) => kind === 'dst-range'));

/** Comments are unknown to nobody. */
export const isUnknown = (match: Match): boolean => match.kind === 'unknown' && !match.text.startsWith('-m comment');

const target = ({ table, chain }: Place): fc.Arbitrary<Target> => {
  const own = chainsOf(table);
  const later = own.slice(own.indexOf(chain) + 1);
  const verdicts = fc.constantFrom<Target>(
    ...(['ACCEPT', 'DROP', 'RETURN', ...(table === 'filter' ? ['REJECT'] : [])] as const)
      .filter((name) => table !== 'nat' || name !== 'DROP')
      .map((name) => ({ kind: 'verdict', name }) as Target),
  );
  return fc.oneof(
    { weight: 6, arbitrary: verdicts },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Target>(
        { kind: 'none', text: '' },
        { kind: 'none', text: '-j LOG --log-prefix "-j ACCEPT "' },
      ),
    },
    ...(later.length === 0
      ? []
      : [
          { weight: 3, arbitrary: fc.constantFrom(...later).map((name): Target => ({ kind: 'jump', chain: name })) },
          { weight: 1, arbitrary: fc.constantFrom(...later).map((name): Target => ({ kind: 'goto', chain: name })) },
        ]),
    ...(table === 'raw' ? [{ weight: 1, arbitrary: fc.constant<Target>({ kind: 'untrack' }) }] : []),
  );
};

function rules(family: Family, place: Place, most: number, withUnknown: boolean): fc.Arbitrary<ModelRule[]> {
  const plain = fc.record({ matches: matches(family, place, withUnknown), target: target(place) });
  if (place.table !== 'nat') return fc.array(plain, { maxLength: most });
  const redirect = fc.record({
    matches: fc
      .tuple(matches(family, place, withUnknown), tcpUdp)
      .map(([some, name]): Match[] => [
        ...some.filter(({ kind }) => !['protocol', 'sport', 'dport', 'ports', 'flags'].includes(kind)),
        { kind: 'protocol', name, negated: false },
        { kind: 'dport', from: 1024, to: 1024, negated: false },
      ]),
    target: fc.constantFrom(22, 80).map((port): Target => ({ kind: 'redirect', port })),
  });
  return fc.array(fc.oneof({ weight: 3, arbitrary: redirect }, { weight: 1, arbitrary: plain }), { maxLength: most });
}

/** The built-in chains that are filled, by table, and how much. */
const HOOKS = {
  raw: { PREROUTING: 2, OUTPUT: 1 },
  mangle: { PREROUTING: 2, INPUT: 1, FORWARD: 1, OUTPUT: 1, POSTROUTING: 2 },
  nat: { PREROUTING: 3 },
  filter: { INPUT: 6, FORWARD: 4, OUTPUT: 4 },
  security: { INPUT: 1, OUTPUT: 1 },
} as const;

export interface Shape {
  tables: readonly (keyof typeof HOOKS)[];
  /** Whether rules may look at what nobody can know. */
  withUnknown: boolean;
}

export const model = (family: Family, { tables, withUnknown }: Shape): fc.Arbitrary<Model> =>
  fc.record({
    family: fc.constant(family),
    tables: fc.tuple(...tables.map((name) => table(family, name, withUnknown))),
  });

const policy = fc.constantFrom('ACCEPT' as const, 'DROP' as const);

function table(family: Family, name: keyof typeof HOOKS, withUnknown: boolean): fc.Arbitrary<ModelTable> {
  const hooks = Object.entries<number>(HOOKS[name]);
  const own = chainsOf(name);
  return fc.record({
    name: fc.constant<string>(name),
    policies: fc.record(
      Object.fromEntries(hooks.map(([chain]) => [chain, name === 'filter' ? policy : fc.constant('ACCEPT' as const)])),
    ),
    chains: fc.record(
      Object.fromEntries([
        ...hooks.map(([chain, most]) => [chain, rules(family, { table: name, chain }, most, withUnknown)] as const),
        ...own.map((chain) => [chain, rules(family, { table: name, chain }, 4, withUnknown)] as const),
      ]),
    ),
  }) as fc.Arbitrary<ModelTable>;
}

/** As `iptables-save` prints it. */
export function printed({ tables }: Model): string {
  return tables
    .map(({ name, policies, chains }) =>
      [
        '# Generated by iptables-save v1.8.9 on Thu Nov 26 18:25:30 2026',
        `*${name}`,
        ...Object.keys(chains).map((chain) => `:${chain} ${policies[chain] ?? '-'} [0:0]`),
        ...Object.entries(chains).flatMap(([chain, list]) => list.map((rule) => `-A ${chain}${ruleText(rule)}`)),
        'COMMIT',
      ].join('\n'),
    )
    .join('\n');
}

/** In the order that `iptables-save` prints them: addresses, interfaces, protocol, the rest. */
export function ruleText({ matches: list, target: to }: ModelRule): string {
  const order = ['src', 'dst', 'in', 'out', 'protocol'];
  const rank = ({ kind }: Match): number => (order.includes(kind) ? order.indexOf(kind) : order.length);
  const sorted = [...list].sort((a, b) => rank(a) - rank(b));
  return [...sorted.map(matchText), targetText(to)]
    .filter((text) => text !== '')
    .map((text) => ` ${text}`)
    .join('');
}

function matchText(match: Match): string {
  if (match.kind === 'unknown') return match.text;
  const not = match.negated ? '! ' : '';
  const ports = (from: number, to: number): string => (from === to ? `${from}` : `${from}:${to}`);
  switch (match.kind) {
    case 'protocol':
      return `${not}-p ${match.name}`;
    case 'src':
    case 'dst':
      return `${not}${match.kind === 'src' ? '-s' : '-d'} ${match.subnet}`;
    case 'src-range':
    case 'dst-range':
      return `-m iprange ${not}--${match.kind} ${match.from}-${match.to}`;
    case 'in':
    case 'out':
      return `${not}${match.kind === 'in' ? '-i' : '-o'} ${match.name}`;
    case 'sport':
    case 'dport':
      return `-m tcp ${not}--${match.kind} ${ports(match.from, match.to)}`;
    case 'ports':
      return `-m multiport ${not}--${match.option} ${match.list.map(([from, to]) => ports(from, to)).join(',')}`;
    case 'state':
      return `-m conntrack ${not}--ctstate ${match.names.join(',')}`;
    case 'dst-type':
      return `-m addrtype ${not}--dst-type ${match.names.join(',')}`;
    case 'flags':
      return `-m tcp ${not}--tcp-flags ${match.mask} ${match.wanted}`;
  }
}

function targetText(to: Target): string {
  switch (to.kind) {
    case 'verdict':
      return `-j ${to.name}`;
    case 'none':
      return to.text;
    case 'jump':
      return `-j ${to.chain}`;
    case 'goto':
      return `-g ${to.chain}`;
    case 'redirect':
      return `-j REDIRECT --to-ports ${to.port}`;
    case 'untrack':
      return '-j CT --notrack';
  }
}
