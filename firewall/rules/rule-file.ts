/**
 * A rule file of ufw, `user.rules` or `user6.rules`, read and written without touching a byte that a change does not
 * concern. The file is a head (chain declarations), items (one per rule, and whatever else stands between them) and a
 * tail (logging and rate-limit lines). Every part keeps its own text, so writing an unchanged file gives the same bytes.
 */
import { FirewallError, type Sentence, say } from '../errors';
import { chainOf, chainPrefix, ruleLines } from './lines';
import { loggingLines } from './logging';
import type { Family, Rule } from './rule';
import { canonical, chainNamed } from './tables';
import { formatTuple, isTupleLine, parseTuple } from './tuple';
import type { UfwSettings } from './ufw-settings';

export interface Item {
  rule: Rule;
  /** The rule's text, from the empty line before the tuple to its last line, with line ends. */
  raw: string;
  /** Lines between this rule and the next that are not ufw rules: kept where they are. */
  foreign: string;
}

export interface RuleFile {
  family: Family;
  head: string;
  /** Foreign lines before the first rule. */
  lead: string;
  items: readonly Item[];
  tail: string;
}

/** The chains that a rule file fills, without the prefix, in the order in which ufw declares them. */
export const FILE_CHAINS: readonly string[] = [
  ...['user', 'before-logging', 'user-logging', 'after-logging'].flatMap((kind) =>
    ['input', 'output', 'forward'].map((chain) => `${kind}-${chain}`),
  ),
  ...['logging-deny', 'logging-allow', 'user-limit', 'user-limit-accept'],
];

const RULES_MARK = '### RULES ###';
const END_MARK = '### END RULES ###';

/**
 * Reads a rule file's text (as latin1, so that foreign bytes survive).
 * @throws FirewallError UFW_FILES_UNREADABLE where it is truncated, empty or not ufw's.
 */
export function parseRuleFile(text: string, family: Family, path: string): RuleFile {
  const lines = text.split('\n');
  const rulesAt = lines.indexOf(RULES_MARK);
  const fault = faultOf(lines, rulesAt, family);
  if (fault) throw unreadable(path, fault);
  const endAt = endOfRules(lines, rulesAt);
  return {
    family,
    head: joined(lines.slice(0, rulesAt + 1)),
    ...parseItems(lines.slice(rulesAt + 1, endAt), family),
    tail: lines.slice(endAt).join('\n'),
  };
}

/** Whether a text is a rule file of ufw's, in full. */
export function isRuleFile(text: string, family: Family): boolean {
  const lines = text.split('\n');
  return faultOf(lines, lines.indexOf(RULES_MARK), family) === null;
}

/** The file's text. */
export function formatRuleFile(file: RuleFile): string {
  return file.head + file.lead + file.items.map((item) => item.raw + item.foreign).join('') + file.tail;
}

const rulesByItems = new WeakMap<readonly Item[], readonly Rule[]>();

/** The rules of a file in their order; the same list each time, so that what is computed about it is computed once. */
export function rulesOf({ items }: RuleFile): readonly Rule[] {
  const rules = rulesByItems.get(items) ?? items.map((item) => item.rule);
  rulesByItems.set(items, rules);
  return rules;
}

/**
 * The file with the rules in the given order. An item whose rule is the same object keeps its text, others get ufw's;
 * the foreign lines behind a rule that goes stay behind the one before it.
 */
export function withRules(file: RuleFile, rules: readonly Rule[]): RuleFile {
  const wanted = new Set(rules);
  const kept = new Map<Rule, Item>();
  let lead = file.lead;
  let anchor: Item | null = null;
  for (const item of file.items) {
    if (wanted.has(item.rule)) {
      anchor = { ...item };
      kept.set(item.rule, anchor);
    } else if (anchor) anchor.foreign += item.foreign;
    else lead += item.foreign;
  }
  return { ...file, lead, items: rules.map((rule) => kept.get(rule) ?? newItem(rule)) };
}

const newItem = (rule: Rule): Item => ({
  rule,
  raw: `\n${formatTuple(rule)}\n${ruleLines(rule).join('\n')}\n`,
  foreign: '',
});

/** The file with the logging lines that the settings ask for: they depend on the log level and on the default policies. */
export function withLogging(file: RuleFile, settings: UfwSettings): RuleFile {
  const section = /(^|\n)### LOGGING ###\n[\s\S]*?### END LOGGING ###\n/.exec(file.tail);
  if (!section) return file;
  const start = section.index + (section[1] ?? '').length;
  const end = section.index + section[0].length;
  const lines = loggingLines(file.family, settings);
  const text = `### LOGGING ###\n${lines.map((line) => `${line}\n`).join('')}### END LOGGING ###\n`;
  return { ...file, tail: file.tail.slice(0, start) + text + file.tail.slice(end) };
}

/** Whether the file is the one the package ships: ufw rewrites it in full when it is first enabled. */
export function isPristine(file: RuleFile): boolean {
  return !file.tail.includes(END_MARK) && file.items.length === 0;
}

/** The file ufw itself would write in place of a pristine one, without any rule. */
export function canonicalFile(family: Family, settings: UfwSettings): RuleFile {
  return {
    family,
    head: `*filter\n${declarations(family, FILE_CHAINS)}${RULES_MARK}\n`,
    lead: '',
    items: [],
    tail: `\n${END_MARK}\n\n### LOGGING ###\n${loggingLines(family, settings)
      .map((line) => `${line}\n`)
      .join('')}### END LOGGING ###\n\n${limitSection(family, settings)}COMMIT\n`,
  };
}

const declarations = (family: Family, chains: readonly string[]): string =>
  chains.map((chain) => `:${chainPrefix(family)}-${chain} - [0:0]\n`).join('');

function limitSection(family: Family, { logging }: UfwSettings): string {
  const limit = `-A ${chainPrefix(family)}-user-limit`;
  const log = `${limit} -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "\n`;
  return `### RATE LIMITING ###\n${logging === 'off' ? '' : log}${limit} -j REJECT\n${limit}-accept -j ACCEPT\n### END RATE LIMITING ###\n`;
}

/**
 * The file with the chains declared that the rules lead to: ufw has not always had all of them, for IPv6 least of all,
 * and a rule that leads to an empty chain decides nothing.
 */
export function withChains(file: RuleFile, rules: readonly Rule[], settings: UfwSettings): RuleFile {
  const needed = new Set(rules.flatMap(chainsBeside));
  const missing = FILE_CHAINS.filter(
    (chain) => needed.has(chain) && !file.head.includes(`:${chainPrefix(file.family)}-${chain} `),
  );
  if (missing.length === 0) return file;
  const at = file.head.length - `${RULES_MARK}\n`.length;
  const head = file.head.slice(0, at) + declarations(file.family, missing) + file.head.slice(at);
  if (!missing.includes('user-limit')) return { ...file, head };
  const end = file.tail.lastIndexOf('COMMIT');
  return {
    ...file,
    head,
    tail: `${file.tail.slice(0, end)}\n${limitSection(file.family, settings)}${file.tail.slice(end)}`,
  };
}

/** The chains besides its own that a rule's lines fill or lead to. */
const chainsBeside = (rule: Rule): string[] => [
  ...(rule.log ? [`user-logging-${chainOf(rule)}`] : []),
  ...(rule.action === 'limit' ? ['user-limit', 'user-limit-accept'] : []),
];

/** What in a file's items is not a ufw rule, in words: separate lines, and lines that do not follow from their tuple. */
export function unreadableLines(file: RuleFile, name: string): readonly string[] {
  const known = unreadableByFile.get(file) ?? linesUnread(file, name);
  unreadableByFile.set(file, known);
  return known;
}

/** A file that is read again with the same text is the same object. */
const unreadableByFile = new WeakMap<RuleFile, readonly string[]>();

function linesUnread(file: RuleFile, name: string): string[] {
  const foreign = (text: string): string[] => linesOf(text).map((line) => `${name}: ${line}`);
  const [before = '', behind = ''] = [file.head, file.tail].map((text) => linesOf(text).filter(isForeign).join('\n'));
  return [
    ...foreign(before),
    ...foreign(file.lead),
    ...file.items.flatMap(({ rule, raw, foreign: after }) => {
      if (after === '' && raw === newItem(rule).raw) return NONE;
      const derived = ruleLines(rule);
      const [, ...own] = raw.replace(/^\n+/, '').split('\n').slice(0, -1);
      if (own.length === derived.length && own.every((line, at) => isSame(line, derived[at]))) return foreign(after);
      const others = own.filter((line) => !derived.some((one) => isSame(line, one)));
      return [...others.map((line) => `${name}: ${line}`), ...foreign(after)];
    }),
    ...foreign(behind),
  ];
}

/** The chains that ufw's own sections behind the rules fill. */
const SECTION_CHAINS =
  /^ufw6?-((before|user|after)-logging-(input|output|forward)|logging-(deny|allow)|user-limit(-accept)?)$/;

/** Whether a line around the rules is none that ufw writes there. */
const isForeign = (line: string): boolean =>
  !/^[*:#]|^COMMIT$/.test(line.trim()) && !SECTION_CHAINS.test(chainNamed(line) ?? '') && !BEHIND_RULES.test(line);

const NONE: readonly string[] = [];

/** Whether two lines mean the same: ufw before 0.34 says `-m state` where it says `-m conntrack` now. */
const isSame = (line: string, other: string | undefined): boolean =>
  line === other || (other !== undefined && specForm(line) === specForm(other));

const specForm = (line: string): string => {
  const [, command = '', spec = line] = /^(-A \S+) (.*)$/.exec(line) ?? [];
  return `${command} ${canonical(spec.replace('-m state --state ', '-m conntrack --ctstate '))}`;
};

const linesOf = (raw: string): string[] => raw.split('\n').filter((line) => line.trim() !== '');
const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

function faultOf(lines: readonly string[], rulesAt: number, family: Family): Sentence | null {
  if (lines.length === 1 && lines[0] === '') return say`it is empty`;
  const first = lines.find((line) => line.trim() !== '' && !line.startsWith('#'));
  if (first?.trim() !== '*filter') return say`it does not start with *filter`;
  if (rulesAt < 0) return say`it lacks the line ${RULES_MARK}`;
  if (!lines.some((line) => line.split(/\s/)[0] === `:${chainPrefix(family)}-user-input`)) {
    return say`it does not declare the chain ${chainPrefix(family)}-user-input`;
  }
  let last = lines.length - 1;
  while (last > 0 && lines[last]?.trim() === '') last--;
  if (lines[last] !== 'COMMIT') return say`it is truncated: its last line is not COMMIT`;
  return null;
}

/** What comes behind the rules where no mark says so: chains of ufw's own, and the end that ufw before 0.27 gave to the user's. */
const BEHIND_RULES = /^-A ufw6?-user-(limit|(input|output|forward) -j RETURN$)/;

function endOfRules(lines: readonly string[], rulesAt: number): number {
  const marked = lines.indexOf(END_MARK, rulesAt);
  // The empty line before the mark belongs to the tail.
  if (marked >= 0) return lines[marked - 1] === '' ? marked - 1 : marked;
  const rest = lines.findIndex((line, index) => index > rulesAt && (BEHIND_RULES.test(line) || line === 'COMMIT'));
  return rest;
}

function parseItems(lines: readonly string[], family: Family): Pick<RuleFile, 'lead' | 'items'> {
  const items: Item[] = [];
  let lead = '';
  let blank = '';
  /** Whether the lines that follow belong to the tuple above them. */
  let inRule = false;
  for (const line of lines) {
    if (line === '') {
      inRule = false;
      blank += '\n';
      continue;
    }
    const text = `${blank}${line}\n`;
    blank = '';
    const rule = isTupleLine(line) ? parseTuple(line, family) : null;
    const last = items[items.length - 1];
    if (rule) items.push({ rule, raw: text, foreign: '' });
    else if (inRule && last && !line.startsWith('###')) last.raw += text;
    else if (last) last.foreign += text;
    else lead += text;
    inRule = rule !== null || (inRule && !line.startsWith('###'));
  }
  const last = items[items.length - 1];
  if (last) last.foreign += blank;
  else lead += blank;
  return { lead, items };
}

/** The error for a rule file that ufw would not have written. `fault` says why, beginning with "it". */
export function unreadable(path: string, fault: Sentence): FirewallError {
  return new FirewallError('UFW_FILES_UNREADABLE', {
    what: say`${path} is not a valid ufw rule file: ${fault}.`,
    state: say`Nothing was changed.`,
    remedy: say`Use restore-firewall with the backup "latest" to return to the state after the last change; without a backup, run "ufw reset" on the device and apply the profile again.`,
  });
}
