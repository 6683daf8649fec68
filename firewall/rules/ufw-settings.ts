/** ufw's own settings: `/etc/default/ufw` and `ufw.conf`, read as ufw's programs read them, changed one assignment at a time. */
import { FirewallError, say } from '../errors';
import type { Policy } from '../messages';
import { fromBytes } from '../printable';
import type { Policies } from '../results';
import { differingPolicies, POLICY_KEYS } from './policies';

export type LogLevel = 'off' | 'low' | 'medium' | 'high' | 'full';

export interface UfwSettings {
  /** Whether the boot script starts the firewall. */
  enabled: boolean;
  /** What the file says; whether the kernel has IPv6 is another question. */
  ipv6: boolean;
  logging: LogLevel;
  policies: Policies;
  /** Lines that ufw's programs take for different things. */
  disputed: readonly DisputedLine[];
}

/** The texts of ufw's two settings files; what `ufw.conf` assigns wins. */
export interface SettingsTexts {
  defaultUfw: string;
  ufwConf: string;
}

/**
 * An assignment that `ufw`, which matches the lines of its settings, and its boot script, which is a shell that runs them, take
 * for different values; or a default policy in `ufw.conf`, where it overrides the one that `ufw default` writes.
 */
export interface DisputedLine {
  file: keyof SettingsTexts;
  /** From 1. */
  line: number;
  text: string;
  option: Option;
  /** Whether the boot script's value cannot be known without running it. */
  isUnclear: boolean;
}

const OPTION_OF = {
  incoming: 'DEFAULT_INPUT_POLICY',
  outgoing: 'DEFAULT_OUTPUT_POLICY',
  routed: 'DEFAULT_FORWARD_POLICY',
} as const;
const POLICY_OF: ReadonlyMap<string, Policy> = new Map([
  ['ACCEPT', 'allow'],
  ['DROP', 'deny'],
  ['REJECT', 'reject'],
]);
/** The target ufw writes for a policy. */
export const TARGET_OF: Readonly<Record<Policy, string>> = { allow: 'ACCEPT', deny: 'DROP', reject: 'REJECT' };

const OPTIONS = ['ENABLED', 'IPV6', ...POLICY_KEYS.map((key) => OPTION_OF[key])] as const;
type Option = (typeof OPTIONS)[number];

/** One change asks the same of the same texts several times. */
let last: { texts: SettingsTexts; settings: UfwSettings } | null = null;

/**
 * The settings in the texts of both files, as the boot script reads them: that is what the kernel is loaded by. Where its value
 * cannot be known, as `ufw` reads them.
 * @throws FirewallError UFW_FILES_UNREADABLE where a policy is missing or not one of ufw's.
 */
export function parseSettings(texts: SettingsTexts): UfwSettings {
  const { defaultUfw, ufwConf } = texts;
  if (last?.texts.defaultUfw === defaultUfw && last.texts.ufwConf === ufwConf) return last.settings;
  const settings = readSettings(texts);
  last = { texts: { defaultUfw, ufwConf }, settings };
  return settings;
}

function readSettings({ defaultUfw, ufwConf }: SettingsTexts): UfwSettings {
  const lines = [...linesOf('defaultUfw', defaultUfw), ...linesOf('ufwConf', ufwConf)];
  const readings = new Map(OPTIONS.map((option) => [option, readingOf(lines, option)]));
  const isYes = (option: Option): boolean => readings.get(option)?.value === 'yes';
  const policy = (option: Option): Policy => {
    const value = POLICY_OF.get(readings.get(option)?.value ?? '');
    if (value) return value;
    throw new FirewallError('UFW_FILES_UNREADABLE', {
      what: say`ufw's settings do not contain a valid ${option}.`,
      state: say`Nothing was changed.`,
      remedy: say`Set it in /etc/default/ufw to ACCEPT, DROP or REJECT.`,
    });
  };
  const logging = lastOf(lines.filter(({ ufw }) => ufw?.option === 'loglevel'))?.ufw?.value;
  return {
    enabled: isYes('ENABLED'),
    ipv6: isYes('IPV6'),
    // ufw itself falls back to low when it starts with a level it does not know.
    logging: (['off', 'low', 'medium', 'high', 'full'] as const).find((level) => level === logging) ?? 'low',
    policies: {
      incoming: policy(OPTION_OF.incoming),
      outgoing: policy(OPTION_OF.outgoing),
      routed: policy(OPTION_OF.routed),
    },
    disputed: [...readings.values()].flatMap(({ disputed }) => disputed),
  };
}

/**
 * The texts with other policies and another state at boot, changed as ufw changes them: only the assignments that differ. Lines
 * that are disputed are written so that all agree.
 * @throws FirewallError UFW_FILES_UNREADABLE where nobody can tell what the boot script makes of a line.
 */
export function withSettings(texts: SettingsTexts, wanted: Pick<UfwSettings, 'policies' | 'enabled'>): SettingsTexts {
  const now = parseSettings(texts);
  const agreed = withoutDisputes(texts, now);
  const ufwConf =
    wanted.enabled === now.enabled ? agreed.ufwConf : assign(agreed.ufwConf, 'ENABLED', yesOrNo(wanted.enabled));
  const defaultUfw = differingPolicies(now.policies, wanted.policies).reduce(
    (text, key) => assign(text, OPTION_OF[key], `"${TARGET_OF[wanted.policies[key]]}"`),
    agreed.defaultUfw,
  );
  return { defaultUfw, ufwConf };
}

const yesOrNo = (value: boolean): string => (value ? 'yes' : 'no');

/** The same settings, in lines that every program of ufw's reads alike and that `ufw` itself can change. */
function withoutDisputes(texts: SettingsTexts, { enabled, ipv6, policies, disputed }: UfwSettings): SettingsTexts {
  const unclear = disputed.find(({ isUnclear }) => isUnclear);
  if (unclear) throw unclearLine(unclear);
  const values: Readonly<Record<Option, string>> = {
    ENABLED: yesOrNo(enabled),
    IPV6: yesOrNo(ipv6),
    DEFAULT_INPUT_POLICY: `"${TARGET_OF[policies.incoming]}"`,
    DEFAULT_OUTPUT_POLICY: `"${TARGET_OF[policies.outgoing]}"`,
    DEFAULT_FORWARD_POLICY: `"${TARGET_OF[policies.routed]}"`,
  };
  const options = [...new Set(disputed.map(({ option }) => option))];
  return options.reduce(
    ({ defaultUfw, ufwConf }, option) =>
      option === 'ENABLED'
        ? { defaultUfw: assignedOnce(defaultUfw, option, null), ufwConf: assignedOnce(ufwConf, option, values[option]) }
        : {
            defaultUfw: assignedOnce(defaultUfw, option, values[option]),
            ufwConf: assignedOnce(ufwConf, option, null),
          },
    texts,
  );
}

function unclearLine({ file, line, text, option }: DisputedLine): FirewallError {
  return new FirewallError('UFW_FILES_UNREADABLE', {
    what: say`nobody can tell what the boot script makes of line ${line} of ${FILE_NAMES[file]}: ${fromBytes(text)}`,
    state: say`Nothing was changed.`,
    remedy: say`Write it as ${option}=VALUE, without anything else in the line.`,
  });
}

export const FILE_NAMES: Readonly<Record<keyof SettingsTexts, string>> = {
  defaultUfw: '/etc/default/ufw',
  ufwConf: 'ufw.conf',
};

/** A line of a settings file, as each of its readers takes it. */
interface Line extends Pick<DisputedLine, 'file' | 'line' | 'text'> {
  /** What `ufw` takes it for: names and values in lowercase. */
  ufw: { option: string; value: string } | null;
  /** What the boot script's shell assigns. */
  shell: { option: string; value: string } | null;
}

/** One word of a shell's assignment, whose value is what it says: no expansion, no command. */
const PLAIN =
  /^[ \t]*(?:export[ \t]+)?(\w+)=((?:"[^"$`\\]*"|'[^']*'|[^ \t;&|<>()$`\\"'])*)[ \t]*;?[ \t]*(?:(?<=[ \t;])#.*)?$/s;

function* linesOf(file: keyof SettingsTexts, content: string): Generator<Line> {
  for (const [at, text] of content.split('\n').entries()) {
    if (!text.includes('=')) continue;
    const [option = '', value = ''] = text.trim().split('=');
    const [, name, word = ''] = PLAIN.exec(text) ?? [];
    yield {
      ...{ file, line: at + 1, text },
      ufw: /^\w+="?\w+"?/.test(text)
        ? { option: option.toLowerCase(), value: value.toLowerCase().replace(/^["']+|["']+$/g, '') }
        : null,
      shell: name === undefined ? null : { option: name, value: word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2') },
    };
  }
}

/** What an option is set to, in one form for both readers; empty for what none of its programs understands. */
function readingOf(lines: readonly Line[], option: Option): { value: string; disputed: DisputedLine[] } {
  const byUfw = lines.filter(({ ufw }) => ufw?.option === option.toLowerCase());
  const byShell = lines.filter(({ shell }) => shell?.option === option);
  const assigns = new RegExp(`(?:^|[ \\t;&|(){}])${option}=`);
  const unclear = lines.filter(
    ({ shell, text }) => shell === null && assigns.test(text.replace(/(^|[ \t;])#.*$/s, '')),
  );
  const [ufw, shell] = [lastOf(byUfw), lastOf(byShell)];
  const [toUfw, atBoot] = [meaningToUfw(option, ufw?.ufw?.value), meaningAtBoot(option, shell?.shell?.value)];
  const isPolicy = option !== 'ENABLED' && option !== 'IPV6';
  const overrides = isPolicy ? [...byUfw, ...byShell].filter(({ file }) => file === 'ufwConf') : [];
  const differing = toUfw === atBoot ? [] : [ufw, shell].flatMap((line) => line ?? []);
  return {
    value: unclear.length > 0 ? toUfw : atBoot || toUfw,
    disputed: [...new Set([...unclear, ...differing, ...overrides])].map((one) => ({
      ...{ file: one.file, line: one.line, text: one.text, option },
      isUnclear: unclear.includes(one),
    })),
  };
}

const lastOf = <Item>(list: readonly Item[]): Item | undefined => list[list.length - 1];

/** `ufw` compares in lowercase; for the switches all that is not yes is no. */
function meaningToUfw(option: Option, value = ''): string {
  if (option === 'ENABLED' || option === 'IPV6') return value === 'yes' ? 'yes' : 'no';
  return POLICY_OF.has(value.toUpperCase()) ? value.toUpperCase() : '';
}

/** The script knows two ways to write yes, and the targets as iptables writes them. */
function meaningAtBoot(option: Option, value = ''): string {
  if (option === 'ENABLED' || option === 'IPV6') return value === 'yes' || value === 'YES' ? 'yes' : 'no';
  return POLICY_OF.has(value) ? value : '';
}

/** The text with a value in place of the first line that any of ufw's programs takes for an assignment, and without the others. */
function assignedOnce(text: string, option: Option, value: string | null): string {
  const taken = new Set(assignmentsOf(text, option).map(({ line }) => line));
  const [first] = taken;
  const kept = text
    .split('\n')
    .flatMap((line, at) => {
      if (!taken.has(at + 1)) return [line];
      return at + 1 === first && value !== null ? [`${option}=${value}`] : [];
    })
    .join('\n');
  return first === undefined && value !== null ? assign(kept, option, value) : kept;
}

/** As ufw assigns: in all lines that start with the name, else in a new one. A line that another form hides from it goes. */
function assign(text: string, option: Option, value: string): string {
  // A carriage return is part of its line here.
  const pattern = new RegExp(`(?<![^\\n])${option}=[^\\n]*`, 'g');
  const isHidden = assignmentsOf(text, option).some((one) => !one.text.startsWith(`${option}=`));
  if (isHidden) return assignedOnce(text, option, value);
  if (pattern.test(text)) return text.replace(pattern, `${option}=${value}`);
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${option}=${value}\n`;
}

/** The lines that any of ufw's programs takes for an assignment. */
const assignmentsOf = (text: string, option: Option): Line[] =>
  [...linesOf('ufwConf', text)].filter(
    ({ ufw, shell }) => ufw?.option === option.toLowerCase() || shell?.option === option,
  );
