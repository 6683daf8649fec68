/** Moving the web ports: the new contents of the site file and the rules, and those while both are in use. */
import { FirewallError, say } from '../errors';
import { isSameList } from '../lists';
import type { ChangeWebPortsRequest, Settings } from '../messages';
import type { Policies } from '../results';
import { identity, type Rule } from '../rules/rule';
import { isStructural } from '../services/about';
import { HTTPS, nameOf } from '../services/catalogue';
import { ANY_SCOPE } from '../services/profiles';
import { overlaps, type Registry, registryOf } from '../services/registry';
import type { FamilyRules } from '../state/family-rules';
import type { Plan } from '../state/plan';
import type { Snapshot } from '../state/snapshot';
import { FACTORY } from '../state/web-problems';
import { chainFor, opennessOf, regionOf } from '../verdicts/openness';
import { changePorts, dropOldPorts, listenOnBoth, type PortMove, type WebPortChange } from '../web/edit';
import { siteRefusal } from '../web/refusal';
import type { Site } from '../web/site';
import { opened, type Target } from './open-close';

/** @throws FirewallError NGINX_CONFIG, NGINX_NOT_FOUND, INVALID_INPUT, PORT_IN_USE */
export function planWebPorts(
  snapshot: Snapshot,
  settings: Settings,
  request: ChangeWebPortsRequest,
): Plan & { change: WebPortChange } {
  const { site, http, https } = readable(snapshot);
  const registry = registryOf(settings, { http, https });
  const repairs = request.mode === 'repair';
  const change = repairs ? repairOf(snapshot, request) : changeOf(snapshot, request);
  for (const move of [change.http, change.https]) if (move) refuseOwned(move, registry);
  // In a repair one side stands still: the file, or the rules.
  const siteStays = repairs && request.repairTo === 'nginx';
  const rulesStay = repairs && request.repairTo === 'firewall';
  const keepsOld = !repairs && request.keepOldOpen > 0;
  const edited = siteStays
    ? changePorts(site, { fixRedirect: request.fixRedirect })
    : (keepsOld ? listenOnBoth : changePorts)(site, change);
  const rules = (how: 'move' | 'both'): readonly FamilyRules[] =>
    rulesStay ? snapshot.families : mapRules(snapshot, change, how);
  const text = edited.toString('latin1');
  const after = {
    http: siteStays ? http : (change.http?.to ?? http),
    https: siteStays ? https : (change.https?.to ?? https),
  };
  const oldPorts = [http, https].filter(
    (port): port is number => port !== null && port !== after.http && port !== after.https,
  );
  const newPorts = [after.http, after.https].filter((port): port is number => port !== null);
  // An nginx that is not reloaded stays on the old ports, so they stay open.
  const waits = request.reload === 'none' && !repairs;
  const plan: Plan = {
    rules: rules(keepsOld || waits ? 'both' : 'move'),
    policies: snapshot.settings.policies,
    enabled: snapshot.settings.enabled,
    ...(text === site.text ? {} : { site: text }),
    warnings: warningsOf(oldPorts, waits),
    web: {
      between: rules('both'),
      reload: request.reload,
      listening: keepsOld ? [...newPorts, ...oldPorts] : newPorts,
      left: keepsOld ? [] : oldPorts,
      pages: after,
    },
  };
  return { ...plan, change };
}

/** The end of `keepOldOpen`: nginx and the rules let go of the old ports. */
export function planWithoutOldPorts(snapshot: Snapshot, change: WebPortChange): Plan {
  const { site, http, https } = readable(snapshot);
  const text = dropOldPorts(site, { ...change, fixRedirect: false }).toString('latin1');
  const moves = [change.http, change.https].filter((move): move is PortMove => move !== undefined);
  const pages = { http: change.http?.to ?? http, https: change.https?.to ?? https };
  return {
    rules: mapRules(snapshot, change, 'move'),
    policies: snapshot.settings.policies,
    enabled: snapshot.settings.enabled,
    ...(text === site.text ? {} : { site: text }),
    warnings: [],
    web: {
      between: snapshot.families,
      reload: 'reload',
      listening: moves.map(({ to }) => to),
      left: moves.filter(({ from, to }) => from !== to).map(({ from }) => from),
      pages,
    },
  };
}

function warningsOf(oldPorts: readonly number[], waits: boolean): string[] {
  if (oldPorts.length === 0) return [];
  return [
    'CMS Export may still use the old port: check its settings.',
    ...(waits
      ? ['nginx was not reloaded: it stays on the old ports, which remain open. After reloading it, run mode "repair".']
      : []),
  ];
}

function readable({ web }: Snapshot): { site: Site; http: number | null; https: number | null } {
  if (!web) {
    throw new FirewallError('NGINX_NOT_FOUND', {
      what: say`the nginx site file of the web pages was not found.`,
      remedy: say`Specify it in the configuration node (webSite), or use this node on the device itself.`,
    });
  }
  if (!web.site) throw siteRefusal(web.refusal ?? say`The nginx site file cannot be read.`);
  return { site: web.site, http: web.ports.http, https: web.ports.https };
}

function changeOf(snapshot: Snapshot, request: ChangeWebPortsRequest): WebPortChange {
  const { http, https } = readable(snapshot);
  const wanted = { http: request.http ?? http, https: request.https ?? https };
  if (wanted.http !== null && wanted.http === wanted.https) {
    throw new FirewallError('INVALID_INPUT', { what: say`http: HTTP and HTTPS cannot share port ${wanted.http}.` });
  }
  if (request.http !== undefined && http === null) throw siteRefusal(say`The nginx site file has no HTTP server.`);
  return {
    http: http === null || wanted.http === null ? undefined : { from: http, to: wanted.http },
    https: https === null || wanted.https === null ? undefined : { from: https, to: wanted.https },
    fixRedirect: request.fixRedirect,
  };
}

/** After a factory restore the rules are back at 80 and 443, and the site file is not. */
function repairOf(snapshot: Snapshot, { repairTo, fixRedirect }: ChangeWebPortsRequest): WebPortChange {
  const { http, https } = readable(snapshot);
  const move = (kind: 'http' | 'https', port: number | null): PortMove | undefined => {
    if (port === null) return undefined;
    return repairTo === 'firewall' ? { from: port, to: FACTORY[kind] } : { from: FACTORY[kind], to: port };
  };
  if (repairTo === 'firewall' && !letsIn(snapshot, FACTORY.https)) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`repairTo: the rules do not allow port ${FACTORY.https}, so nginx cannot be moved there.`,
      remedy: say`Use repairTo "nginx", or set the port numbers explicitly.`,
    });
  }
  return { http: move('http', http), https: move('https', https), fixRedirect };
}

/** A port that another service of the catalogue uses is not free, whether or not anything listens there now. */
function refuseOwned({ from, to }: PortMove, { services }: Registry): void {
  if (from === to) return;
  const owner = services.find(
    ({ id, in: incoming, internal, directions, opens }) =>
      id !== 'http' &&
      id !== 'https' &&
      (incoming !== null || internal || directions.includes('in')) &&
      directions.includes('in') &&
      opens.some((ports) => overlaps(ports, `${to}/tcp`)),
  );
  if (!owner) return;
  throw new FirewallError('PORT_IN_USE', {
    what: say`port ${to} belongs to the service ${owner.id} (${nameOf(owner)}).`,
    remedy: say`Choose a port that no service of the device uses, for example 1780 and 1443.`,
  });
}

/**
 * The rules with the old ports' rules speaking of the new ports, at their place, with their interfaces, sources, log
 * flags and comments (`move`), or with both side by side (`both`).
 */
function mapRules(snapshot: Snapshot, change: WebPortChange, how: 'move' | 'both'): FamilyRules[] {
  const moves = [change.http, change.https].filter(
    (move): move is PortMove => move !== undefined && move.from !== move.to,
  );
  const { policies } = snapshot.settings;
  return snapshot.families.map(({ family, rules: old }) => {
    let list: Rule[] = [];
    const seen = new Set(old.map(identity));
    for (const rule of old) {
      const next = isIncoming(rule) ? renumbered(rule, moves) : null;
      const goes = how === 'move' && (next !== null || isOwnOutgoing(rule, moves));
      if (!goes) list.push(rule);
      // Two old forms (80 and 80/tcp) become one new rule: TCP is all nginx needs.
      if (next && !seen.has(identity(next))) list.push(next);
      if (next) seen.add(identity(next));
    }
    for (const { from, to } of moves) {
      list = [...stillLetIn(list, old, { family, from, to, policies })];
      if (policies.outgoing !== 'allow') list = [...opened(list, target(family, 'out', to, policies), 'allow')];
    }
    return { family, rules: isSameList(list, old) ? old : list };
  });
}

const isIncoming = (rule: Rule): boolean =>
  !rule.routed &&
  rule.direction === 'in' &&
  !isStructural(rule) &&
  (rule.protocol === 'tcp' || rule.protocol === 'any') &&
  rule.dapp === '';

/** The rule about the new ports, or null where it names none of the old ones. Ranges are about more than the web pages. */
function renumbered(rule: Rule, moves: readonly PortMove[]): Rule | null {
  const ports = rule.dport.split(',');
  const next = ports.map((port) => String(moves.find(({ from }) => String(from) === port)?.to ?? port));
  if (next.every((port, at) => port === ports[at])) return null;
  const sorted = [...new Set(next)].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  return { ...rule, protocol: 'tcp', dport: sorted.join(',') };
}

/** The outgoing rule that an earlier move made; 80 and 443 are used by the device's own applications and stay. */
function isOwnOutgoing(rule: Rule, moves: readonly PortMove[]): boolean {
  const isFactory = rule.dport === String(FACTORY.http) || rule.dport === String(FACTORY.https);
  return (
    !rule.routed &&
    rule.direction === 'out' &&
    rule.action === 'allow' &&
    rule.protocol === 'tcp' &&
    !isFactory &&
    !isStructural(rule) &&
    rule.comment === '' &&
    moves.some(({ from }) => String(from) === rule.dport)
  );
}

/** A web port by its number, as the catalogue's own entry on other ports. */
const target = (family: Rule['family'], direction: 'in' | 'out', port: number, policies: Policies): Target => ({
  family,
  direction,
  policies,
  scope: ANY_SCOPE,
  service: { ...HTTPS, opens: [`${port}/tcp`] },
});

/** Where the old port was let in by a rule that could not move (a range), the new one gets a rule of its own. */
function stillLetIn(
  list: readonly Rule[],
  old: readonly Rule[],
  { family, from, to, policies }: PortMove & { family: Rule['family']; policies: Policies },
): readonly Rule[] {
  const state = (rules: readonly Rule[], port: number) =>
    opennessOf([regionOf(family, 'in', `${port}/tcp`, ANY_SCOPE)], chainFor(rules, policies, 'in'));
  if (state(old, from) === 'closed' || state(list, to) !== 'closed') return list;
  return opened(list, target(family, 'in', to, policies), 'allow');
}

/** Whether the rules let anybody in to a TCP port, by either family. */
function letsIn(snapshot: Snapshot, port: number): boolean {
  return snapshot.families.some(({ family, rules }) => {
    const chain = chainFor(rules, snapshot.settings.policies, 'in');
    return opennessOf([regionOf(family, 'in', `${port}/tcp`, ANY_SCOPE)], chain) !== 'closed';
  });
}
