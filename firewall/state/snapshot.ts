/** ufw's files at one moment, parsed, with all their bytes, which show whether they have changed since. */
import { join } from 'node:path';
import { FirewallError, type Sentence, say } from '../errors';
import { exists, type FileText, readText } from '../host/files';
import { ended, ufwProcesses } from '../host/processes';
import type { Settings } from '../messages';
import type { Policies } from '../results';
import { fullLoad, IPV6_OFF_LOAD } from '../rules/load-text';
import { FAMILIES, type Family, type Rule } from '../rules/rule';
import {
  canonicalFile,
  formatRuleFile,
  isPristine,
  isRuleFile,
  parseRuleFile,
  type RuleFile,
  rulesOf,
  unreadable,
  withChains,
  withLogging,
  withRules,
} from '../rules/rule-file';
import { restored, type Table } from '../rules/tables';
import { parseSettings, type UfwSettings, withEnabled, withPolicies } from '../rules/ufw-settings';
import { type WebPorts, webPorts } from '../web/ports';
import { parseSite, type Site } from '../web/site';
import { formatSchedule, parseSchedule, type Schedule } from './schedule';

/** The rules of the families ufw manages, in the order of its files. */
export type RuleLists = Partial<Record<Family, readonly Rule[]>>;

export interface Snapshot {
  /** The files a change may write, one after the other. */
  bytes: string;
  settings: UfwSettings;
  /** Whether ufw manages IPv6: its setting is on and the kernel has it. */
  ipv6: boolean;
  families: readonly Family[];
  rules: RuleLists;
  ruleFiles: Partial<Record<Family, RuleFile>>;
  /** The texts of before and after rules, which ufw loads around its own. */
  around: Partial<Record<Family, { before: string; after: string }>>;
  schedule: Schedule;
  /** The nginx site file, parsed; null where there is none. */
  web: WebSite | null;
  sources: Sources;
}

export interface Sources {
  ipv4: FileText;
  ipv6: FileText;
  defaultUfw: FileText;
  ufwConf: FileText;
  schedule: FileText;
  site?: FileText;
}

/** The site file as it is read: what it says, or why it cannot be read. */
export interface WebSite {
  site: Site | null;
  /** Why it cannot be read; null where it can. */
  refusal: Sentence | null;
  /** Without a readable site all null, with the reason among the problems. */
  ports: WebPorts;
}

/** What a change wants ufw's files to say. */
export interface Wanted {
  rules: RuleLists;
  policies: Policies;
  /** Whether the firewall is to be active, now and at boot. */
  enabled: boolean;
  /** Left out: stays. */
  schedule?: Schedule;
  /** The nginx site file's new bytes, as latin1; left out: stays. */
  site?: string;
  /** Files that get these very bytes (latin1), by path: all of the above but the schedule was read out of them. */
  texts?: Texts;
}

/** Texts of files by path, as latin1. */
export type Texts = Readonly<Record<string, string>>;

const scheduleFile = ({ stateDir }: Settings): string => join(stateDir, 'schedule.json');

const FILES_OF = {
  ipv4: { user: 'user.rules', before: 'before.rules', after: 'after.rules' },
  ipv6: { user: 'user6.rules', before: 'before6.rules', after: 'after6.rules' },
} as const;

/** How often files that are not ufw's are read again, and how long a `ufw` command may take to make them so, in ms. */
const TORN_TRIES = 3;
const TORN_MS = 2000;

/**
 * Reads ufw's files. A ufw command empties a file before it fills it: what is found so is read again when that one is done.
 * @param mends the files are about to be replaced: rule files that are missing or no longer ufw's count as empty
 * @throws FirewallError UFW_NOT_FOUND, UFW_FILES_UNREADABLE, NOT_PERMITTED
 */
export async function readSnapshot(settings: Settings, mends = false): Promise<Snapshot> {
  for (let left = TORN_TRIES; ; left--) {
    try {
      return await readOnce(settings, mends);
    } catch (error) {
      if (left === 0 || (error as FirewallError).code !== 'UFW_FILES_UNREADABLE') throw error;
      await ended(await ufwProcesses(), TORN_MS);
    }
  }
}

async function readOnce(settings: Settings, mends: boolean): Promise<Snapshot> {
  const inUfw = (name: string): string => join(settings.etcUfw, name);
  const [ipv4, ipv6, defaultUfw, ufwConf] = await Promise.all([
    required(inUfw(FILES_OF.ipv4.user), settings, mends),
    required(inUfw(FILES_OF.ipv6.user), settings, mends),
    required(settings.defaultUfw, settings),
    required(inUfw('ufw.conf'), settings),
  ]);
  const [schedule, site] = await Promise.all([readText(scheduleFile(settings)), readText(settings.webSite)]);
  const sources: Sources = {
    ...{ ipv4, ipv6, defaultUfw, ufwConf },
    schedule: schedule ?? { path: scheduleFile(settings), text: '', mode: 0o600, uid: ufwConf.uid, gid: ufwConf.gid },
    ...(site ? { site } : {}),
  };
  const around: Snapshot['around'] = {};
  const managesIpv6 = parseSettings(defaultUfw.text, ufwConf.text).ipv6 && (await exists('/proc/sys/net/ipv6'));
  for (const family of managesIpv6 ? FAMILIES : (['ipv4'] as const)) {
    const [before, after] = await Promise.all([
      required(inUfw(FILES_OF[family].before), settings),
      required(inUfw(FILES_OF[family].after), settings),
    ]);
    around[family] = { before: before.text, after: after.text };
  }
  return parsed(sources, around, mends);
}

/** The snapshot that files with these texts lead to. */
async function parsed(sources: Sources, around: Snapshot['around'], mends: boolean): Promise<Snapshot> {
  const { defaultUfw, ufwConf, schedule, site } = sources;
  const settings = parseSettings(defaultUfw.text, ufwConf.text);
  const families = Object.keys(around) as Family[];
  const bytes = (Object.values(sources) as FileText[]).map(({ text }) => `${text.length}:${text}`).join('');
  const snapshot: Snapshot = {
    ...{ bytes, settings, families, around, sources },
    ...{ ipv6: families.includes('ipv6'), rules: {}, ruleFiles: {} },
    schedule: parseSchedule(schedule.text, schedule.path),
    web: site ? webSiteOf(site.text) : null,
  };
  for (const family of families) {
    const file = parsedFile(sources[family], family, mends ? settings : null);
    snapshot.ruleFiles[family] = file;
    snapshot.rules[family] = rulesOf(file);
    // Thousands of rules take some time to read; this yields to the event loop in between.
    await new Promise(setImmediate);
  }
  return snapshot;
}

/**
 * The snapshot as it would be read if some of its files had other texts. Whether ufw manages IPv6 stays as it is.
 * @throws FirewallError UFW_FILES_UNREADABLE
 */
export async function withTexts(snapshot: Snapshot, texts: Texts): Promise<Snapshot> {
  const sources = Object.fromEntries(
    (Object.entries(snapshot.sources) as [string, FileText][]).map(([key, file]) => [
      key,
      { ...file, text: texts[file.path] ?? file.text },
    ]),
  ) as unknown as Sources;
  return parsed(sources, snapshot.around, false);
}

/**
 * Rule files as they were last read and last planned, by path: a file whose text has not changed is not parsed again, and
 * what was computed about its rules still holds. Never trusted beyond that: the text itself is read every time.
 */
const lastRead = new Map<string, { text: string; file: RuleFile }>();
const lastPlanned = new Map<string, { text: string; file: RuleFile }>();

function parsedFile({ path, text }: FileText, family: Family, mending: UfwSettings | null): RuleFile {
  const known = [lastRead.get(path), lastPlanned.get(path)].find((one) => one?.text === text);
  if (mending && !known && !isRuleFile(text, family)) return canonicalFile(family, mending);
  const file = known?.file ?? parseRuleFile(text, family, path);
  lastRead.set(path, { text, file });
  return file;
}

/** What is to happen later, without reading anything else. */
export async function readSchedule(settings: Settings): Promise<Schedule> {
  const path = scheduleFile(settings);
  return parseSchedule((await readText(path))?.text ?? '', path);
}

/** The snapshot as it would be read after the files said what is wanted. */
export async function withWanted(snapshot: Snapshot, wanted: Wanted): Promise<Snapshot> {
  const { rules, policies, enabled, schedule, site, texts } = wanted;
  const onTime = schedule ? { [snapshot.sources.schedule.path]: formatSchedule(schedule) } : {};
  if (texts) return withTexts(snapshot, { ...texts, ...onTime });
  const settings = { ...snapshot.settings, policies, enabled };
  const starts = enabled && !snapshot.settings.enabled;
  const policiesMoved = (Object.keys(policies) as (keyof Policies)[]).some(
    (key) => policies[key] !== snapshot.settings.policies[key],
  );
  const next: Snapshot = {
    ...snapshot,
    bytes: '',
    settings,
    rules: {},
    ruleFiles: {},
    sources: { ...snapshot.sources },
  };
  for (const family of snapshot.families) {
    const file = snapshot.ruleFiles[family] as RuleFile;
    const list = rules[family] ?? [];
    const untouched = sameRules(list, snapshot.rules[family] ?? []);
    // ufw itself rewrites the file the package ships in full, when it first has something to write.
    const pristine = isPristine(file) && (!untouched || starts);
    const base = pristine ? canonicalFile(family, settings) : policiesMoved ? withLogging(file, settings) : file;
    const nextFile = untouched && !pristine ? base : withRules(withChains(base, list, settings), list);
    next.ruleFiles[family] = nextFile;
    next.rules[family] = list;
    const text = nextFile === file ? snapshot.sources[family].text : formatRuleFile(nextFile);
    next.sources[family] = { ...snapshot.sources[family], text };
    if (nextFile !== file) lastPlanned.set(snapshot.sources[family].path, { text, file: nextFile });
  }
  const { defaultUfw, ufwConf } = snapshot.sources;
  next.sources.defaultUfw = {
    ...defaultUfw,
    text: withPolicies(defaultUfw.text, snapshot.settings.policies, policies),
  };
  if (schedule) {
    next.schedule = schedule;
    next.sources.schedule = { ...snapshot.sources.schedule, text: formatSchedule(schedule) };
  }
  if (site !== undefined && snapshot.sources.site) {
    next.web = webSiteOf(site);
    next.sources.site = { ...snapshot.sources.site, text: site };
  }
  if (enabled !== snapshot.settings.enabled)
    next.sources.ufwConf = { ...ufwConf, text: withEnabled(ufwConf.text, enabled) };
  return next;
}

/** The files whose bytes differ between two snapshots, as the second has them. */
export function changedFiles(from: Snapshot, to: Snapshot): FileText[] {
  return (Object.keys(from.sources) as (keyof Sources)[])
    .filter((key) => from.sources[key]?.text !== to.sources[key]?.text)
    .map((key) => to.sources[key] as FileText);
}

function webSiteOf(text: string): WebSite {
  try {
    const site = parseSite(Buffer.from(text, 'latin1'));
    return { site, refusal: null, ports: webPorts(site) };
  } catch (error) {
    if (!(error instanceof FirewallError)) throw error;
    // Reading the firewall does not fail for it: it is one of the things a report is for.
    const [refusal = null] = error.said;
    const problems = [error.message.replace(/^[A-Z_]+: /, '')];
    return {
      ...{ site: null, refusal },
      ports: { http: null, https: null, otherHttp: [], otherHttps: [], redirectsTo: null, problems },
    };
  }
}

/** The filter table the kernel holds after ufw has loaded the snapshot's files. */
export function expectedTable(snapshot: Snapshot, family: Family): Table {
  const file = snapshot.ruleFiles[family];
  if (!file) return restored(IPV6_OFF_LOAD);
  const text = JSON.stringify([snapshot.around[family], snapshot.settings.policies]);
  const known = expectedByFile.get(file);
  if (known?.text === text) return known.table;
  const table = restored(fullLoadOf(snapshot, family, null));
  expectedByFile.set(file, { text, table });
  return table;
}

/** What a rule file leads to depends on the rest only by this text, and seldom changes between two readings. */
const expectedByFile = new WeakMap<RuleFile, { text: string; table: Table }>();

/** The text that brings up the whole firewall of a family. */
export function fullLoadOf(snapshot: Snapshot, family: Family, present: Table | null): string {
  const around = snapshot.around[family] as { before: string; after: string };
  return fullLoad({ ...around, user: snapshot.ruleFiles[family] as RuleFile }, snapshot.settings.policies, present);
}

const sameRules = (a: readonly Rule[], b: readonly Rule[]): boolean =>
  a.length === b.length && a.every((rule, at) => rule === b[at]);

async function required(path: string, settings: Settings, mends = false): Promise<FileText> {
  const file = await readText(path);
  if (file) return file;
  if (!(await exists(settings.etcUfw))) {
    throw new FirewallError('UFW_NOT_FOUND', {
      what: say`${settings.etcUfw} does not exist: ufw is not installed here.`,
      remedy: say`Install ufw on the device: sudo apt-get install ufw`,
    });
  }
  if (mends) return { path, text: '', mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  throw unreadable(path, say`it is missing`);
}
