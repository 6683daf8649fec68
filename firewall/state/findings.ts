/** What is wrong with a device's firewall, worst first, each with what to do about it. */
import { fromBytes } from '../printable';
import type { Finding } from '../results';
import { type DisputedLine, FILE_NAMES } from '../rules/ufw-settings';
import type { Snapshot } from './snapshot';

export const findings = ({ settings }: Pick<Snapshot, 'settings'>): Finding[] => settings.disputed.map(disputedSetting);

function disputedSetting({ file, line, text, option, isUnclear }: DisputedLine): Finding {
  const isOverride = !isUnclear && file === 'ufwConf' && option.startsWith('DEFAULT_');
  const why = isOverride
    ? 'overrides what "ufw default" sets'
    : 'is read differently by ufw and by its boot script, so what ufw reports is not what is loaded at boot';
  return {
    id: 'disputed-setting',
    severity: 'high',
    service: null,
    text: `Line ${line} of ${FILE_NAMES[file]} ${why}: ${fromBytes(text)}`,
    remedy: isUnclear
      ? `Write it as ${option}=VALUE, without anything else in the line; until then changes are refused.`
      : 'The next change of the firewall rewrites it; or set it with a plain NAME=VALUE in /etc/default/ufw (ENABLED in ufw.conf).',
    reference: 'man ufw-framework',
  };
}
