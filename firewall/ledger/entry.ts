/**
 * One entry of the ledger: what IEC 62443-4-2 CR 2.8 wants recorded of an event (time, source, category, type, id, result),
 * what it made of the firewall, and its place in the chain, see chain.ts. On disk it is one line of JSON.
 */
import * as z from 'zod/mini';
import { moment, policy, sentence } from '../messages';
import { source } from './source';

/** The version of the form of these entries; it stands in the first line of each file of them. */
export const LEDGER_VERSION = 1;

/** What happened, and which of CR 2.8's categories that is of. */
export const CATEGORIES = {
  /** The first entry of a chain; `note` says why it begins. */
  begin: 'audit-log',
  /** The oldest entries were dropped, see `cut`. */
  cut: 'audit-log',
  change: 'configuration-change',
  confirmation: 'configuration-change',
  /** A change that nobody confirmed has gone back. */
  reversal: 'configuration-change',
  'lease-end': 'configuration-change',
  /** A schedule was registered, removed or overridden, or has come to an edge. */
  schedule: 'configuration-change',
  /** An undo, or a backup that was restored. */
  restore: 'backup-and-restore',
  /** A change was found half done and was taken back. */
  interrupted: 'system-event',
  /** A request was refused, or could not be carried out; nothing has changed. */
  refusal: 'request-error',
  /** `setup` has installed or removed what requires root. */
  setup: 'configuration-change',
  /** Learning who talks was begun, ended or forgotten. */
  learning: 'system-event',
  /** The firewall is not as the entry before has left it: somebody changed it otherwise. */
  drift: 'configuration-change',
} as const;

export type EntryType = keyof typeof CATEGORIES;
export const ENTRY_TYPES = Object.keys(CATEGORIES) as EntryType[];

/** SHA-256 in hexadecimal. */
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal'));
const count = z.int().check(z.minimum(0));

const step = z.object({ from: policy, to: policy });

/** What an entry says of its event, apart from its place in the chain. */
const content = {
  /** ISO 8601, UTC, by the wall clock: of a change, when it was begun. */
  at: moment,
  /** The same moment as ms since the boot with this id, which no change of the clock touches. */
  uptime: z.object({ boot: z.string(), ms: count }),
  source,
  category: z.string(),
  /** One of `EntryType`; a later program may know more. */
  type: z.string(),
  /** The change it is about, which is also that of its backup; empty where it is about none. */
  id: z.string(),
  /** What was asked for: `toggle-service close ssh`. */
  action: z.string(),
  /** Why, in the words of who asked for it; empty where nobody said. */
  reason: z.string(),
  /** `done`, `taken-back`, or the code of the error: `LOCKOUT`. */
  result: z.string(),
  /** The ids of the services whose rules differ, or that were named. */
  services: z.array(z.string()),
  /** In words, one line each; `more` were left out. */
  rules: z.object({ added: z.array(z.string()), removed: z.array(z.string()), more: count }),
  policies: z.object({ incoming: z.optional(step), outgoing: z.optional(step), routed: z.optional(step) }),
  /** The firewall as a whole; null where that stayed. */
  enabled: z.nullable(z.object({ from: z.boolean(), to: z.boolean() })),
  /** The SHA-256 of what ufw's files and nginx's site file say after it, see state-hash.ts. */
  state: hash,
  /** What else is to be said; empty for nothing. */
  note: z.string(),
  /** What the note is made of, see errors.ts; left out where it is not one sentence of this package's own, or too long. */
  said: z.optional(z.array(sentence)),
  /** How many equal ones before it were not entered. */
  repeated: count,
  /** Of a `cut`: how many entries were dropped since the chain began, the hash of the last of them, and which one is first now. */
  cut: z.nullable(z.object({ dropped: count, last: hash, first: count })),
};

export const entry = z.object({
  seq: z.int().check(z.minimum(1)),
  ...content,
  /** The hash of the entry before; of zeros for the first of a chain. */
  previous: hash,
  /** The hash of this one, see chain.ts. */
  hash,
});
export type Entry = z.infer<typeof entry>;

/** An entry as it stands in a list: what it has made of the firewall is left out. */
export const listedEntry = z.pick(entry, {
  seq: true,
  at: true,
  source: true,
  type: true,
  id: true,
  action: true,
  reason: true,
  result: true,
  repeated: true,
  hash: true,
});
export type ListedEntry = z.infer<typeof listedEntry>;

/** An entry without its place in the chain. */
export type Content = Omit<Entry, 'seq' | 'previous' | 'hash'>;

/** The last entry of a chain, by which it is recognised that it was cut or rewritten. */
export const head = z.object({ seq: count, hash });
export type Head = z.infer<typeof head>;
