/** What has happened: how things are now, and what this package has done since somebody last asked. */
import { backupIds, readBackupFile } from '../commit/journal';
import { readReported, writeReported } from '../commit/reported';
import { takeBackInterrupted } from '../commit/transaction';
import { FirewallError, rendered, say } from '../errors';
import { readJournal } from '../host/own-files';
import { ended, ufwProcesses } from '../host/processes';
import type { NewsRequest, Settings } from '../messages';
import type { News, OwnChange, Policies, RuleReport, State } from '../results';
import type { Rule } from '../rules/rule';
import { isRuleFile, parseRuleFile, rulesOf } from '../rules/rule-file';
import { parseSettings, type UfwSettings } from '../rules/ufw-settings';
import { askedFor, type Effect, type Made, unasked } from '../state/asked-for';
import { type Checkpoint, textsOf } from '../state/checkpoint';
import type { Texts } from '../state/file-text';
import type { Kernel } from '../state/kernel';
import { registryFor } from '../state/registry-for';
import { policyChanges, ruleReports } from '../state/report';
import { ruleChanges } from '../state/rule-changes';
import { isSameLease, type Lease, parseSchedule, type Schedule } from '../state/schedule';
import type { Snapshot } from '../state/snapshot';
import { yieldToEventLoop } from '../yield';
import { enterDrift } from './drift';

/** A reading of the firewall. */
export interface Reading extends Pick<News, 'drift'> {
  snapshot: Snapshot;
  kernel: Kernel;
  state: State;
}

/** How often it is reading again because a change was made meanwhile. */
const ROUNDS = 10;
/** A `ufw` command that runs for longer asks somebody something, in ms. */
const UFW_MS = 2000;

/**
 * @param look reads the firewall
 * @throws FirewallError BUSY where changes are made all the time, else as reading does.
 */
export async function observe(settings: Settings, { known }: NewsRequest, look: () => Promise<Reading>): Promise<News> {
  const { ids, reading, recovered } = await lookBetweenChanges(settings, look);
  const reported = await readReported(settings);
  const { snapshot, state, drift } = reading;
  // If nothing was ever reported to anybody, existing backups are history.
  const old = new Set(known ?? reported?.ids ?? ids);
  // What of the drift was asked for is found once for all who watch.
  const isAbout = (drift?.differences.length ?? 0) > 0 || (reported?.asked.length ?? 0) > 0;
  const unseen = new Set(isAbout ? ids.filter((id) => !reported?.ids.includes(id)) : []);
  const changes: OwnChange[] = [];
  const since: Made[] = [];
  const inForce: Left = { rules: state.rules, policies: state.policies, enabled: state.active };
  let left = inForce;
  const damaged: string[] = [];
  for (const id of ids.filter((one) => !old.has(one) || unseen.has(one))) {
    const { path, value, flaw } = await readBackupFile(settings, id);
    if (value) {
      const { change, profile, after } = ownChange(snapshot, value);
      if (!old.has(id)) changes.push(change);
      if (unseen.has(id)) since.push({ ...change, profile });
      left = after;
    } else if (flaw !== null && !old.has(id)) {
      damaged.push(`What the change ${id} did cannot be reported: ${path} is damaged (${rendered(flaw)}).`);
    }
    await yieldToEventLoop();
  }
  const registry = registryFor(settings, snapshot);
  const asked = askedFor(registry, drift, reported?.asked ?? [], since, () => effectOf(left, inForce));
  const isNew =
    reported === null ||
    ids.some((id) => !reported.ids.includes(id)) ||
    JSON.stringify(asked) !== JSON.stringify(reported.asked);
  const drifted = await enterDrift(settings, snapshot);
  const unkept = isNew ? await writeReported(settings, { ids, asked }).then(() => [], notKept) : [];
  return {
    ...{ state, drift: unasked(drift, asked), changes, known: ids },
    warnings: [...recovered, ...damaged, ...drifted, ...unkept],
  };
}

const notKept = (error: Error): string[] => [
  `What was reported could not be recorded, so it will be reported again after a restart: ${error.message}`,
];

/**
 * A reading that no change of this package's was under way in, and the ids of all that were made before it. Only so can it
 * be said whose doing a rule is. A `ufw` command is waited for too: it writes one family after the other, and what is there
 * in between is not to be reported.
 */
async function lookBetweenChanges(
  settings: Settings,
  look: () => Promise<Reading>,
): Promise<{ ids: string[]; reading: Reading; recovered: readonly string[] }> {
  const recovered: string[] = [];
  let hanging = new Set<string>();
  for (let left = ROUNDS; left > 0; left--) {
    // Waits for the end of a change that is under way, and rolls back an interrupted one.
    recovered.push(...(await takeBackInterrupted(settings)));
    const running = await ufwProcesses();
    const isOver = await ended(
      running.filter((key) => !hanging.has(key)),
      UFW_MS,
    );
    if (!isOver) hanging = new Set(running);
    const ids = await backupIds(settings);
    const reading = await look();
    const isQuiet = (await readJournal(settings)).value === null;
    if (!isQuiet || ids.join() !== (await backupIds(settings)).join()) continue;
    // Where somebody calls ufw all the time, what it leaves in between has to do.
    if (left === 1 || (await ufwProcesses()).every((key) => hanging.has(key))) return { ids, reading, recovered };
  }
  throw new FirewallError('BUSY', { what: say`the firewall keeps being changed.`, state: null });
}

/** What the files said at one end of a change. */
interface End {
  rules: readonly Rule[];
  settings: UfwSettings;
  schedule: Schedule;
}

/** How the firewall was left, or is. */
interface Left {
  rules: readonly RuleReport[];
  policies: Policies;
  enabled: boolean;
}

const effectOf = (before: Left, after: Left): Effect => ({
  ...ruleChanges(before.rules, after.rules),
  policies: policyChanges(before.policies, after.policies),
  enabled: step(before.enabled, after.enabled),
});

/** What a change has done, which profile was the last to be set after it, and what it has left. */
function ownChange(
  snapshot: Snapshot,
  checkpoint: Checkpoint,
): { change: OwnChange; profile: string | null; after: Left } {
  const { id, at, action, reason } = checkpoint;
  const [before, after] = [
    endOf(snapshot, textsOf(checkpoint, 'before')),
    endOf(snapshot, textsOf(checkpoint, 'after')),
  ];
  const { pending, leases } = before.schedule;
  const wentBack = pending !== null && after.schedule.pending?.id !== pending.id;
  const isOver = (lease: Lease): boolean => !after.schedule.leases.some((other) => isSameLease(other, lease));
  const [found, left] = [leftAt(before), leftAt(after)];
  const change = {
    ...{ id, at, action, reason },
    ...effectOf(found, left),
    logging: step(before.settings.logging, after.settings.logging),
    reverted: wentBack ? { id: pending.id, action: pending.action } : null,
    ended: reason === 'lease-over' ? leases.filter(isOver).map(({ service }) => service) : [],
  };
  return { change, profile: after.schedule.wanted?.profile ?? null, after: left };
}

const leftAt = ({ rules, settings: { policies, enabled } }: End): Left => ({
  ...{ rules: ruleReports(rules), policies, enabled },
});

function endOf({ families, sources }: Snapshot, texts: Texts): End {
  const textOf = (path: string): string => texts[path] ?? '';
  return {
    rules: families.flatMap(({ family }) => {
      const { path } = sources[family];
      // What a change has repaired was not a rule file before.
      return isRuleFile(textOf(path), family) ? rulesOf(parseRuleFile(textOf(path), family, path)) : [];
    }),
    settings: parseSettings({ defaultUfw: textOf(sources.defaultUfw.path), ufwConf: textOf(sources.ufwConf.path) }),
    schedule: parseSchedule(textOf(sources.schedule.path)),
  };
}

const step = <Value>(from: Value, to: Value): { from: Value; to: Value } | null => (from === to ? null : { from, to });
