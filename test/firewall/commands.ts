/** Generated `ufw` commands, each as the command line and as the edits that mean the same to the engine. */
import type { Family, Rule } from '../../firewall/rules/rule';
import { makeRule } from '../../firewall/rules/rule';
import type { Edit } from '../device/engine-inside';

export interface Command {
  argv: string[];
  edits: Edit[];
}

/** A small generator that gives the same numbers for the same seed (mulberry32). */
export class Random {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}

const ACTIONS = ['allow', 'deny', 'reject', 'limit'] as const;
const PORTS = ['22', '80', '443', '1883', '8080', '53', '65535', '1'];
const LISTS = ['80,443', '22,80:90', '1000:2000', '5,6,7', '1628:1645'];
const ADDRESSES: Readonly<Record<Family, readonly (readonly [typed: string, stored: string])[]>> = {
  ipv4: [
    ['10.0.0.1', '10.0.0.1'],
    ['192.168.1.0/24', '192.168.1.0/24'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['172.16.0.0/255.255.0.0', '172.16.0.0/16'],
    ['203.0.113.7/32', '203.0.113.7'],
  ],
  ipv6: [
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:0::2', '2001:db8::2'],
    ['fe80::/10', 'fe80::/10'],
    ['2001:db8:0:1::/64', '2001:db8:0:1::/64'],
    ['2001:db8::3/128', '2001:db8::3'],
  ],
};
const COMMENTS = [
  'plain',
  'with spaces in it',
  'Aufzug Süd',
  '扉を閉める',
  'Status: inactive',
  'a\nb # [ 9] 22/tcp ALLOW IN Anywhere',
];
const INTERFACES = ['eth0', 'eth1', 'ip70', 'eth+', 'veth-1.2'];
/** Applications that the device's `applications.d` holds for the tests: name and ports as ufw splits them into rules. */
export const APPLICATIONS = {
  'Web Full': [['tcp', '80,443']],
  Plain: [['tcp', '9100']],
  'Two Sets': [
    ['udp', '137,138'],
    ['tcp', '139,445'],
  ],
} as const;

export const APPLICATION_FILE = `${Object.entries(APPLICATIONS)
  .map(
    ([name, sets]) =>
      `[${name}]\ntitle=${name}\ndescription=for the tests\nports=${sets.map(([protocol, ports]) => `${ports}/${protocol}`).join('|')}\n`,
  )
  .join('\n')}`;

/** What a command says, before it is put into words. */
interface Said {
  action: (typeof ACTIONS)[number];
  log: '' | 'log' | 'log-all';
  families: readonly Family[];
  rules: Rule[];
  words: string[];
  routed: boolean;
}

/** Protocols without ports that ufw knows, and those that it knew before 0.36.2. */
export const PORTLESS = ['ah', 'esp', 'gre', 'vrrp', 'igmp', 'ipv6'];
export const WITHOUT_VRRP = PORTLESS.map((protocol) => (protocol === 'vrrp' ? 'gre' : protocol));

/** The next command. `known` are commands that were given before: deletions and repetitions draw on them. */
export function command(
  random: Random,
  known: readonly Command[],
  counts: Readonly<Record<Family, number>>,
  portless: readonly string[] = PORTLESS,
): Command {
  const adding = known.filter(({ edits }) => edits.every(({ kind }) => kind === 'add'));
  if (adding.length > 0 && random.chance(0.2)) return deletion(random.pick(adding));
  if (adding.length > 0 && random.chance(0.1)) return random.pick(adding);
  const said = random.chance(0.15)
    ? application(random)
    : random.chance(0.15)
      ? simple(random)
      : full(random, portless);
  const route = said.routed ? ['route'] : [];
  const log = said.log ? [said.log] : [];
  const text = random.chance(0.3) ? random.pick(COMMENTS) : '';
  const comment = Buffer.from(text, 'utf8').toString('hex');
  const rules = said.rules.map((rule) => ({ ...rule, comment }));
  const words = [said.action, ...placed(said, log), ...(text ? ['comment', text] : [])];
  const place = random.below(10);
  // ufw takes a position only in the list of the rule's own family; IPv6 rules are counted after the IPv4 ones.
  const [family] = said.families as [Family];
  if (place === 0 && said.families.length === 1 && counts[family] > 0) {
    const position = 1 + random.below(counts[family]);
    const shown = family === 'ipv4' ? position : position + counts.ipv4;
    const edits = [...rules].reverse().map((rule): Edit => ({ kind: 'insert', rule, position }));
    return { argv: [...route, 'insert', String(shown), ...words], edits };
  }
  if (place === 1) {
    // Into an empty list ufw appends, and reverses what belongs to one application all the same.
    const edits = [...rules].reverse().map((rule): Edit => ({ kind: 'insert', rule, position: 1 }));
    return { argv: [...route, 'prepend', ...words], edits };
  }
  return { argv: [...route, ...words], edits: rules.map((rule) => ({ kind: 'add', rule })) };
}

/** The log flag goes behind direction and interface, which are the first words where they are given. */
function placed({ words }: Said, log: readonly string[]): string[] {
  const scoped = words.findIndex((word, at) => !['in', 'out', 'on'].includes(word) && words[at - 1] !== 'on');
  return scoped < 0 ? [...words, ...log] : [...words.slice(0, scoped), ...log, ...words.slice(scoped)];
}

function deletion({ argv, edits }: Command): Command {
  const at = argv.indexOf('comment');
  const words = at < 0 ? argv : argv.slice(0, at);
  const routed = words[0] === 'route';
  return {
    argv: routed ? ['route', 'delete', ...words.slice(1)] : ['delete', ...words],
    edits: edits.map(({ rule }) => ({ kind: 'delete', rule: { ...rule, comment: '' } })),
  };
}

const both: readonly Family[] = ['ipv4', 'ipv6'];

function simple(random: Random): Said {
  const port = random.pick(PORTS);
  const protocol = random.pick(['any', 'tcp', 'udp']);
  const direction = random.pick(['in', 'out'] as const);
  const action = random.pick(ACTIONS);
  const words = [direction, protocol === 'any' ? port : `${port}/${protocol}`];
  return {
    action,
    log: '',
    families: both,
    rules: both.map((family) => makeRule(family, { action, direction, protocol, dport: port })),
    words,
    routed: false,
  };
}

function application(random: Random): Said {
  const name = random.pick(Object.keys(APPLICATIONS) as (keyof typeof APPLICATIONS)[]);
  const action = random.pick(ACTIONS);
  const direction = random.pick(['in', 'out'] as const);
  const rules = both.flatMap((family) =>
    APPLICATIONS[name].map(([protocol, dport]) => makeRule(family, { action, direction, protocol, dport, dapp: name })),
  );
  return { action, log: '', families: both, rules, words: [direction, name], routed: false };
}

function full(random: Random, protocols: readonly string[]): Said {
  const action = random.pick(ACTIONS);
  const log = random.chance(0.2) ? random.pick(['log', 'log-all'] as const) : '';
  const routed = random.chance(0.15);
  const direction = routed ? 'in' : random.pick(['in', 'out'] as const);
  const chosen = random.pick(['ipv4', 'ipv6', 'both'] as const);
  const portless = random.chance(0.1);
  // igmp and ipv6 exist as protocols of IPv4 only.
  const protocol = portless ? random.pick(protocols) : random.pick(['any', 'tcp', 'udp', 'tcp', 'udp']);
  const onlyIpv4 = protocol === 'igmp' || protocol === 'ipv6';
  const families = chosen === 'both' ? (onlyIpv4 ? ['ipv4' as const] : both) : [onlyIpv4 ? ('ipv4' as const) : chosen];
  const [family] = families as [Family];
  const address = (): readonly [string, string] | null =>
    chosen !== 'both' && random.chance(0.6) ? random.pick(ADDRESSES[family]) : null;
  let [src, dst] = [address(), address()];
  if (chosen !== 'both' && !src && !dst) src = random.pick(ADDRESSES[family]);
  const port = (): string => {
    if (portless || random.chance(0.35)) return 'any';
    return protocol !== 'any' && random.chance(0.4) ? random.pick(LISTS) : random.pick(PORTS);
  };
  const [dport, sport] = [port(), random.chance(0.2) ? port() : 'any'];
  let interfaceIn = random.chance(0.3) && (routed || direction === 'in') ? random.pick(INTERFACES) : '';
  const interfaceOut = random.chance(0.3) && (routed || direction === 'out') ? random.pick(INTERFACES) : '';
  if (routed && !interfaceIn && !interfaceOut) interfaceIn = 'eth0';
  // With nothing to match but the log flag, ufw's own live rules differ from its file: it deletes a RETURN it just added.
  const bare =
    protocol === 'any' && dport === 'any' && sport === 'any' && !src && !dst && !interfaceIn && !interfaceOut;
  const words: string[] = [];
  if (interfaceIn) words.push('in', 'on', interfaceIn);
  if (interfaceOut) words.push('out', 'on', interfaceOut);
  if (!interfaceIn && !interfaceOut) words.push(direction);
  if (protocol !== 'any') words.push('proto', protocol);
  words.push('from', src?.[0] ?? 'any', ...(sport === 'any' ? [] : ['port', sport]));
  words.push('to', dst?.[0] ?? 'any', ...(dport === 'any' ? [] : ['port', dport]));
  const rules = families.map((one) =>
    makeRule(one, {
      ...{ action, log: bare ? '' : log, routed, protocol, dport, sport, interfaceIn, interfaceOut },
      direction: routed ? (interfaceIn ? 'in' : 'out') : direction,
      ...(src ? { src: src[1] } : {}),
      ...(dst ? { dst: dst[1] } : {}),
    }),
  );
  return { action, log: bare ? '' : log, families, rules, words, routed };
}
