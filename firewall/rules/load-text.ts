/**
 * What is fed to `iptables-restore -n`: one text per family, which the kernel takes as one commit.
 * It carries the built-in policies and ufw's chains that depend on them as well as the rules, so that no packet meets
 * new rules with an old policy or the other way round.
 */
import type { Policies } from '../results';
import { chainPrefix } from './lines';
import type { Family } from './rule';
import { FILE_CHAINS, formatRuleFile, type RuleFile } from './rule-file';
import type { Table } from './tables';
import { TARGET_OF } from './ufw-settings';

const CHAINS = ['input', 'output', 'forward'] as const;
type ChainName = (typeof CHAINS)[number];
const POLICY_OF = { input: 'incoming', output: 'outgoing', forward: 'routed' } as const;
const BUILT_IN = { input: 'INPUT', output: 'OUTPUT', forward: 'FORWARD' } as const;
/** ufw's primary chains of one built-in chain, in the order in which that one jumps to them (`ufw-init-functions`). */
const PRIMARY = ['before-logging', 'before', 'after', 'after-logging', 'reject', 'track'] as const;

/** ufw's files of one family that hold iptables lines. */
export interface FamilyFiles {
  before: string;
  after: string;
  user: RuleFile;
}

/** Swaps the rules, the logging chains and the policies of an active firewall. */
export function userLoad(user: RuleFile, policies: Policies): string {
  const prefix = chainPrefix(user.family);
  return table([...policyLines(prefix, policies), ...builtInLines(policies), ...userLines(user)]);
}

/**
 * Brings up the whole firewall at once, as `ufw-init start` does in a dozen steps.
 * @param present what the kernel holds already: a stopped ufw leaves its primary chains and the jumps to them behind.
 */
export function fullLoad({ before, after, user }: FamilyFiles, policies: Policies, present: Table | null): string {
  const prefix = chainPrefix(user.family);
  const jumps = CHAINS.flatMap((chain) =>
    PRIMARY.map((kind) => [BUILT_IN[chain], `-j ${prefix}-${kind}-${chain}`] as const),
  ).filter(([builtIn, jump]) => !present?.chains.get(builtIn)?.includes(jump));
  return (
    table([
      ...CHAINS.flatMap((chain) => PRIMARY.map((kind) => `:${prefix}-${kind}-${chain} - [0:0]`)),
      ...jumps.map(([builtIn, jump]) => `-A ${builtIn} ${jump}`),
      ...policyLines(prefix, policies),
      ...bodyOf(before),
      ...bodyOf(after),
      ...userLines(user),
      ...CHAINS.map((chain) => `-A ${prefix}-before-${chain} -j ${prefix}-user-${chain}`),
      ...builtInLines(policies),
    ]) +
    otherTables(before) +
    otherTables(after)
  );
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

/** What ufw loads into the IPv6 filter table where its IPV6 setting is off: loopback only. */
export const IPV6_OFF_LOAD = table([
  ':INPUT DROP [0:0]',
  ':FORWARD DROP [0:0]',
  ':OUTPUT DROP [0:0]',
  '-A INPUT -i lo -j ACCEPT',
  '-A OUTPUT -o lo -j ACCEPT',
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
  // A chain must be declared before a rule names it, and a later declaration would empty it again.
  const declared = [...new Set(lines.filter((line) => line.startsWith(':')))];
  const rules = lines.filter((line) => line.startsWith('-'));
  return `*filter\n${declared.join('\n')}\n${rules.join('\n')}\nCOMMIT\n`;
}

/** What a rule file loads. All its chains are emptied first, also where the file leaves it to ufw to declare them. */
const userLines = (user: RuleFile): string[] => [
  ...bodyOf(formatRuleFile(user)),
  ...FILE_CHAINS.map((chain) => `:${chainPrefix(user.family)}-${chain} - [0:0]`),
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

function sections(text: string): { name: string; lines: string[] }[] {
  const found: { name: string; lines: string[] }[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line.startsWith('*')) found.push({ name: line.slice(1), lines: [] });
    else if (line !== '' && !line.startsWith('#') && line !== 'COMMIT') found[found.length - 1]?.lines.push(line);
  }
  return found;
}
