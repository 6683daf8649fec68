/** What a change wants: what ufw's files shall say, and what has to happen besides. */
import type { FamilyRules } from './family-rules';
import type { Texts } from './file-text';
import type { Snapshot } from './snapshot';
import type { UnitChange } from './unit';
import type { Wanted } from './wanted';

export interface Plan extends Wanted {
  warnings: readonly string[];
  /** What an undo makes of files, by path, where that is not what they were: see on-top.ts. */
  base?: Texts;
  web?: WebMove;
  /** The systemd unit that starts or stops with the rules; left out where none has to. */
  unit?: UnitChange;
}

/** How the running nginx follows a new site file. */
export interface WebMove {
  /** The rules while it moves: old and new ports are let in. */
  between: readonly FamilyRules[];
  /** `if-running`: for a rollback, which must not fail because nginx is not running or a page does not respond. */
  reload: 'reload' | 'if-running' | 'reboot' | 'none';
  /** The ports nginx has to listen on afterwards, and those it has to have left. */
  listening: readonly number[];
  left: readonly number[];
  /** The ports whose pages are asked for. */
  pages: { http: number | null; https: number | null };
}

/** The plan that leaves everything as it is. */
export const unchanged = ({ families, settings: { policies, enabled } }: Snapshot): Plan => ({
  ...{ rules: families, policies, enabled, warnings: [] },
});
