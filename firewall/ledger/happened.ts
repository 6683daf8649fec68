/** From what has happened to what its entry says. */

import { isSentence, rendered, type Sentence } from '../errors';
import { onOneLine } from '../printable';
import type { Checkpoint } from '../state/checkpoint';
import { NO_HASH } from './chain';
import { NO_DIFFERENCE } from './differences';
import { CATEGORIES, type Content, type Entry, type EntryType } from './entry';

/** What there is to be said of an event; the rest has a default. */
export type Happened = Partial<Omit<Content, 'category' | 'type' | 'note' | 'said'>> &
  Pick<Content, 'source' | 'action'> & { type: EntryType; note?: Sentence | undefined };

const LONGEST_ACTION = 300;
const LONGEST_NOTE = 500;

/** @param state what it is where the event does not say: it has not changed since the entry before */
export function contentOf(
  { type, source, action, note, services, ...said }: Happened,
  moment: Pick<Content, 'at' | 'uptime'>,
  state: string,
): Content {
  return {
    ...{ at: said.at ?? moment.at, uptime: moment.uptime, source, category: CATEGORIES[type], type, id: said.id ?? '' },
    ...{ action: onOneLine(action, LONGEST_ACTION), reason: said.reason ?? '', result: said.result ?? 'done' },
    services: services ?? [],
    ...{ rules: said.rules ?? NO_DIFFERENCE.rules, policies: said.policies ?? {}, enabled: said.enabled ?? null },
    ...{ state: said.state ?? state, ...noteOf(note) },
    ...{ repeated: said.repeated ?? 0, cut: said.cut ?? null },
  };
}

function noteOf(sentence: Sentence | undefined): Pick<Content, 'note' | 'said'> {
  if (!sentence) return { note: '' };
  const text = rendered(sentence);
  const note = onOneLine(text, LONGEST_NOTE);
  return note === text && hasWords(sentence) ? { note, said: [sentence] } : { note };
}

/** Whether there is anything in it that another language says otherwise. */
const hasWords = ({ template, values }: Sentence): boolean =>
  /\p{L}/u.test(template.replace(/\{\d+\}/g, '')) || values.some((one) => isSentence(one) && hasWords(one));

/** Which type the entry of a change is of. */
export function typeOf({ reason, action }: Pick<Checkpoint, 'reason' | 'action'>): EntryType {
  if (reason === 'unconfirmed') return 'reversal';
  if (reason === 'lease-over') return 'lease-end';
  if (reason === 'schedule') return 'schedule';
  return /^(undo|restore) /.test(action) ? 'restore' : 'change';
}

/** Whether the entry is that of the change with this checkpoint: it may have been made several times, one after the other. */
export const isEntryOf = (one: Entry, { id, at }: Pick<Checkpoint, 'id' | 'at'>): boolean =>
  one.id === id && one.at === at && one.type !== 'interrupted';

/** The state in entries before the first that knows it. */
export const UNKNOWN_STATE = NO_HASH;

/** That the firewall is not as the last entry has left it; nothing where it is, or where no entry knows. */
export const driftFrom = (last: Entry | null, state: string): Happened[] =>
  last === null || last.state === UNKNOWN_STATE || last.state === state
    ? []
    : [{ type: 'drift', source: { kind: 'unknown' }, action: 'changed otherwise than through this package', state }];
