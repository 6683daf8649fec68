/** What makes a change safe to be interrupted: everything needed to take it back, and, once it is done, its backup. */
import * as z from 'zod/mini';
import { absolutePath, moment, reason } from '../messages';
import { FAMILIES } from '../rules/rule';
import { changeId } from './change-id';
import { fileText, type Texts } from './file-text';
import { entryOf, type Form } from './own-file';
import { splice, spliced } from './splice';
import { unitChange } from './unit';

/** A text for a family's iptables-restore. */
const familyText = z.object({ family: z.enum(FAMILIES), text: z.string() });
export type FamilyText = z.infer<typeof familyText>;

/** One text per family; on disk each stands under its family's name. */
const familyTexts = z.codec(
  z.object({ ipv4: z.optional(z.string()), ipv6: z.optional(z.string()) }),
  z.readonly(z.array(familyText)),
  {
    decode: (named) =>
      FAMILIES.flatMap((family) => {
        const text = named[family];
        return text === undefined ? [] : [{ family, text }];
      }),
    encode: (list) => Object.fromEntries(list.map(({ family, text }) => [family, text])),
  },
);

const checkpoint = z
  .object({
    id: changeId,
    /** It begins a lease, ends one, or was made by a schedule or a timer; its backup is kept apart from those of requests. */
    timed: z.optional(z.boolean()),
    /** ISO 8601, UTC. */
    at: moment,
    /** What was asked: `set-profile lockdown`. */
    action: z.string(),
    reason,
    /** How many rules there were. */
    rules: z.int().check(z.minimum(0)),
    /** All files a change may write, as they were. */
    before: z.readonly(z.array(fileText)),
    /** What the change makes of the files it writes, by path: tells its own half-done work from somebody else's. */
    after: z.readonly(z.record(absolutePath, splice)),
    /** The files that an undo makes otherwise than they were: of a change that took another one back, or ended it, first. */
    base: z.optional(z.readonly(z.record(absolutePath, splice))),
    /** The systemd unit that the change starts or stops, if any. */
    unit: z.optional(unitChange),
    /** Which of the files is nginx's, if any. */
    site: z.nullable(absolutePath),
    /** Only the schedule changes, and no backup is made of it: there is a journal for its entry in the ledger alone. */
    transient: z.optional(z.literal(true)),
    /** The kernel's tables, where they are not what the files say: an inactive firewall, or files that are no longer ufw's. */
    kernel: z.optional(familyTexts),
  })
  .check(
    z.refine(
      ({ before, after, base }) =>
        Object.keys({ ...after, ...base }).every((file) => before.some(({ path }) => path === file)),
      'after: must name files that stand in before',
    ),
  );
export type Checkpoint = z.infer<typeof checkpoint>;

/** Half of what a change did is no way back: a checkpoint is understood wholly or not at all. */
export const CHECKPOINT: Form<Checkpoint> = {
  version: 1,
  read: (content, flaws) => entryOf(checkpoint, content, '', flaws),
  write: (value) => z.encode(checkpoint, value),
};

/** The files that a change might have written, as they were before it, as an undo makes them, or as it left them. */
export const textsOf = ({ before, base, after }: Checkpoint, when: 'before' | 'base' | 'after'): Texts =>
  Object.fromEntries(
    before.map(({ path, text }) => {
      const change = when === 'before' ? undefined : (when === 'base' ? base : after)?.[path];
      return [path, change ? spliced(text, change) : text];
    }),
  );
