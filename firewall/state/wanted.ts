/** What ufw's files, the schedule and the site file shall say. */
import type { Policies } from '../results';
import type { FamilyRules } from './family-rules';
import type { Texts } from './file-text';
import type { Schedule } from './schedule';

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
