/** ufw's files at one moment, parsed, with all their bytes, which show whether they have changed since. */
import { FirewallError, listed, type Sentence } from '../errors';
import { isSameList } from '../lists';
import type { Learned } from '../peers/learned';
import { differingPolicies } from '../rules/policies';
import type { Family } from '../rules/rule';
import {
  canonicalFile,
  formatRuleFile,
  isPristine,
  isRuleFile,
  parseRuleFile,
  type RuleFile,
  rulesOf,
  withChains,
  withLogging,
  withRules,
} from '../rules/rule-file';
import { parseSettings, type SettingsTexts, type UfwSettings, withSettings } from '../rules/ufw-settings';
import { type SitePorts, sitePorts } from '../web/ports';
import { parseSite, type Site } from '../web/site';
import { yieldToEventLoop } from '../yield';
import { type FamilyRules, rulesIn } from './family-rules';
import type { FileText, Texts } from './file-text';
import { formatSchedule, parseSchedule, type Schedule } from './schedule';
import type { Wanted } from './wanted';

/** What ufw loads around its own rules of a family: its before and after rules. */
export interface AroundRules {
  readonly family: Family;
  before: string;
  after: string;
}

/** A family that ufw manages. */
export interface FamilyState extends FamilyRules, AroundRules {
  file: RuleFile;
}

export interface Snapshot {
  /** The files a change may write, one after the other. */
  bytes: string;
  settings: UfwSettings;
  /** Those that ufw manages: IPv6 only where its setting is on and the kernel has it. */
  families: readonly FamilyState[];
  schedule: Schedule;
  /** The nginx site file, parsed; null where there is none. */
  web: WebSite | null;
  /** Who talks; null where nobody has ever learned. No part of `bytes`, as it changes by itself. */
  learned: Learned | null;
  sources: Sources;
}

/** The files a change may write. */
export interface Sources {
  ipv4: FileText;
  ipv6: FileText;
  defaultUfw: FileText;
  ufwConf: FileText;
  schedule: FileText;
  site?: FileText;
}

export const filesOf = ({ ipv4, ipv6, defaultUfw, ufwConf, schedule, site }: Sources): FileText[] => [
  ...[ipv4, ipv6, defaultUfw, ufwConf, schedule],
  ...(site ? [site] : []),
];

export const settingsTexts = ({ defaultUfw, ufwConf }: Pick<Sources, 'defaultUfw' | 'ufwConf'>): SettingsTexts => ({
  ...{ defaultUfw: defaultUfw.text, ufwConf: ufwConf.text },
});

/** The site file as it is read: what it says, or why it cannot be read. */
export interface WebSite {
  site: Site | null;
  /** Why it cannot be read; null where it can. */
  refusal: Sentence | null;
  /** Without a readable site all null, with the reason among the problems. */
  ports: SitePorts;
}

/**
 * The snapshot that files with these texts lead to.
 * @param repairs the files are about to be replaced: rule files that are no longer ufw's count as empty
 * @throws FirewallError UFW_FILES_UNREADABLE
 */
export async function snapshotOf(
  sources: Sources,
  around: readonly AroundRules[],
  learned: Learned | null = null,
  repairs = false,
): Promise<Snapshot> {
  const { schedule, site } = sources;
  const settings = parseSettings(settingsTexts(sources));
  const families: FamilyState[] = [];
  for (const { family, before, after } of around) {
    const file = ruleFileOf(sources[family], family, repairs ? settings : null);
    families.push({ family, before, after, file, rules: rulesOf(file) });
    await yieldToEventLoop();
  }
  return {
    bytes: filesOf(sources)
      .map(({ text }) => `${text.length}:${text}`)
      .join(''),
    ...{ settings, families, sources },
    schedule: parseSchedule(schedule.text),
    web: site ? webSiteOf(site.text) : null,
    learned,
  };
}

/**
 * The snapshot as it would be read if some of its files had other texts. Whether ufw manages IPv6 stays as it is.
 * @throws FirewallError UFW_FILES_UNREADABLE
 */
export const withTexts = ({ sources, families, learned }: Snapshot, texts: Texts): Promise<Snapshot> => {
  const next = (file: FileText): FileText => ({ ...file, text: texts[file.path] ?? file.text });
  const { ipv4, ipv6, defaultUfw, ufwConf, schedule, site } = sources;
  return snapshotOf(
    {
      ...{ ipv4: next(ipv4), ipv6: next(ipv6), defaultUfw: next(defaultUfw), ufwConf: next(ufwConf) },
      schedule: next(schedule),
      ...(site ? { site: next(site) } : {}),
    },
    families,
    learned,
  );
};

/**
 * Rule files as they were last read and last planned, by path: a file whose text has not changed is not parsed again, and
 * what was computed about its rules still holds. Never trusted beyond that: the text itself is read every time.
 */
const lastRead = new Map<string, { text: string; file: RuleFile }>();
const lastPlanned = new Map<string, { text: string; file: RuleFile }>();

function ruleFileOf({ path, text }: FileText, family: Family, repairing: UfwSettings | null): RuleFile {
  const known = [lastRead.get(path), lastPlanned.get(path)].find((one) => one?.text === text);
  if (repairing && !known && !isRuleFile(text, family)) return canonicalFile(family, repairing);
  const file = known?.file ?? parseRuleFile(text, family, path);
  lastRead.set(path, { text, file });
  return file;
}

/** The snapshot as it would be read after the files said what is wanted. */
export async function withWanted(snapshot: Snapshot, wanted: Wanted): Promise<Snapshot> {
  const { rules, policies, enabled, schedule, site, texts } = wanted;
  const scheduled = schedule ? { [snapshot.sources.schedule.path]: scheduleText(snapshot, schedule) } : {};
  if (texts) return withTexts(snapshot, { ...texts, ...scheduled });
  const { sources, settings: now } = snapshot;
  const isUntouched =
    enabled === now.enabled &&
    differingPolicies(now.policies, policies).length === 0 &&
    snapshot.families.every((state) => isSameList(rulesIn(rules, state.family), state.rules));
  const assigned = isUntouched ? settingsTexts(sources) : withSettings(settingsTexts(sources), { policies, enabled });
  const settings = isUntouched ? now : parseSettings(assigned);
  const families = snapshot.families.map((state) => ({ old: state, ...nextFamily(snapshot, state, rules, settings) }));
  const textOf = (family: Family): FileText => ({
    ...sources[family],
    text: families.find(({ next }) => next.family === family)?.text ?? sources[family].text,
  });
  const next: Snapshot = {
    ...snapshot,
    ...{ bytes: '', settings, families: families.map(({ next: state }) => state) },
    sources: {
      ...sources,
      ...{ ipv4: textOf('ipv4'), ipv6: textOf('ipv6') },
      defaultUfw: { ...sources.defaultUfw, text: assigned.defaultUfw },
      ufwConf: { ...sources.ufwConf, text: assigned.ufwConf },
    },
  };
  if (schedule) {
    next.schedule = schedule;
    next.sources.schedule = { ...sources.schedule, text: scheduleText(snapshot, schedule) };
  }
  if (site !== undefined && sources.site) {
    next.web = webSiteOf(site);
    next.sources.site = { ...sources.site, text: site };
  }
  return next;
}

/** The text of a schedule: that of the file where it says the same already, perhaps as an earlier version wrote it. */
function scheduleText({ schedule: now, sources }: Snapshot, schedule: Schedule): string {
  const text = formatSchedule(schedule);
  return text === formatSchedule(now) ? sources.schedule.text : text;
}

/** A family under other rules and settings, and the text of its file. */
function nextFamily(
  { settings: now, sources }: Snapshot,
  state: FamilyState,
  wanted: readonly FamilyRules[],
  settings: UfwSettings,
): { next: FamilyState; text: string } {
  const { family, file } = state;
  const source = sources[family];
  const rules = rulesIn(wanted, family);
  const isUntouched = isSameList(rules, state.rules);
  const starts = settings.enabled && !now.enabled;
  // ufw itself rewrites the file the package ships in full, when it first has something to write.
  const pristine = isPristine(file) && (!isUntouched || starts);
  const base = pristine
    ? canonicalFile(family, settings)
    : differingPolicies(now.policies, settings.policies).length > 0
      ? withLogging(file, settings)
      : file;
  const next = isUntouched && !pristine ? base : withRules(withChains(base, rules, settings), rules);
  if (next === file) return { next: { ...state, rules }, text: source.text };
  const text = formatRuleFile(next);
  lastPlanned.set(source.path, { text, file: next });
  return { next: { ...state, file: next, rules }, text };
}

/** The files whose bytes differ between two snapshots, as the second has them. */
export function changedFiles({ sources: from }: Snapshot, { sources: to }: Snapshot): FileText[] {
  const before = new Map(filesOf(from).map(({ path, text }) => [path, text]));
  return filesOf(to).filter(({ path, text }) => before.get(path) !== text);
}

function webSiteOf(text: string): WebSite {
  try {
    const site = parseSite(Buffer.from(text, 'latin1'));
    return { site, refusal: null, ports: sitePorts(site) };
  } catch (error) {
    if (!(error instanceof FirewallError)) throw error;
    // Reading the firewall does not fail for it: it is one of the things a report is for.
    const [refusal = null] = error.said;
    return {
      ...{ site: null, refusal },
      ports: {
        http: null,
        https: null,
        otherHttp: [],
        otherHttps: [],
        redirectsTo: null,
        problems: [listed(error.said, ' ')],
      },
    };
  }
}
