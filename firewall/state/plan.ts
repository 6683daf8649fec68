/** What a change wants: what ufw's files shall say, and what has to happen besides. */
import type { Policies } from '../results';
import type { FamilyRules } from './family-rules';
import type { Texts } from './file-text';
import type { Schedule } from './schedule';
import type { Snapshot } from './snapshot';
import type { UnitChange } from './unit';

/** What ufw's files, the schedule and the site file shall say. */
export interface Wanted {
  rules: readonly FamilyRules[];
  policies: Policies;
  /** Whether the firewall is to be active, now and at boot. */
  enabled: boolean;
  /** Left out: stays. */
  schedule?: Schedule;
  /** The nginx site file's new bytes, as latin1; left out: stays. */
  site?: string;
  /** Files that get these very bytes (latin1), by path: all of the above but the schedule was read out of them. */
  texts?: Texts;
}

export interface Plan extends Wanted {
  warnings: readonly string[];
  web?: WebMove;
  /** The systemd unit that starts or stops with the rules; left out where none has to. */
  unit?: UnitChange;
}

/** How the running nginx follows a new site file. */
export interface WebMove {
  /** The rules while it moves: old and new ports are let in. */
  between: readonly FamilyRules[];
  /** `if-running`: on the way back, which must not fail for an nginx that does not run or a page that does not answer. */
  reload: 'reload' | 'if-running' | 'reboot' | 'none';
  /** The ports nginx shall listen on afterwards, and those it shall have left. */
  listening: readonly number[];
  left: readonly number[];
  /** The ports whose pages are asked for. */
  pages: { http: number | null; https: number | null };
}

/** The plan that leaves everything as it is. */
export const unchanged = ({ families, settings: { policies, enabled } }: Snapshot): Plan => ({
  ...{ rules: families, policies, enabled, warnings: [] },
});
