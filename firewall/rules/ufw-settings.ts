/** ufw's own settings: `/etc/default/ufw` and `ufw.conf`, read as ufw reads them, changed one assignment at a time. */
import { FirewallError, say } from '../errors';
import type { Policy } from '../messages';
import type { Policies } from '../results';
import { differingPolicies } from './policies';

export type LogLevel = 'off' | 'low' | 'medium' | 'high' | 'full';

export interface UfwSettings {
  enabled: boolean;
  /** What the file says; whether the kernel has IPv6 is another question. */
  ipv6: boolean;
  logging: LogLevel;
  policies: Policies;
}

const OPTION_OF = {
  incoming: 'DEFAULT_INPUT_POLICY',
  outgoing: 'DEFAULT_OUTPUT_POLICY',
  routed: 'DEFAULT_FORWARD_POLICY',
} as const;
const POLICY_OF: Readonly<Record<string, Policy>> = { accept: 'allow', drop: 'deny', reject: 'reject' };
/** The target ufw writes for a policy. */
export const TARGET_OF: Readonly<Record<Policy, string>> = { allow: 'ACCEPT', deny: 'DROP', reject: 'REJECT' };

/**
 * The settings in the texts of both files; `ufw.conf` is read last and wins.
 * @throws FirewallError UFW_FILES_UNREADABLE where a policy is missing or not one of ufw's.
 */
export function parseSettings(defaultUfw: string, ufwConf: string): UfwSettings {
  const values = new Map([...assignments(defaultUfw), ...assignments(ufwConf)]);
  const policy = (option: string): Policy => {
    const value = POLICY_OF[values.get(option.toLowerCase()) ?? ''];
    if (value) return value;
    throw new FirewallError('UFW_FILES_UNREADABLE', {
      what: say`ufw's settings do not contain a valid ${option}.`,
      state: say`Nothing was changed.`,
      remedy: say`Set it in /etc/default/ufw to ACCEPT, DROP or REJECT.`,
    });
  };
  const logging = values.get('loglevel') ?? '';
  return {
    enabled: values.get('enabled') === 'yes',
    ipv6: values.get('ipv6') === 'yes',
    // ufw itself falls back to low when it starts with a level it does not know.
    logging: (['off', 'low', 'medium', 'high', 'full'] as const).find((level) => level === logging) ?? 'low',
    policies: {
      incoming: policy(OPTION_OF.incoming),
      outgoing: policy(OPTION_OF.outgoing),
      routed: policy(OPTION_OF.routed),
    },
  };
}

/** The text of `/etc/default/ufw` with other policies, changed as ufw changes it: only the assignments that differ. */
export function withPolicies(defaultUfw: string, from: Policies, to: Policies): string {
  return differingPolicies(from, to).reduce(
    (text, key) => assign(text, OPTION_OF[key], `"${TARGET_OF[to[key]]}"`),
    defaultUfw,
  );
}

/** The text of `ufw.conf` with the firewall enabled at boot, or not. */
export const withEnabled = (ufwConf: string, enabled: boolean): string =>
  assign(ufwConf, 'ENABLED', enabled ? 'yes' : 'no');

function assignments(text: string): [string, string][] {
  return text
    .split('\n')
    .filter((line) => /^\w+="?\w+"?/.test(line))
    .map((line) => {
      const [option = '', value = ''] = line.trim().split('=');
      return [option.toLowerCase(), value.toLowerCase().replace(/^["']+|["']+$/g, '')];
    });
}

function assign(text: string, option: string, value: string): string {
  const pattern = new RegExp(`^${option}=.*$`, 'gm');
  return pattern.test(text) ? text.replace(pattern, `${option}=${value}`) : `${text}${option}=${value}\n`;
}
