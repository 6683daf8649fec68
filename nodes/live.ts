/**
 * What the editor's sidebar shows of a device, published to every open editor whenever it changes. Nothing comes back from
 * there, so whoever opens the editor can see the firewall but not change it through the sidebar.
 */
import type { NodeAPI } from 'node-red';
import { asFirewallError, codeOf, type FirewallError } from '../firewall/errors';
import type { Firewall } from '../firewall/firewall';
import type { ListedEntry } from '../firewall/ledger/entry';
import { onOneLine } from '../firewall/printable';
import type { BackupReport, Blocked, OutlookReport, PeerReport, ServiceReport, State } from '../firewall/results';
import { BlockedByHour, type BlockedHours } from '../firewall/watch/blocked-by-hour';
import { version as packageVersion } from './version';

/** The editor subscribes to this, followed by the device's id. */
const TOPIC = 'smartserver-firewall';
/** Edit dialogs subscribe to this, followed by the device's id. */
const OUTLOOK_TOPIC = 'smartserver-firewall-outlook';
/** The sidebar subscribes to this, followed by the device's id. */
const BLOCKED_TOPIC = 'smartserver-firewall-blocked';
/** A source of blocked packets is counted at most every so many seconds, and what is counted published so seldom, in ms. */
const BLOCKED_EVERY = 10;
const BLOCKED_MS = 2000;
/** So much of an entry's words is shown, in characters. */
const LONGEST_WORDS = 200;
/** How many interfaces and addresses of a service are shown; a blocklist has thousands. */
const NAMED = 5;

/** A service in the sidebar's table. */
export interface LiveService
  extends Pick<ServiceReport, 'id' | 'label' | 'ports' | 'in' | 'out' | 'optional' | 'internal' | 'listening'> {
  /** The first of the interfaces and addresses named in its rules. */
  scope: readonly string[];
  /** How many more there are. */
  more: number;
}

/** Who talks with a service, in the sidebar. */
export interface LivePeers {
  /** Its id, or the port where it is the port of none. */
  service: string;
  /** In each direction the first addresses, and how many more there are. */
  in: { addresses: readonly string[]; more: number };
  out: { addresses: readonly string[]; more: number };
  /** The day on which one of them was seen last: it changes rarely enough to be published. */
  last: string;
}

interface Named {
  id: string;
  /** The name of its config node; empty for the device of all nodes without one. */
  name: string;
}

/** What is needed of a device to show it. */
type Shown = Pick<Firewall, 'observe' | 'watch' | 'backups' | 'outlook'>;

/** What is published about one device. */
export interface LiveDevice extends Named {
  /** Null until it has been read. */
  state:
    | (Omit<State, 'readAt' | 'rules' | 'services' | 'peers'> & {
        services: readonly LiveService[];
        rules: number;
        peers: readonly LivePeers[] | null;
      })
    | null;
  /** When it was read; ISO 8601, UTC. */
  readAt: string | null;
  /** The newest first. */
  backups: readonly BackupReport[];
  /** Why it could not be read: the code and the sentences of a FirewallError; null if it could. */
  error: Pick<FirewallError, 'code' | 'said'> | null;
  /** The newest entries of the ledger, the newest first; null until they are read, or why they could not be. */
  timeline: readonly ListedEntry[] | 'outdated' | 'unread' | null;
  /** The device no longer exists. */
  gone?: true;
}

/** What was blocked, as far as the kernel has logged it. */
export interface LiveBlocked extends BlockedHours {
  id: string;
  /** Since when it is counted; ISO 8601, UTC. */
  since: string;
  /** Why nothing of it is known, and what to do, as in `error`; null where it is. */
  trouble: LiveDevice['error'];
  /** The device no longer exists. */
  gone?: true;
}

/** What edit dialogs work out previews of changes from, see firewall/plan/preview.ts. */
export interface LiveOutlook {
  text: string | null;
  /** Why there is none: also where the privileged program is of another version, or it could not be read. */
  problem: OutlookReport['problem'] | 'outdated' | 'unread';
}

/**
 * Shows a device in every editor as soon as flows run: opens it, reads it, and then publishes what is observed.
 * @param open may throw, for example because of invalid settings; then the error is shown
 * @returns a function that stops it.
 */
export function showDevice(RED: NodeAPI, { id, name }: Named, open: () => Shown): () => void {
  let shown: LiveDevice = { id, name, state: null, readAt: null, backups: [], timeline: null, error: null };
  let compared = comparable(shown);
  let stopObserving = (): void => undefined;
  let stopWatching = (): void => undefined;
  let isOver = false;
  const show = (change: Partial<LiveDevice>): boolean => {
    if (isOver) return false;
    const next = { ...shown, ...change };
    const now = comparable(next);
    if (now === compared) return false;
    // A copy: the observed state is also sent to flows, which may modify it.
    [shown, compared] = [{ ...JSON.parse(now), readAt: next.readAt }, now];
    RED.comms.publish(`${TOPIC}/${id}`, shown, true);
    return true;
  };
  const failed = (cause: unknown): boolean => {
    const { code, said } = asFirewallError(cause);
    return show({ error: { code, said } });
  };
  const publishOutlook = (outlook: LiveOutlook): void => {
    if (!isOver) RED.comms.publish(`${OUTLOOK_TOPIC}/${id}`, outlook, true);
  };
  const readBeside = async (device: Shown): Promise<void> => {
    const known = (Array.isArray(shown.timeline) && shown.timeline[0]?.hash) || '';
    try {
      const report = await device.outlook({ known });
      publishOutlook(liveOutlook(report));
      if (report.timeline) show({ timeline: report.timeline.map(liveEntry) });
    } catch (error) {
      const problem = codeOf(error) === 'OUTDATED' ? 'outdated' : 'unread';
      publishOutlook({ text: null, problem });
      if (!Array.isArray(shown.timeline)) show({ timeline: problem });
    }
  };
  const blocked = showBlocked(RED, id);
  const start = (): void => {
    const device = open();
    let rules = '';
    const readOutlook = oneAtATime(() => readBeside(device));
    stopObserving = device.observe(({ state }) => {
      const { readAt, ...rest } = state;
      const peers = state.peers && Object.entries(state.peers).map(([id, list]) => livePeers(id, list));
      const view = { ...rest, rules: state.rules.length, services: state.services.map(liveService), peers };
      const isNew = show({ state: view, readAt, error: null });
      if (isNew) device.backups().then((backups) => show({ backups }), failed);
      // Behind it: the sidebar is looked at more often.
      const listed = JSON.stringify(state.rules);
      if (isNew || listed !== rules) void readOutlook();
      rules = listed;
    });
    // Every reading reaches the observers; the watch only ensures that there are readings.
    const trouble = (error: unknown): unknown => (error === null ? show({ error: null }) : failed(error));
    const unwatch = device.watch({ topics: [] }, { event: () => undefined, trouble });
    const unhear = device.watch(
      { topics: ['blocked'], blockedEvery: BLOCKED_EVERY },
      {
        event: ({ topic, payload }) => topic === 'blocked' && blocked.add(payload),
        trouble: (error) => blocked.trouble(error && { code: error.code, said: error.said }),
      },
    );
    blocked.begin();
    stopWatching = () => {
      unwatch();
      unhear();
    };
  };
  // The config node may be created after the nodes that refer to it, and its settings may be invalid.
  const soon = setImmediate(() => {
    try {
      start();
    } catch (cause) {
      failed(cause);
    }
  });
  return () => {
    isOver = true;
    clearImmediate(soon);
    stopWatching();
    stopObserving();
    blocked.stop();
    // Published without being retained, this also clears the retained state.
    RED.comms.publish(`${TOPIC}/${id}`, { ...shown, gone: true }, false);
    RED.comms.publish(`${OUTLOOK_TOPIC}/${id}`, { text: null, problem: 'unread' }, false);
  };
}

const liveOutlook = ({ version, text, problem }: OutlookReport): LiveOutlook =>
  version === packageVersion() ? { text, problem } : { text: null, problem: 'outdated' };

/** Counts what is blocked, and publishes it, however much that is, at most every few seconds. */
function showBlocked(RED: NodeAPI, id: string) {
  const counted = new BlockedByHour();
  const since = new Date().toISOString();
  let problem: LiveBlocked['trouble'] = null;
  let timer: NodeJS.Timeout | undefined;
  let isNew = false;
  const publish = (): void => {
    isNew = false;
    const live: LiveBlocked = { id, since, trouble: problem, ...counted.hours(Date.now()) };
    RED.comms.publish(`${BLOCKED_TOPIC}/${id}`, live, true);
    timer = setTimeout(() => {
      timer = undefined;
      if (isNew) publish();
    }, BLOCKED_MS);
  };
  const soon = (): void => {
    isNew = true;
    if (!timer) publish();
  };
  return {
    begin: soon,
    add(payload: Blocked): void {
      counted.add(payload, Date.now());
      soon();
    },
    trouble(trouble: LiveBlocked['trouble']): void {
      problem = trouble;
      clearTimeout(timer);
      publish();
    },
    stop(): void {
      clearTimeout(timer);
      RED.comms.publish(`${BLOCKED_TOPIC}/${id}`, { id, gone: true }, false);
    },
  };
}

/** So that what somebody has sent does not fill the editor. */
const liveEntry = (one: ListedEntry): ListedEntry => ({
  ...one,
  action: onOneLine(one.action, LONGEST_WORDS),
  reason: onOneLine(one.reason, LONGEST_WORDS),
});

/** Makes it once more when it is done, if it was wanted meanwhile, however often. */
function oneAtATime(make: () => Promise<void>): () => Promise<void> {
  let isMaking = false;
  let isWanted = false;
  return async () => {
    isWanted = true;
    if (isMaking) return;
    isMaking = true;
    while (isWanted) {
      isWanted = false;
      await make();
    }
    isMaking = false;
  };
}

/** Two states that differ only in the time of reading show the same. */
const comparable = ({ readAt, ...rest }: LiveDevice): string => JSON.stringify(rest);

function liveService(service: ServiceReport): LiveService {
  const { id, label, ports, optional, internal, listening, interfaces, sources } = service;
  const scope = [...interfaces, ...sources];
  return {
    ...{ id, label, ports, optional, internal, listening },
    ...{ in: service.in, out: service.out },
    scope: scope.slice(0, NAMED),
    more: Math.max(0, scope.length - NAMED),
  };
}

function livePeers(service: string, peers: readonly PeerReport[]): LivePeers {
  const of = (way: PeerReport['direction']): LivePeers['in'] => {
    const addresses = peers.flatMap(({ address, direction }) => (direction === way ? [address] : []));
    return { addresses: addresses.slice(0, NAMED), more: Math.max(0, addresses.length - NAMED) };
  };
  const last = peers.reduce((latest, { lastSeen }) => (lastSeen > latest ? lastSeen : latest), '');
  return { service, in: of('in'), out: of('out'), last: last.slice(0, 10) };
}
