/** What was reported to those who watch. */
import * as z from 'zod/mini';
import { changeId } from './change-id';
import { entriesOf, type Form } from './own-file';

const openness = z.enum(['open', 'partial', 'closed']);
const askedFor = z.object({
  profile: z.string(),
  differences: z.array(
    z.object({ service: z.string(), direction: z.enum(['in', 'out']), expected: openness, actual: openness }),
  ),
});
/** What differs from a profile because this package was asked for it while that was the last one set. */
export type AskedFor = z.infer<typeof askedFor>;

export interface Reported {
  /** The changes. */
  ids: readonly string[];
  /** By profile: who goes back to one finds what was asked for under it. */
  asked: readonly AskedFor[];
}

export const REPORTED: Form<Reported> = {
  version: 1,
  empty: { ids: [], asked: [] },
  // 1.0.0 wrote an id in each line.
  ofText: (text) => ({ ids: text.split('\n').filter(Boolean) }),
  read(content, flaws) {
    const ids = entriesOf(changeId, content.ids, 'ids', flaws);
    const asked = entriesOf(askedFor, content.asked ?? [], 'asked', flaws);
    return ids.length === 0 && flaws.length > 0 ? null : { ids, asked };
  },
  write: ({ ids, asked }) => ({ ids, asked }),
};
