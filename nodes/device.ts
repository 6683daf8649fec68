/** Which firewall a node speaks to: that of its config node, or the one all nodes without a config node share. */
import type { Node, NodeAPI } from 'node-red';
import { asFirewallError, FirewallError, say, stopped } from '../firewall/errors';
import type { Firewall } from '../firewall/firewall';
import { showDevice } from './live';
import { translated } from './translated';

/** What the nodes need of a `Firewall`. */
export type Device = Pick<
  Firewall,
  | 'read'
  | 'setProfile'
  | 'toggleService'
  | 'changeWebPorts'
  | 'confirm'
  | 'restore'
  | 'fleet'
  | 'backups'
  | 'resume'
  | 'observe'
  | 'watch'
  | 'leave'
  | 'close'
>;

/** The config node `smartserver`. */
export interface DeviceNode extends Node {
  /** @throws FirewallError INVALID_INPUT, naming the setting that is wrong. */
  device(): Device;
}

type Opener = (settings: unknown) => Device;

let opener: Opener = (settings) => {
  // Only here: Node-RED loads the nodes at each start, also where no flow has any of them.
  const engine = require('../firewall/firewall') as typeof import('../firewall/firewall');
  return new engine.Firewall(settings);
};
/** The device of all nodes without a config node, closed with the last of these users. */
let shared: Device | undefined;
const users = new Set<Node>();
/** Ends showing it in the editor. */
let hide = (): void => undefined;
/** What the editor knows it by. */
const FACTORY = { id: 'factory', name: '' };
/** Devices that were asked once to do what came due. */
const resumed = new WeakSet<Device>();

/** Opens a device with these settings, unchecked as they come. What it does by itself is told in Node-RED's log. */
export function openDevice(RED: NodeAPI, settings: unknown): Device {
  const device = opener(settings);
  device.observe(({ said }) => {
    for (const text of said) RED.log.warn(`SmartServer firewall: ${text}`);
  });
  return device;
}

/** From now on devices are opened with `open`, and the shared one anew; gives back what opened them before. For tests. */
export function openDevicesWith(open: Opener): Opener {
  const before = opener;
  opener = open;
  shared = undefined;
  return before;
}

/**
 * Gives the node its device, for each message anew; see `deviceOf`. What the node asked for (as `by`) and has not begun when
 * it is closed is dropped, and a closed node gets none any more: it throws STOPPED.
 */
export function useDevice(RED: NodeAPI, node: Node, configId: string | undefined): () => Device {
  let used: Device | undefined;
  let isClosed = false;
  node.on('close', () => {
    isClosed = true;
    // A Catch node of the same flow is closed by now, and hears of nothing.
    const count = used?.leave(node) ?? 0;
    if (count > 0) node.warn(RED._('log.dropped', { count }));
  });
  if (!configId) {
    if (users.size === 0) hide = showDevice(RED, FACTORY, () => deviceOf(RED, undefined));
    users.add(node);
    node.on('close', () => {
      if (!users.delete(node) || users.size > 0) return;
      hide();
      shared?.close();
      shared = undefined;
    });
  }
  return () => {
    if (isClosed) throw stopped();
    used = deviceOf(RED, configId);
    return used;
  };
}

/**
 * The device of the config node with this id; without an id the one factory device, so that all nodes without a config
 * node share one queue.
 * @throws FirewallError INVALID_INPUT where the config node is missing or its settings are wrong: never another device.
 */
function deviceOf(RED: NodeAPI, configId: string | undefined): Device {
  if (!configId) {
    shared ??= openDevice(RED, {});
    return shared;
  }
  const config = RED.nodes.getNode(configId) as DeviceNode | null;
  if (config?.type !== 'smartserver') {
    throw new FirewallError('INVALID_INPUT', {
      what: say`device: the SmartServer configuration this node was given is missing or disabled.`,
      remedy: say`Choose one in the node, or none for a factory device.`,
    });
  }
  return config.device();
}

/**
 * Has the device do what came due while nobody was running; once, however many nodes ask for it as flows start. A failure
 * is a warning: the node itself works, and the next one that asks tries again.
 */
export function resumeDevice(RED: NodeAPI, node: Node, device: () => Device): void {
  // When flows start, the config node may come after the node that names it.
  const soon = setImmediate(async () => {
    try {
      const opened = device();
      if (resumed.has(opened)) return;
      resumed.add(opened);
      await opened.resume().catch((error) => {
        resumed.delete(opened);
        throw error;
      });
    } catch (cause) {
      const error = asFirewallError(cause);
      // The next flows do it.
      if (error.code === 'STOPPED') return;
      node.warn(translated(RED, error).message);
    }
  });
  node.on('close', () => clearImmediate(soon));
}
