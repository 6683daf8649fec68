/** Rulesets as people and programs make them, at random: what is typed, and what is loaded. */
import type { Family } from '../../../firewall/rules/rule';
import type { Random } from '../commands';

export const PORTS = [22, 80, 443, 1880, 2200, 5353];

export type Way = 'in' | 'out';

/** One thing that is done to a device's firewall. */
export interface Step {
  argv: string[];
  input?: string;
}

const SUBNETS: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['192.0.2.2', '192.0.2.0/24', '192.0.2.64/26', '198.51.100.0/24', '0.0.0.0/1', '128.0.0.0/1', '10.0.0.0/8'],
  ipv6: ['2001:db8:1::2', '2001:db8:1::/64', '2001:db8:1::40/122', '2001:db8:2::/64', '::/1', '8000::/1', 'fe80::/10'],
};
const RANGES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['192.0.2.1-192.0.2.70', '192.0.2.3-198.51.100.1'],
  ipv6: ['2001:db8:1::1-2001:db8:1::46', '2001:db8:1::3-2001:db8:2::1'],
};

/** Matches that any rule may have, without those that need a protocol. */
function plainMatch(random: Random, family: Family, way: Way): string {
  const not = random.chance(0.25) ? '! ' : '';
  const [end, other] = way === 'in' ? ['-s', '-d'] : ['-d', '-s'];
  const on = way === 'in' ? '-i' : '-o';
  const subnet = (): string => random.pick(SUBNETS[family]);
  return random.pick([
    () => `${not}${end} ${subnet()}`,
    () => `${not}${end} ${subnet()}`,
    () => `${not}${other} ${subnet()}`,
    () => `-m iprange ${not}--${end === '-s' ? 'src' : 'dst'}-range ${random.pick(RANGES[family])}`,
    () => `${not}${on} ${random.pick(['eth0', 'eth1', 'eth+', 'lo', 'ip70'])}`,
    () => `-m conntrack ${not}--ctstate ${random.pick(['NEW', 'RELATED,ESTABLISHED', 'INVALID', 'NEW,RELATED'])}`,
    () => (family === 'ipv4' || !not ? `-m addrtype ${not}--dst-type ${random.pick(['LOCAL', 'MULTICAST'])}` : ''),
    () => `-m comment --comment "${random.pick(['-j ACCEPT', "it's", '-s 10.0.0.0/8'])}"`,
  ])();
}

/** What a ruleset alone does not tell. */
const HIDDEN: readonly string[] = [
  '-m limit --limit 1/hour --limit-burst 2',
  '-m hashlimit --hashlimit-upto 5/hour --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name some',
  '-m recent --name r --rcheck --seconds 60',
  '-m mark --mark 0x1',
  '-m length --length 0:40',
  '-m statistic --mode random --probability 0.5',
  '-m string --string probe --algo bm',
  '-m u32 --u32 0=0',
  '-m pkttype --pkt-type unicast',
];

function ports(random: Random): string {
  const port = (): number => random.pick(PORTS);
  const not = random.chance(0.2) ? '! ' : '';
  return random.pick([
    () => `${not}--dport ${port()}`,
    () => `${not}--dport ${port()}`,
    () => `--dport 80:443`,
    () => `--sport 1024: ${not}--dport ${port()}`,
    () => `-m multiport ${not}--dports ${port()},${port()},1000:2000`,
    () => `-m multiport --ports ${port()},53`,
  ])();
}

function matches(random: Random, family: Family, way: Way): string {
  const some: string[] = [];
  if (random.chance(0.6)) some.push(plainMatch(random, family, way));
  if (random.chance(0.2)) some.push(plainMatch(random, family, way));
  if (random.chance(0.75)) some.push(`-p ${random.pick(['tcp', 'udp'])} ${ports(random)}`);
  else if (random.chance(0.5))
    some.push(
      random.pick(['-p tcp --syn', '-p tcp ! --syn', '! -p tcp', '-p udp', '-p tcp --tcp-flags ALL NONE', '-p 77']),
    );
  if (random.chance(0.15)) some.push(random.pick(HIDDEN));
  // Twice the same option is refused.
  const options = some.join(' ').match(/(?<= |^)-[sdiop] |--(?:ctstate|dst-type|comment|(?:src|dst)-range)/g) ?? [];
  return new Set(options).size === options.length ? some.join(' ') : (some[0] ?? '');
}

const CHAINS = ['zz-one', 'zz-two', 'ufw-mine', 'f2b-some'];

function target(random: Random, later: readonly string[]): string {
  if (later.length > 0 && random.chance(0.35)) return `${random.pick(['-j', '-j', '-g'])} ${random.pick(later)}`;
  return `-j ${random.pick(['ACCEPT', 'ACCEPT', 'ACCEPT', 'DROP', 'DROP', 'REJECT', 'RETURN', 'LOG', 'MARK --set-mark 2'])}`;
}

/** Rules of the filter table: in a built-in chain, in ufw's, and in chains of their own. */
function filter(random: Random, family: Family, way: Way): string {
  const ufw = family === 'ipv4' ? 'ufw' : 'ufw6';
  const hook = way === 'in' ? 'INPUT' : 'OUTPUT';
  const lines = CHAINS.map((chain) => `:${chain} - [0:0]`);
  const rule = (later: readonly string[]): string => `${matches(random, family, way)} ${target(random, later)}`;
  for (const [at, chain] of CHAINS.entries()) {
    for (let left = random.below(4); left > 0; left--) lines.push(`-A ${chain} ${rule(CHAINS.slice(at + 1))}`);
  }
  const places = [
    hook,
    `${ufw}-user-${hook.toLowerCase()}`,
    `${ufw}-before-${hook.toLowerCase()}`,
    `${ufw}-after-${hook.toLowerCase()}`,
  ];
  for (let left = 1 + random.below(3); left > 0; left--) {
    lines.push(`${random.pick(['-A', '-I', '-I'])} ${random.pick(places)} ${rule(CHAINS)}`);
  }
  return `*filter\n${quietly(lines.join('\n'))}\nCOMMIT\n`;
}

/** A connection that is begun and then rejected is refused to the one who begins it, as if it had not been let in. */
const quietly = (lines: string): string =>
  /--ctstate|--syn|--tcp-flags/.test(lines) ? lines.replace(/REJECT/g, 'DROP') : lines;

/** Drops in tables that packets meet before. */
function early(random: Random, family: Family, way: Way): string {
  const [table, chain] = random.pick(
    way === 'in'
      ? [
          ['raw', 'PREROUTING'],
          ['mangle', 'PREROUTING'],
          ['mangle', 'INPUT'],
          ['security', 'INPUT'],
        ]
      : [
          ['raw', 'OUTPUT'],
          ['mangle', 'OUTPUT'],
          ['mangle', 'POSTROUTING'],
          ['security', 'OUTPUT'],
        ],
  ) as [string, string];
  const said = matches(random, family, way).replace(/-m conntrack (! )?--ctstate \S+/, '');
  return `*${table}\n-A ${chain} ${said} -j ${random.pick(['DROP', 'DROP', 'ACCEPT', 'MARK --set-mark 1'].slice(0, table === 'mangle' ? 4 : 3))}\nCOMMIT\n`;
}

function nat(random: Random, family: Family): string {
  const other = family === 'ipv4' ? '198.51.100.1' : '[2001:db8:2::1]';
  const away = family === 'ipv4' ? '198.51.100.2' : '[2001:db8:2::2]';
  const to = random.pick([
    ...['REDIRECT --to-ports 22', 'REDIRECT --to-ports 1880', 'REDIRECT', 'REDIRECT --to-ports 80-81'],
    ...[`DNAT --to-destination ${other}:80`, `DNAT --to-destination ${away}:80`, 'DNAT --to-destination :443'],
  ]);
  const on = random.chance(0.3) ? '-i eth0 ' : '';
  const port = random.pick(PORTS);
  return `*nat\n-A PREROUTING ${on}-p ${random.pick(['tcp', 'udp'])} --dport ${port} -j ${to}\nCOMMIT\n`;
}

function native(random: Random, way: Way): string {
  const hook = way === 'in' ? random.pick(['input', 'prerouting']) : 'output';
  const lines = Array.from({ length: 1 + random.below(3) }, () =>
    random.pick([
      `tcp dport { ${random.pick(PORTS)}, ${random.pick(PORTS)} } drop`,
      `udp dport ${random.pick(PORTS)} drop`,
      `ip saddr 192.0.2.0/26 tcp dport ${random.pick(PORTS)} drop`,
      `${way === 'in' ? 'iifname' : 'oifname'} "eth1" drop`,
      'ct state established,related accept',
      `tcp dport ${random.pick(PORTS)} accept`,
      `tcp dport vmap { ${random.pick(PORTS)} : drop }`,
    ]),
  );
  const policy = random.chance(0.15) ? 'drop' : 'accept';
  const chain = `type filter hook ${hook} priority ${random.pick(['-10', '10', '-150'])}; policy ${policy};`;
  // One with `redirect` is of one family.
  const turn =
    way === 'in' && random.chance(0.4)
      ? `table ip turn { chain pre { type nat hook prerouting priority -110; tcp dport ${random.pick(PORTS)} redirect to :22; }; }\n`
      : '';
  return `${turn}table inet some { chain here { ${chain}\n${lines.join('\n')}\n}\n}\n`;
}

/** What makes a ruleset of the one that is there; `kinds` counts what it is made of. */
export function steps(random: Random, way: Way, backend: 'nft' | 'legacy'): Step[] {
  const done: Step[] = [];
  const families: readonly Family[] = ['ipv4', 'ipv6'];
  for (let left = random.below(3); left > 0; left--) done.push({ argv: ['ufw', ...ufwCommand(random, way)] });
  for (const family of families) {
    const restore = family === 'ipv4' ? 'iptables' : 'ip6tables';
    const other = backend === 'nft' ? 'legacy' : 'nft';
    if (random.chance(0.8)) done.push({ argv: [`${restore}-restore`, '-n'], input: filter(random, family, way) });
    if (random.chance(0.3)) done.push({ argv: [`${restore}-restore`, '-n'], input: early(random, family, way) });
    if (way === 'in' && random.chance(0.3))
      done.push({ argv: [`${restore}-restore`, '-n'], input: nat(random, family) });
    if (random.chance(0.2)) {
      const input = early(random, family, way).replace(
        /^\*\w+\n-A \w+/,
        `*filter\n-A ${way === 'in' ? 'INPUT' : 'OUTPUT'}`,
      );
      done.push({ argv: [`${restore}-${other}-restore`, '-n'], input: input.replace(/MARK .*/, 'DROP') });
    }
  }
  if (random.chance(0.3)) done.push({ argv: ['nft', '-f', '-'], input: native(random, way) });
  return done;
}

function ufwCommand(random: Random, way: Way): string[] {
  const action = random.pick(['allow', 'allow', 'deny', 'reject', 'limit']);
  const place = random.chance(0.5) ? ['prepend'] : [];
  const protocol = random.pick([[], ['proto', 'tcp'], ['proto', 'udp']]);
  const on = random.chance(0.3) ? ['on', random.pick(['eth0', 'eth1'])] : [];
  const far = random.chance(0.5) ? random.pick(SUBNETS[random.pick(['ipv4', 'ipv6'] as const)]) : 'any';
  const port = random.chance(0.8) ? ['port', String(random.pick(PORTS))] : [];
  const [from, to] = way === 'in' ? [far, 'any'] : ['any', far];
  return [...place, action, way, ...on, ...protocol, 'from', from, 'to', to, ...port];
}

/** Lines for ufw's before rules of IPv4, as people write them there. */
export function beforeLines(random: Random, way: Way): string {
  const chain = way === 'in' ? 'ufw-before-input' : 'ufw-before-output';
  const lines = Array.from(
    { length: 1 + random.below(2) },
    () => `-A ${chain} ${matches(random, 'ipv4', way)} ${target(random, [])}\n`,
  );
  return quietly(lines.join(''));
}
