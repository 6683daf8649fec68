/** What is wrong with a device's firewall, worst first, each with what to do about it. */
import { fromBytes } from '../printable';
import type { Finding } from '../results';
import { type DisputedLine, FILE_NAMES } from '../rules/ufw-settings';
import type { Snapshot } from './snapshot';

export const findings = (
  { settings, schedule }: Pick<Snapshot, 'settings' | 'schedule'>,
  operatorKeys: readonly string[],
): Finding[] => [
  ...settings.disputed.map(disputedSetting),
  ...(schedule.lastRequest && !schedule.lastRequest.key && operatorKeys.length === 0 ? [UNSIGNED] : []),
];

/** The device is one of a fleet: it has carried out an operator's request, and nobody had signed it. */
const UNSIGNED: Finding = {
  id: 'unsigned-requests',
  severity: 'high',
  service: null,
  text: 'Requests to the fleet need not be signed here: whoever may publish at the broker controls this firewall.',
  remedy: "Enter the operators' public keys in the SmartServer configuration.",
  reference: 'docs/decisions/signed-requests.md',
};

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
