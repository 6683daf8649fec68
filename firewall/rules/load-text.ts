/**
 * What is fed to `iptables-restore -n`: one text per family, which the kernel takes as one commit.
 * It carries the built-in policies and ufw's chains that depend on them as well as the rules, so that no packet meets
 * new rules with an old policy or the other way round.
 */
import type { Policies } from '../results';
import { chainPrefix } from './lines';
import { CHAINS, type ChainName, POLICY_OF } from './policies';
import type { Family } from './rule';
import { FILE_CHAINS, formatRuleFile, type RuleFile } from './rule-file';
import { chainNamed, firstDifference, type Table } from './tables';
import { TARGET_OF } from './ufw-settings';

const BUILT_IN = { input: 'INPUT', output: 'OUTPUT', forward: 'FORWARD' } as const;
/** ufw's primary chains of one built-in chain, in the order in which that one jumps to them (`ufw-init-functions`). */
const PRIMARY = ['before-logging', 'before', 'after', 'after-logging', 'reject', 'track'] as const;

/** ufw's files of one family that hold iptables lines. */
interface FamilyFiles {
  before: string;
  after: string;
  user: RuleFile;
}

/**
 * Swaps the rules, the logging chains and the policies of an active firewall. Lines that somebody has put into the file for
 * chains which it does not empty are left out: ufw has loaded them when it started, and they would be there twice.
 */
export function userLoad(user: RuleFile, policies: Policies): string {
  const lines = [...policyLines(chainPrefix(user.family), policies), ...userLines(user)];
  const emptied = new Set(lines.filter(isEmptying).map(declaredBy));
  const loaded = lines.filter((line) => line.startsWith(':') || emptied.has(chainNamed(line) ?? ''));
  return table([...loaded, ...builtInLines(policies)]);
}

/**
 * Brings up the whole firewall at once, as `ufw-init start` does in a dozen steps.
 * @param present what the kernel holds already: a stopped ufw leaves its primary chains and the jumps to them behind.
 */
export function fullLoad({ before, after, user }: FamilyFiles, policies: Policies, present: Table | null): string {
  const prefix = chainPrefix(user.family);
  const lines = [
    ...CHAINS.flatMap((chain) => PRIMARY.map((kind) => `:${prefix}-${kind}-${chain} - [0:0]`)),
    ...CHAINS.flatMap((chain) => PRIMARY.map((kind) => `-A ${BUILT_IN[chain]} -j ${prefix}-${kind}-${chain}`)),
    ...policyLines(prefix, policies),
    ...bodyOf(before),
    ...bodyOf(after),
    ...userLines(user),
    ...CHAINS.map((chain) => `-A ${prefix}-before-${chain} -j ${prefix}-user-${chain}`),
    ...builtInLines(policies),
  ];
  return table(lines.filter((line) => !isThere(line, present))) + otherTables(before) + otherTables(after);
}

/** Whether a rule of a built-in chain, which no load empties, is in it already. */
function isThere(line: string, present: Table | null): boolean {
  const [, chain = '', spec = ''] = /^-A (INPUT|OUTPUT|FORWARD) (.*)$/.exec(line) ?? [];
  return present?.chains.get(chain)?.some((one) => firstDifference([spec], [one]) < 0) === true;
}

/**
 * Lets everything through, at once. As when ufw itself stops, its primary chains and the jumps to them stay, empty, and
 * its others go: by those `ufw status` recognises that it is off.
 */
export function stopLoad(family: Family, present: Table): string {
  const prefix = chainPrefix(family);
  const primary = new Set(CHAINS.flatMap((chain) => PRIMARY.map((kind) => `${prefix}-${kind}-${chain}`)));
  const own = [...present.chains.keys()].filter((chain) => chain.startsWith(`${prefix}-`));
  return table([
    ...Object.values(BUILT_IN).map((chain) => `:${chain} ACCEPT [0:0]`),
    ...own.map((chain) => `:${chain} - [0:0]`),
    ...own.filter((chain) => !primary.has(chain)).map((chain) => `-X ${chain}`),
  ]);
}

const IPV6_OFF = {
  policies: [':INPUT DROP [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT DROP [0:0]'],
  rules: ['-A INPUT -i lo -j ACCEPT', '-A OUTPUT -o lo -j ACCEPT'],
};

/** What is in the IPv6 filter table where ufw's IPV6 setting is off: loopback only. */
export const IPV6_OFF_TABLE = table([...IPV6_OFF.policies, ...IPV6_OFF.rules]);

/** What brings it about: as ufw does, whatever the built-in chains held goes. */
export const IPV6_OFF_LOAD = table([
  ...IPV6_OFF.policies,
  ...Object.values(BUILT_IN).map((chain) => `-F ${chain}`),
  ...IPV6_OFF.rules,
]);

function policyLines(prefix: string, policies: Policies): string[] {
  return CHAINS.flatMap((chain) => {
    const policy = policies[POLICY_OF[chain]];
    const reject = `${prefix}-reject-${chain}`;
    const track = `${prefix}-track-${chain}`;
    const skip = `${prefix}-skip-to-policy-${chain}`;
    return [
      `:${reject} - [0:0]`,
      `:${track} - [0:0]`,
      `:${skip} - [0:0]`,
      ...(policy === 'reject' ? [`-A ${reject} -j REJECT`] : []),
      ...(policy === 'allow'
        ? ['tcp', 'udp'].map((protocol) => `-A ${track} -p ${protocol} -m conntrack --ctstate NEW -j ACCEPT`)
        : []),
      `-A ${skip} -j ${TARGET_OF[policy]}`,
    ];
  });
}

function builtInLines(policies: Policies): string[] {
  const target = (chain: ChainName): string => (policies[POLICY_OF[chain]] === 'allow' ? 'ACCEPT' : 'DROP');
  return CHAINS.map((chain) => `:${BUILT_IN[chain]} ${target(chain)} [0:0]`);
}

function table(lines: readonly string[]): string {
  // A chain must be declared before a rule names it. Once is enough; of a policy the last word counts.
  const declared = new Map(lines.filter((line) => line.startsWith(':')).map((line) => [declaredBy(line), line]));
  const rules = withoutEmptied(lines);
  return `*filter\n${[...declared.values()].join('\n')}\n${rules.join('\n')}\nCOMMIT\n`;
}

/** The rules among the lines, without those of a chain that is declared, and so emptied, further on. */
function withoutEmptied(lines: readonly string[]): string[] {
  const kept: string[] = [];
  const filled = new Set<string | null>();
  for (const line of lines) {
    if (!line.startsWith(':')) {
      kept.push(line);
      filled.add(chainNamed(line));
    } else if (isEmptying(line) && filled.delete(declaredBy(line))) {
      const rest = kept.filter((one) => chainNamed(one) !== declaredBy(line));
      kept.splice(0, kept.length, ...rest);
    }
  }
  return kept;
}

/** Whether a line declares a chain that is not built-in, with whatever counters: `:NAME - [0:0]`. */
function isEmptying(line: string): boolean {
  return /^:\S+\s+-(?:\s|$)/.test(line);
}

function declaredBy(line: string): string {
  return line.slice(1).split(/\s/)[0] ?? '';
}

/** What a rule file loads. All its chains are emptied first, also where the file leaves it to ufw to declare them. */
const userLines = (user: RuleFile): string[] => [
  ...FILE_CHAINS.map((chain) => `:${chainPrefix(user.family)}-${chain} - [0:0]`),
  ...bodyOf(formatRuleFile(user)),
];

/** The lines of a file's filter table, without comments. */
function bodyOf(text: string): string[] {
  return sections(text)
    .filter(({ name }) => name === 'filter')
    .flatMap(({ lines }) => lines);
}

/** The nat, mangle and raw tables that a site may have put into its before and after rules, each as a text of its own. */
function otherTables(text: string): string {
  return sections(text)
    .filter(({ name }) => name !== 'filter')
    .map(({ name, lines }) => `*${name}\n${lines.join('\n')}\nCOMMIT\n`)
    .join('');
}

/** The tables of a file, as iptables-restore takes them: what stands around a name, and counters, count for nothing. */
function sections(text: string): { name: string; lines: string[] }[] {
  const found: { name: string; lines: string[] }[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim().replace(/^\[\d+:\d+\]\s*/, '');
    if (line.startsWith('*')) found.push({ name: line.slice(1), lines: [] });
    else if (line !== '' && !line.startsWith('#') && line !== 'COMMIT') found[found.length - 1]?.lines.push(line);
  }
  return found;
}
