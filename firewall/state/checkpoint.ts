/** What makes a change safe to be interrupted: everything needed to take it back, and, once it is done, its backup. */
import type { BackupReport } from '../results';
import type { Family } from '../rules/rule';
import type { FileText } from './file-text';
import { type Splice, spliced } from './splice';
import type { UnitChange } from './unit';
import type { Texts } from './wanted';

export interface Checkpoint {
  id: string;
  /** ISO 8601, UTC. */
  at: string;
  /** What was asked: `set-profile lockdown`. */
  action: string;
  /** Why: somebody requested it, nobody confirmed the change it reverts, or a lease has ended. */
  reason: BackupReport['reason'];
  /** How many rules there were. */
  rules: number;
  /** All files a change may write, as they were. */
  before: readonly FileText[];
  /** What the change makes of the files it writes, by path: distinguishes its own partial work from somebody else's. */
  after: Readonly<Record<string, Splice>>;
  /** The files that an undo makes otherwise than they were: of a change that took another one back, or ended it, first. */
  base?: Readonly<Record<string, Splice>>;
  /** The systemd unit that the change starts or stops, if any. */
  unit?: UnitChange;
  /** Which of the files is nginx's, if any. */
  site: string | null;
  /** The kernel's tables, where they are not what the files say: an inactive firewall, or files that are no longer ufw's. */
  kernel?: readonly FamilyText[];
}

/** A text for a family's iptables-restore. */
export interface FamilyText {
  family: Family;
  text: string;
}

/** The form of a change's id: it sorts by time, and is safe as a file name. */
export const ID = /^\d{8}T\d{9}Z-[0-9a-f]{6}$/;

/** The files that a change might have written, as they were before it, as an undo makes them, or as it left them. */
export const textsOf = ({ before, base, after }: Checkpoint, when: 'before' | 'base' | 'after'): Texts =>
  Object.fromEntries(
    before.map(({ path, text }) => {
      const splice = when === 'before' ? undefined : (when === 'base' ? base : after)?.[path];
      return [path, splice ? spliced(text, splice) : text];
    }),
  );
