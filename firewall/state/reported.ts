/** What was reported to those who watch. */
import * as z from 'zod/mini';
import { changeId } from './change-id';
import { entriesOf, entryOf, type Form } from './own-file';

const openness = z.enum(['open', 'partial', 'closed']);
const askedFor = z.object({
  profile: z.string(),
  differences: z.array(
    z.object({ service: z.string(), direction: z.enum(['in', 'out']), expected: openness, actual: openness }),
  ),
});
/** What differs from a profile because this package was asked for it after the profile was set. */
export type AskedFor = z.infer<typeof askedFor>;

export interface Reported {
  /** The changes. */
  ids: readonly string[];
  /** Null where nothing that differs was asked for. */
  asked: AskedFor | null;
}

export const REPORTED: Form<Reported> = {
  version: 1,
  empty: { ids: [], asked: null },
  // 1.0.0 wrote an id in each line.
  ofText: (text) => ({ ids: text.split('\n').filter(Boolean) }),
  read(content, flaws) {
    const ids = entriesOf(changeId, content.ids, 'ids', flaws);
    const asked = entryOf(z.nullable(askedFor), content.asked ?? null, 'asked', flaws);
    return ids.length === 0 && flaws.length > 0 ? null : { ids, asked };
  },
  write: ({ ids, asked }) => ({ ids, asked }),
};
