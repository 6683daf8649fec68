/** The ids of the changes that were reported to those who watch. */
import { changeId } from './change-id';
import { entriesOf, type Form } from './own-file';

export const REPORTED: Form<readonly string[]> = {
  version: 1,
  empty: [],
  // 1.0.0 wrote an id in each line.
  ofText: (text) => ({ ids: text.split('\n').filter(Boolean) }),
  read(content, flaws) {
    const ids = entriesOf(changeId, content.ids, 'ids', flaws);
    return ids.length === 0 && flaws.length > 0 ? null : ids;
  },
  write: (ids) => ({ ids }),
};
