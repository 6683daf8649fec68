/** The checkpoint of a change that is about to be made. */
import type { Checkpoint, FamilyText } from './checkpoint';
import type { FileText } from './file-text';
import type { Plan } from './plan';
import { filesOf, type Snapshot } from './snapshot';
import { type Splice, spliceOf } from './splice';

interface Change extends Pick<Checkpoint, 'id' | 'action' | 'reason'> {
  before: Snapshot;
  /** It begins a lease, ends one, or was made by a schedule or a timer. */
  timed?: boolean;
  files: readonly FileText[];
  plan: Pick<Plan, 'unit' | 'base'>;
  /** What the kernel holds, where that is not what the files say. */
  kernel: readonly FamilyText[] | null;
}

/** @param now ms since 1970 */
export function checkpointOf(
  { id, action, reason, timed = reason !== 'requested', before, files, plan: { unit, base }, kernel }: Change,
  now = Date.now(),
): Checkpoint {
  const old = filesOf(before.sources);
  const textBefore = new Map(old.map(({ path, text }) => [path, text]));
  const splices = (texts: readonly (readonly [string, string])[]): Record<string, Splice> =>
    Object.fromEntries(texts.map(([path, text]) => [path, spliceOf(textBefore.get(path) ?? '', text)]));
  return {
    // First, where the backup's place is found without reading all of it.
    id,
    ...(timed ? { timed } : {}),
    ...{ action, reason, at: new Date(now).toISOString() },
    rules: before.families.reduce((sum, { rules }) => sum + rules.length, 0),
    before: old,
    after: splices(files.map(({ path, text }) => [path, text])),
    ...(base ? { base: splices(Object.entries(base)) } : {}),
    site: before.sources.site?.path ?? null,
    ...(kernel ? { kernel } : {}),
    ...(unit ? { unit } : {}),
  };
}

/** The checkpoint of a new schedule, and of nothing else. @param now ms since 1970 */
export const scheduleCheckpoint = (
  id: string,
  action: string,
  before: FileText,
  { path, text }: FileText,
  now = Date.now(),
): Checkpoint => ({
  ...{ id, action, reason: 'requested', at: new Date(now).toISOString(), rules: 0, site: null, transient: true },
  before: [before],
  after: { [path]: spliceOf(before.text, text) },
});
