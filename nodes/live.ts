/**
 * What the editor's sidebar shows of a device: told to every open editor whenever it changes. Nothing comes back from
 * there, so whoever opens the editor can see the firewall by it, and not change it.
 */
import type { NodeAPI } from 'node-red';
import { asFirewallError } from '../firewall/errors';
import type { Firewall } from '../firewall/firewall';
import type { BackupReport, ServiceReport, State } from '../firewall/results';
import { translated } from './translated';

/** Under this and the device's id the editor hears of it. */
const TOPIC = 'smartserver-firewall';
/** So many interfaces and addresses of a service are named; a blocklist has thousands. */
const NAMED = 5;

/** A service in the sidebar's table. */
export interface LiveService
  extends Pick<ServiceReport, 'id' | 'label' | 'ports' | 'in' | 'out' | 'optional' | 'internal' | 'listening'> {
  /** The first interfaces and addresses that rules about it name. */
  scope: readonly string[];
  /** How many more there are. */
  more: number;
}

interface Named {
  id: string;
  /** The name of its config node; empty for the device of all nodes without one. */
  name: string;
}

/** What is needed of a device to show it. */
type Shown = Pick<Firewall, 'observe' | 'watch' | 'backups'>;

/** What the sidebar is told of one device. */
export interface LiveDevice extends Named {
  /** Null until it was read. */
  state: (Omit<State, 'readAt' | 'rules' | 'services'> & { services: readonly LiveService[]; rules: number }) | null;
  /** When that was; ISO 8601, UTC. */
  readAt: string | null;
  /** The newest first. */
  backups: readonly BackupReport[];
  /** Why it could not be read: the message of a FirewallError; null where it could. */
  error: string | null;
  /** There is no such device any more. */
  gone?: true;
}

/**
 * Shows a device in every editor as soon as flows run: opens it, reads it, and from then on tells what is seen of it.
 * @param open may throw, as for wrong settings; then that is shown
 * @returns what ends it.
 */
export function showDevice(RED: NodeAPI, { id, name }: Named, open: () => Shown): () => void {
  let shown: LiveDevice = { id, name, state: null, readAt: null, backups: [], error: null };
  let compared = comparable(shown);
  let stopObserving = (): void => undefined;
  let stopWatching = (): void => undefined;
  let isOver = false;
  const show = (change: Partial<LiveDevice>): boolean => {
    if (isOver) return false;
    const next = { ...shown, ...change };
    const now = comparable(next);
    if (now === compared) return false;
    // Of its own: what was seen is also what a flow is sent, and may be changed there.
    [shown, compared] = [{ ...JSON.parse(now), readAt: next.readAt }, now];
    RED.comms.publish(`${TOPIC}/${id}`, shown, true);
    return true;
  };
  const failed = (cause: unknown): boolean => show({ error: translated(RED, asFirewallError(cause)).message });
  const start = (): void => {
    const device = open();
    stopObserving = device.observe(({ state }) => {
      const { readAt, ...rest } = state;
      const view = { ...rest, rules: state.rules.length, services: state.services.map(liveService) };
      const isNew = show({ state: view, readAt, error: null });
      if (isNew) device.backups().then((backups) => show({ backups }), failed);
    });
    // Each reading is seen by those who observe; nothing more is asked for than that there are readings.
    const trouble = (error: unknown): unknown => (error === null ? show({ error: null }) : failed(error));
    stopWatching = device.watch({ topics: [] }, { event: () => undefined, trouble });
  };
  // The config node may come after the nodes that name it, and its settings may be wrong.
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
    // A last word that is not kept takes the place of what was.
    RED.comms.publish(`${TOPIC}/${id}`, { ...shown, gone: true }, false);
  };
}

/** Two that differ in nothing but the time of reading show the same. */
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
