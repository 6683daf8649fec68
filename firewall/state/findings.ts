/** What is wrong with a device's firewall, worst first, each with what to do about it. */
import { isSentence, listed, type Sentence, say, sentenceOf } from '../errors';
import { fromBytes, printable } from '../printable';
import type { Finding, News, ServiceReport, Severity, State } from '../results';
import { numbered, type Rule } from '../rules/rule';
import { type DisputedLine, FILE_NAMES } from '../rules/ufw-settings';
import { type Advisory, isAffected } from '../services/advisories';
import { ALL_OTHERS, CATALOGUE, nameOf } from '../services/catalogue';
import type { Registry } from '../services/registry';
import { isOpenToEverybody } from '../verdicts/everybody';
import { type Kernel, rulesetIn } from './kernel';
import { pointlessIn } from './pointless';
import type { Snapshot } from './snapshot';

/** One in sentences that can be said in any language. */
export interface Found extends Omit<Finding, 'text' | 'remedy'> {
  text: Sentence;
  remedy: Sentence;
}

/** The device is one of a fleet: it has carried out an operator's request, and nobody had signed it. */
const UNSIGNED: Found = {
  ...{ id: 'unsigned-requests', severity: 'high', service: null, reference: 'docs/decisions/signed-requests.md' },
  text: say`Requests to the fleet need not be signed here: whoever may publish at the broker controls this firewall.`,
  remedy: say`Enter the operators' public keys in the SmartServer configuration.`,
};

export interface Seen {
  snapshot: Snapshot;
  kernel: Kernel;
  registry: Registry;
  advisories: readonly Advisory[];
  /** What else is known of the state. */
  state: Omit<State, 'findings' | 'said'>;
  drift: News['drift'];
  /** What is missing for deadlines to be met without Node-RED. */
  missing: readonly Sentence[];
  /** The days since somebody was last seen at each service that is learned about for long enough; null for never. */
  idle: ReadonlyMap<string, number | null>;
}

const RANK: readonly Severity[] = ['critical', 'high', 'medium', 'low'];
/** In characters. */
const LONGEST_TITLE = 200;
/** So many rules are named in one finding. */
const MOST_NAMED = 20;

export function findings(seen: Seen): Found[] {
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

const INACTIVE: Found = {
  ...{ id: 'inactive', severity: 'critical', service: null, reference: null },
  text: say`The firewall is off: everything is allowed in and out.`,
  remedy: say`Apply a profile (set-profile), which switches it on.`,
};

const isOpen = ({ kernel }: Pick<Seen, 'kernel'>, { in: into, ports }: ServiceReport): boolean =>
  into !== 'closed' && isOpenToEverybody(rulesetIn(kernel), ports, 'in');

/** Services that are open to everybody and have a known hole; where nobody says which one it is, the device. */
function holes(seen: Seen): Found[] {
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

function hole(advisory: Advisory, firmware: string, affected: boolean | null, service: ServiceReport | null): Found {
  const { id, cves, severity, fixed, reference } = advisory;
  const names = cves.length > 0 ? `${id} (${cves.slice(0, MOST_NAMED).join(', ')})` : id;
  // What a document says is its publisher's, and stays in his words.
  const title = isSentence(advisory.title) ? say`"${advisory.title}"` : printable(advisory.title, LONGEST_TITLE);
  const update = fixed
    ? say`Update the device to ${printable(fixed).slice(1, -1)}`
    : say`Update the device as the reference says`;
  return {
    ...{ id: 'advisory', severity, service: service?.id ?? null, reference },
    text: service
      ? affected
        ? say`${nameOf(service)} is open to everybody, and the device's software ${firmware} has a known hole: ${names}, ${title}.`
        : say`${nameOf(service)} is open to everybody, and the device's software may have a known hole (its version is not set in the configuration, or not understood): ${names}, ${title}.`
      : affected
        ? say`The device's software ${firmware} has a known hole: ${names}, ${title}.`
        : say`The device's software may have a known hole (its version is not set in the configuration, or not understood): ${names}, ${title}.`,
    remedy: service
      ? say`${update}; until then, let only those in who need it: toggle-service with their address, or a profile narrowed to its peers.`
      : say`${update}.`,
  };
}

/** What may happen while one of the device's own services is open. */
const riskOf = ({ id }: ServiceReport): Sentence | undefined => CATALOGUE.find((one) => one.id === id)?.risk;

const exposed = (service: ServiceReport): Found => ({
  ...{ id: 'exposed-internal', severity: 'high', service: service.id, reference: null },
  text: say`${nameOf(service)} can be reached from outside. ${riskOf(service)}`,
  remedy: say`Remove the rule that lets it in: decidedBy of the service names it.`,
});

const withoutPassword = (seen: Seen): Found[] =>
  seen.state.services
    .filter((service) => service.id === 'mqtt' && isOpen(seen, service))
    .map((service) => ({
      ...{ id: 'no-password', severity: 'high', service: service.id, reference: null },
      text: say`${nameOf(service)} is open to everybody. ${riskOf(service)}`,
      remedy: say`Close it, or open it to the addresses that need it only; better, use MQTT with TLS and certificates (mqtts).`,
    }));

function drifted({ drift }: Seen): Found[] {
  if (!drift || drift.differences.length === 0) return [];
  const ids = [...new Set(drift.differences.map(({ service }) => service))];
  const names = ids.map((id) => (id === ALL_OTHERS ? sentenceOf(id) : id));
  return [
    {
      ...{ id: 'drift', severity: 'medium', service: null, reference: null },
      text: say`The profile ${drift.profile}, which was set last, no longer holds: ${listed(names.slice(0, MOST_NAMED))}.`,
      remedy: say`Apply the profile again, or find out who changed the rules (watch-firewall reports it).`,
    },
  ];
}

const noWayBack = (text: Sentence): Found => ({
  ...{ id: 'no-way-back', severity: 'medium', service: null, reference: null },
  text: say`No way back without Node-RED is installed. ${text}`,
  remedy: say`Run the setup once, as named here.`,
});

const unused = (service: ServiceReport): Found => ({
  ...{ id: 'open-unused', severity: 'low', service: service.id, reference: null },
  text: say`${nameOf(service)} is open, but no program listens there.`,
  remedy: say`Close it, if nothing is to listen there.`,
});

const idle = ({ state, idle: days }: Seen): Found[] =>
  state.services
    .filter((service) => service.in !== 'closed' && days.has(service.id) && !state.openUnused.includes(service.id))
    .map((service) => ({
      ...{ id: 'open-idle', severity: 'low', service: service.id, reference: null },
      text:
        days.get(service.id) === null
          ? say`${nameOf(service)} is open, but nobody has used it since it is learned who does.`
          : say`${nameOf(service)} is open, but nobody has used it for ${days.get(service.id)} days.`,
      remedy: say`Close it, if nobody needs it.`,
    }));

function pointless({ snapshot }: Seen): Found[] {
  const pairs = snapshot.families.flatMap(pointlessIn);
  if (pairs.length === 0) return [];
  const all = snapshot.families.flatMap(({ rules }) => rules);
  const numbers = numbered(all);
  const numberOf = (rule: Rule): number => numbers[all.indexOf(rule)] ?? 0;
  const named = pairs.slice(0, MOST_NAMED).map(({ rule, by }) => say`${numberOf(rule)} (by ${numberOf(by)})`);
  return [
    {
      ...{ id: 'pointless-rule', severity: 'low', service: null, reference: null },
      text:
        pairs.length > named.length
          ? say`Rules that allow what others allow already: ${listed(named)}, and ${pairs.length - named.length} more.`
          : say`Rules that allow what others allow already: ${listed(named)}.`,
      remedy: say`Nothing changes if they are deleted: sudo ufw delete NUMBER, the highest number first.`,
    },
  ];
}

function disputedSetting({ file, line, text, option, isUnclear }: DisputedLine): Found {
  const isOverride = !isUnclear && file === 'ufwConf' && option.startsWith('DEFAULT_');
  const [path, written] = [FILE_NAMES[file], fromBytes(text)];
  return {
    id: 'disputed-setting',
    severity: 'high',
    service: null,
    text: isOverride
      ? say`Line ${line} of ${path} overrides what "ufw default" sets: ${written}`
      : say`Line ${line} of ${path} is read differently by ufw and by its boot script, so what ufw reports is not what is loaded at boot: ${written}`,
    remedy: isUnclear
      ? say`Write it as ${option}=VALUE, without anything else in the line; until then changes are refused.`
      : say`The next change of the firewall rewrites it; or set it with a plain NAME=VALUE in /etc/default/ufw (ENABLED in ufw.conf).`,
    reference: 'man ufw-framework',
  };
}
