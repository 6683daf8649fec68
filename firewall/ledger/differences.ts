/** What an event made of the firewall, as its entry says it. */

import { onOneLine } from '../printable';
import type { RuleReport } from '../results';
import { portRanges } from '../rules/ports';
import { partsOf, type Registry, share } from '../services/registry';
import { changedRules } from '../state/changed-rules';
import { allRules, policyChanges, ruleReports } from '../state/report';
import type { Snapshot } from '../state/snapshot';
import { sha256 } from './chain';
import type { Content } from './entry';

/** So many rules are named in each direction of a difference, in so many bytes, and so many characters of each. */
const MOST_RULES = 100;
const MOST_BYTES = 16 * 1024;
const LONGEST_RULE = 200;

type Difference = Pick<Content, 'rules' | 'policies' | 'enabled' | 'services'>;

export const NO_DIFFERENCE: Difference = {
  ...{ rules: { added: [], removed: [], more: 0 }, policies: {}, enabled: null, services: [] },
};

export function differenceOf(before: Snapshot, after: Snapshot, { services }: Registry): Difference {
  const [old, next] = [allRules(before), allRules(after)];
  const { added, removed } = changedRules(before.families, after.families);
  const named = (rules: typeof old, changed: typeof added): RuleReport[] => {
    const first = new Set([...changed].slice(0, MOST_RULES));
    return first.size === 0 ? [] : ruleReports(rules, (rule) => first.has(rule));
  };
  const [more, fewer] = [named(next, added), named(old, removed)];
  const touched = [...new Set([...more, ...fewer].flatMap(specsOf))].map(partsOf);
  const isTouched = (ports: readonly string[]): boolean =>
    ports.map(partsOf).some((port) => touched.some((other) => share(port, other)));
  const { settings: from } = before;
  const { settings: to } = after;
  const [onto, off] = [asMany(more.map(ruleText)), asMany(fewer.map(ruleText))];
  const unnamed = added.size - onto.length + removed.size - off.length;
  return {
    rules: { added: onto, removed: off, more: unnamed },
    policies: policyChanges(from.policies, to.policies),
    enabled: from.enabled === to.enabled ? null : { from: from.enabled, to: to.enabled },
    services: touched.length === 0 ? [] : services.filter(({ opens }) => isTouched(opens)).map(({ id }) => id),
  };
}

/** The first of these texts, as many as there is room for. */
function asMany(texts: readonly string[]): string[] {
  let left = MOST_BYTES;
  return texts.filter((text) => {
    left -= Buffer.byteLength(JSON.stringify(text));
    return left >= 0;
  });
}

/** A rule about every port is about no service in particular. */
function specsOf({ protocol, to: { port } }: RuleReport): string[] {
  if (port === 'any') return [];
  return portRanges(port).map(([first, last]) => `${first}:${last}${protocol === 'any' ? '' : `/${protocol}`}`);
}

/** `allow in 22/tcp from 192.0.2.0/24 on eth0 (ipv4)`, with its comment. */
function ruleText({ action, direction, protocol, to, from, interface: on, log, family, comment }: RuleReport): string {
  const end = ({ address, port }: RuleReport['to']): string => {
    const where = address.endsWith('/0') ? '' : address;
    return [where, port === 'any' ? '' : `port ${port}`].filter(Boolean).join(' ') || 'any';
  };
  const words = [action, direction, ...(log ? [log] : []), ...(protocol === 'any' ? [] : [protocol])];
  const ends = [`to ${end(to)}`, ...(end(from) === 'any' ? [] : [`from ${end(from)}`]), ...(on ? [`on ${on}`] : [])];
  const said = comment === '' ? '' : ` # ${comment}`;
  return onOneLine(`${[...words, ...ends].join(' ')} (${family})${said}`, LONGEST_RULE);
}

/**
 * The SHA-256 of what ufw's files and nginx's site file say: their names and texts, in this order, each with its length in
 * front. What is to happen later is not part of it.
 */
export function stateHash({ sources: { ipv4, ipv6, defaultUfw, ufwConf, site } }: Snapshot): string {
  const files = [ipv4, ipv6, defaultUfw, ufwConf, ...(site ? [site] : [])];
  return sha256(files.map(({ path, text }) => `${path} ${text.length}\n${text}`).join(''));
}
