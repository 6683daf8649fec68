/** Going back: to what the files were before a change or after it, or to what they are now without what it did. */
import { formatTuple } from '../rules/tuple';
import { withSettings } from '../rules/ufw-settings';
import { type Checkpoint, textsOf } from '../state/checkpoint';
import { type FamilyRules, rulesIn } from '../state/family-rules';
import type { Texts } from '../state/file-text';
import { withoutEffect } from '../state/last-request';
import { patchOf, unpatched } from '../state/patch';
import type { Plan, WebMove } from '../state/plan';
import { isSameWish, type Schedule } from '../state/schedule';
import { filesOf, type Snapshot, settingsTexts, withTexts } from '../state/snapshot';
import { anew } from '../state/standing';
import { reversed } from '../state/unit';
import { undonePolicies } from './lease';

/**
 * The files as a backup has them: before its change, or as the change left them. Of ufw's defaults only the policies go
 * back; whether ufw manages IPv6 is not the firewall's history. Leases are restored too: a service that was open for an hour
 * is not open for ever. Which request was done last does not: old requests may come again.
 */
export async function planRestore(snapshot: Snapshot, checkpoint: Checkpoint, to: 'before' | 'after'): Promise<Plan> {
  const { sources } = snapshot;
  const { lastRequest, lockdown, standings, seen, armed } = snapshot.schedule;
  const kept = textsOf(checkpoint, to === 'before' ? 'base' : to);
  const then = await withTexts(snapshot, kept);
  const { policies, enabled } = then.settings;
  const { defaultUfw, ufwConf } = withSettings(
    { ...settingsTexts(sources), ufwConf: kept[sources.ufwConf.path] ?? sources.ufwConf.text },
    { policies, enabled },
  );
  const texts = { ...kept, [sources.defaultUfw.path]: defaultUfw, [sources.ufwConf.path]: ufwConf };
  return {
    ...{ rules: then.families, policies, enabled, texts, warnings: [] },
    schedule: {
      ...{ pending: null, leases: then.schedule.leases, wanted: then.schedule.wanted },
      lastRequest: to === 'before' ? withoutEffect(lastRequest, checkpoint.id) : lastRequest,
      ...{ lockdown, standings: anew(standings), seen, armed },
    },
    web: webMove(snapshot, then, 'reload'),
  };
}

/**
 * The change undone. Where nothing has changed since, the original bytes are restored; else its effect is taken out of the
 * rules as they are now, and a site file it wrote is as it was before it.
 */
export async function planUndo(snapshot: Snapshot, checkpoint: Checkpoint): Promise<Plan> {
  const [before, after] = [textsOf(checkpoint, 'base'), textsOf(checkpoint, 'after')];
  const [was, became] = [await withTexts(snapshot, before), await withTexts(snapshot, after)];
  const { schedule: scheduleFile, site } = snapshot.sources;
  const written = new Set([...Object.keys(checkpoint.after), ...Object.keys(checkpoint.base ?? {})]);
  const paths = [...written].filter((path) => path !== scheduleFile.path);
  const unit = checkpoint.unit && reversed(checkpoint.unit);
  const common = {
    schedule: withoutChange(snapshot.schedule, was.schedule, became.schedule, checkpoint.id),
    ...(unit ? { unit } : {}),
  };
  const now = textOf(snapshot);
  if (paths.every((path) => now[path] === after[path])) {
    const texts = Object.fromEntries(Object.entries(before).filter(([path]) => paths.includes(path)));
    const { families, settings } = was;
    return {
      ...{ ...common, rules: families, policies: settings.policies, enabled: settings.enabled, texts, warnings: [] },
      web: webMove(snapshot, was, 'if-running'),
    };
  }
  const oldSite = site && site.path in checkpoint.after ? before[site.path] : undefined;
  const isForeign = oldSite !== undefined && now[site?.path ?? ''] !== after[site?.path ?? ''];
  return {
    ...common,
    rules: unpatched(snapshot.families, patchOf(was.families, became.families)),
    policies: undonePolicies(snapshot.settings.policies, was.settings.policies, became.settings.policies),
    enabled: snapshot.settings.enabled && (was.settings.enabled || !became.settings.enabled),
    ...(oldSite === undefined ? {} : { site: oldSite, web: webMove(snapshot, was, 'if-running') }),
    warnings: [
      'The rules have changed since, so only the effect of that change was undone.',
      ...(isForeign
        ? ['The site file has been edited since; the edited version is in the backup of this change.']
        : []),
    ],
  };
}

const textOf = ({ sources }: Snapshot): Texts =>
  Object.fromEntries(filesOf(sources).map(({ path, text }) => [path, text]));

/** What is to happen later without what the change had put there, and with what it had cancelled. */
function withoutChange(now: Schedule, was: Schedule, became: Schedule, id: string): Schedule {
  const { pending, leases, wanted, lastRequest, lockdown, standings, seen, armed } = now;
  const others = leases.filter((lease) => lease.id !== id);
  const cancelled = was.leases.filter(({ key }) => !others.some((lease) => lease.key === key));
  // A profile that was set since is what is wanted now.
  const isItsOwn = !isSameWish(was.wanted, became.wanted) && isSameWish(wanted, became.wanted);
  return {
    pending: pending?.id === id ? null : pending,
    leases: [...others, ...cancelled],
    wanted: isItsOwn ? was.wanted : wanted,
    lastRequest: withoutEffect(lastRequest, id),
    ...{ lockdown, standings: anew(standings), seen, armed },
  };
}

/** How the running nginx follows from one site file to the other. Nothing to follow where the file stays. */
function webMove(from: Snapshot, to: Snapshot, reload: WebMove['reload']): WebMove | undefined {
  if (!from.web || !to.web || from.sources.site?.text === to.sources.site?.text) return undefined;
  const [old, next] = [from.web.ports, to.web.ports];
  const all = ({ http, https, otherHttp, otherHttps }: typeof old): number[] =>
    [http, https, ...otherHttp, ...otherHttps].filter((port): port is number => port !== null);
  return {
    between: both(from.families, to.families),
    reload,
    listening: all(next),
    left: all(old).filter((port) => !all(next).includes(port)),
    pages: { http: next.http, https: next.https },
  };
}

/** The old rules, and behind them what only the new ones have. */
const both = (old: readonly FamilyRules[], next: readonly FamilyRules[]): FamilyRules[] =>
  old.map(({ family, rules }) => {
    const known = new Set(rules.map(formatTuple));
    return { family, rules: [...rules, ...rulesIn(next, family).filter((rule) => !known.has(formatTuple(rule)))] };
  });
