/** What is wrong with a device's firewall, worst first, each with what to do about it. */
import { fromBytes, printable } from '../printable';
import type { Finding, News, ServiceReport, Severity, State } from '../results';
import { numbered, type Rule } from '../rules/rule';
import { type DisputedLine, FILE_NAMES } from '../rules/ufw-settings';
import { type Advisory, isAffected } from '../services/advisories';
import type { Registry } from '../services/registry';
import { isOpenToEverybody } from '../verdicts/everybody';
import { type Kernel, rulesetIn } from './kernel';
import { pointlessIn } from './pointless';
import type { Snapshot } from './snapshot';

/** The device is one of a fleet: it has carried out an operator's request, and nobody had signed it. */
const UNSIGNED: Finding = {
  id: 'unsigned-requests',
  severity: 'high',
  service: null,
  text: 'Requests to the fleet need not be signed here: whoever may publish at the broker controls this firewall.',
  remedy: "Enter the operators' public keys in the SmartServer configuration.",
  reference: 'docs/decisions/signed-requests.md',
};

export interface Seen {
  snapshot: Snapshot;
  kernel: Kernel;
  registry: Registry;
  advisories: readonly Advisory[];
  /** What else is known of the state. */
  state: Omit<State, 'findings'>;
  drift: News['drift'];
  /** What is missing for deadlines to be met without Node-RED, in sentences. */
  missing: readonly string[];
  /** The days since somebody was last seen at each service that is learned about for long enough; null for never. */
  idle: ReadonlyMap<string, number | null>;
}

const RANK: readonly Severity[] = ['critical', 'high', 'medium', 'low'];
/** In characters. */
const LONGEST_TITLE = 200;
/** So many rules are named in one finding. */
const MOST_NAMED = 20;

export function findings(seen: Seen): Finding[] {
  const { state, snapshot } = seen;
  const found = [
    // Where it is off, all that is open is open for that reason.
    ...(state.active
      ? [
          ...holes(seen),
          ...state.services.filter(({ id }) => state.exposedInternal.includes(id)).map(exposed),
          ...withoutPassword(seen),
        ]
      : [INACTIVE]),
    ...snapshot.settings.disputed.map(disputedSetting),
    ...(snapshot.schedule.lastRequest && !snapshot.schedule.lastRequest.key && state.operatorKeys.length === 0
      ? [UNSIGNED]
      : []),
    ...drifted(seen),
    ...seen.missing.map(noWayBack),
    ...state.services.filter(({ id }) => state.openUnused.includes(id)).map(unused),
    ...idle(seen),
    ...pointless(seen),
  ];
  return found.sort((a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity));
}

const INACTIVE: Finding = {
  ...{ id: 'inactive', severity: 'critical', service: null, reference: null },
  text: 'The firewall is off: everything is allowed in and out.',
  remedy: 'Apply a profile (set-profile), which switches it on.',
};

const isOpen = ({ kernel }: Pick<Seen, 'kernel'>, { in: into, ports }: ServiceReport): boolean =>
  into !== 'closed' && isOpenToEverybody(rulesetIn(kernel), ports, 'in');

/** Services that are open to everybody and have a known hole; where nobody says which one it is, the device. */
function holes(seen: Seen): Finding[] {
  const { firmware } = seen.registry;
  return seen.advisories.flatMap((advisory) => {
    const affected = isAffected(advisory, firmware);
    if (affected === false) return [];
    const { services } = advisory;
    if (services === null) return [hole(advisory, firmware, affected, null)];
    const open = seen.state.services.filter((one) => services.includes(one.id) && isOpen(seen, one));
    return open.map((service) => hole(advisory, firmware, affected, service));
  });
}

function hole(advisory: Advisory, firmware: string, affected: boolean | null, service: ServiceReport | null): Finding {
  const { id, cves, severity, fixed, reference } = advisory;
  const names = cves.length > 0 ? `${id} (${cves.slice(0, MOST_NAMED).join(', ')})` : id;
  const whose = affected
    ? `the device’s software ${firmware} has a known hole`
    : 'the device’s software may have a known hole (its version is not set in the configuration, or not understood)';
  const where = service ? `${service.label} is open to everybody, and ${whose}` : `${whose.replace(/^t/, 'T')}`;
  const update = fixed
    ? `Update the device to ${printable(fixed).slice(1, -1)}`
    : 'Update the device as the reference says';
  return {
    ...{ id: 'advisory', severity, service: service?.id ?? null, reference },
    text: `${where}: ${names}, ${printable(advisory.title, LONGEST_TITLE)}.`,
    remedy: service
      ? `${update}; until then, let only those in who need it: toggle-service with their address, or a profile narrowed to its peers.`
      : `${update}.`,
  };
}

const exposed = ({ id, label, risk }: ServiceReport): Finding => ({
  ...{ id: 'exposed-internal', severity: 'high', service: id, reference: null },
  text: `${label} can be reached from outside. ${risk}`,
  remedy: 'Remove the rule that lets it in: decidedBy of the service names it.',
});

const withoutPassword = (seen: Seen): Finding[] =>
  seen.state.services
    .filter((service) => service.id === 'mqtt' && isOpen(seen, service))
    .map(({ id, label, risk }) => ({
      ...{ id: 'no-password', severity: 'high', service: id, reference: null },
      text: `${label} is open to everybody. ${risk}`,
      remedy:
        'Close it, or open it to the addresses that need it only; better, use MQTT with TLS and certificates (mqtts).',
    }));

function drifted({ drift }: Seen): Finding[] {
  if (!drift || drift.differences.length === 0) return [];
  const names = [...new Set(drift.differences.map(({ service }) => service))].slice(0, MOST_NAMED);
  return [
    {
      ...{ id: 'drift', severity: 'medium', service: null, reference: null },
      text: `The profile ${drift.profile}, which was set last, no longer holds: ${names.join(', ')}.`,
      remedy: 'Apply the profile again, or find out who changed the rules (watch-firewall reports it).',
    },
  ];
}

const noWayBack = (text: string): Finding => ({
  ...{ id: 'no-way-back', severity: 'medium', service: null, reference: null },
  text: `No way back without Node-RED is installed. ${text}`,
  remedy: 'Run the setup once, as named here.',
});

const unused = ({ id, label }: ServiceReport): Finding => ({
  ...{ id: 'open-unused', severity: 'low', service: id, reference: null },
  text: `${label} is open, but no program listens there.`,
  remedy: 'Close it, if nothing is to listen there.',
});

const idle = ({ state, idle: days }: Seen): Finding[] =>
  state.services
    .filter((service) => service.in !== 'closed' && days.has(service.id) && !state.openUnused.includes(service.id))
    .map(({ id, label }) => ({
      ...{ id: 'open-idle', severity: 'low', service: id, reference: null },
      text:
        days.get(id) === null
          ? `${label} is open, but nobody has used it since it is learned who does.`
          : `${label} is open, but nobody has used it for ${days.get(id)} days.`,
      remedy: 'Close it, if nobody needs it.',
    }));

function pointless({ snapshot }: Seen): Finding[] {
  const pairs = snapshot.families.flatMap(pointlessIn);
  if (pairs.length === 0) return [];
  const all = snapshot.families.flatMap(({ rules }) => rules);
  const numbers = numbered(all);
  const numberOf = (rule: Rule): number => numbers[all.indexOf(rule)] ?? 0;
  const named = pairs.slice(0, MOST_NAMED).map(({ rule, by }) => `${numberOf(rule)} (by ${numberOf(by)})`);
  const more = pairs.length > named.length ? `, and ${pairs.length - named.length} more` : '';
  return [
    {
      ...{ id: 'pointless-rule', severity: 'low', service: null, reference: null },
      text: `Rules that allow what others allow already: ${named.join(', ')}${more}.`,
      remedy: 'Nothing changes if they are deleted: sudo ufw delete NUMBER, the highest number first.',
    },
  ];
}

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
