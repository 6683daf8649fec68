import type { FileText } from './file-text';
import type { Plan } from './plan';
import type { Snapshot } from './snapshot';

interface Draft {
  files: readonly FileText[];
  after: Pick<Snapshot, 'schedule' | 'sources'>;
  plan: Pick<Plan, 'unit'>;
}

/** Whether only what is to happen later changes: one file, replaced in one step. */
export const isAboutLaterOnly = ({ files, after, plan }: Draft): boolean =>
  files.length === 1 && files[0]?.path === after.sources.schedule.path && !plan.unit;

/** Whether the change is to be reverted unless it is confirmed, by its backup. */
export const needsBackup = ({ after: { schedule } }: Pick<Draft, 'after'>, id: string): boolean =>
  schedule.pending?.id === id;
