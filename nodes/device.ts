/** The firewall a node works with: that of its config node, or the one shared by all nodes without a config node. */
import type { Node, NodeAPI } from 'node-red';
import { asFirewallError, FirewallError, say, stopped } from '../firewall/errors';
import type { Firewall } from '../firewall/firewall';
import { showDevice } from './live';
import { translated } from './translated';

/** The part of `Firewall` that the nodes use. */
export type Device = Pick<
  Firewall,
  | 'read'
  | 'isOpen'
  | 'setProfile'
  | 'toggleService'
  | 'changeWebPorts'
  | 'confirm'
  | 'restore'
  | 'schedule'
  | 'unschedule'
  | 'override'
  | 'learn'
  | 'history'
  | 'evidence'
  | 'fleet'
  | 'backups'
  | 'outlook'
  | 'resume'
  | 'getReady'
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
  // Loaded on demand: Node-RED loads the nodes at each start, even if no flow uses any of them.
  const engine = require('../firewall/firewall') as typeof import('../firewall/firewall');
  return new engine.Firewall(settings);
};
/** The device of all nodes without a config node, closed with the last of these users. */
let shared: Device | undefined;
const users = new Set<Node>();
/** Stops showing it in the editor. */
let hide = (): void => undefined;
/** How the editor identifies it. */
const FACTORY = { id: 'factory', name: '' };
/** Devices that have been asked to do what is due. */
const resumed = new WeakSet<Device>();

/** What each device was opened with. */
const settingsOf = new WeakMap<Device, unknown>();

/** Opens a device with these unvalidated settings. What it does by itself is reported in Node-RED's log. */
export function openDevice(RED: NodeAPI, settings: unknown): Device {
  const device = opener(settings);
  settingsOf.set(device, settings);
  device.observe(({ said }) => {
    for (const text of said) RED.log.warn(`SmartServer firewall: ${text}`);
  });
  return device;
}

/**
 * Opens the same device once more, for what is left to do when a node is removed: the deploy that removes it may close its
 * device first. Close it when done.
 */
export const openAgain = (RED: NodeAPI, device: Device): Device => openDevice(RED, settingsOf.get(device));

/** For tests: from now on devices are opened with `open`, including the shared one; returns the previous opener. */
export function openDevicesWith(open: Opener): Opener {
  const before = opener;
  opener = open;
  shared = undefined;
  return before;
}

/**
 * Returns a function that looks up the node's device, to be called for each message; see `deviceOf`. Once the node is closed,
 * its requests that have not begun are cancelled, and the function throws STOPPED.
 */
export function useDevice(RED: NodeAPI, node: Node, configId: string | undefined): () => Device {
  let used: Device | undefined;
  let isClosed = false;
  node.on('close', () => {
    isClosed = true;
    // A Catch node of the same flow may be closed by now, and get nothing.
    const count = used?.leave(node) ?? 0;
    if (count > 0) node.warn(RED._('log.cancelled', { count }));
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
 * The device of the config node with this id; without an id the shared factory device, so that all nodes without a config
 * node share one queue.
 * @throws FirewallError INVALID_INPUT if the config node is missing or its settings are invalid: never another device.
 */
function deviceOf(RED: NodeAPI, configId: string | undefined): Device {
  if (!configId) {
    shared ??= openDevice(RED, {});
    return shared;
  }
  const config = RED.nodes.getNode(configId) as DeviceNode | null;
  if (config?.type !== 'smartserver') {
    throw new FirewallError('INVALID_INPUT', {
      what: say`device: the SmartServer configuration of this node is missing or disabled.`,
      remedy: say`Select one in the node, or none for a device with factory settings.`,
    });
  }
  return config.device();
}

/**
 * Has the device do what became due while Node-RED was not running; once, however many nodes request it as flows start. A
 * failure is a warning: the node itself works, and the next one that asks tries again.
 */
export function resumeDevice(RED: NodeAPI, node: Node, device: () => Device): void {
  // When flows start, the config node may be created after the node that refers to it.
  const soon = setImmediate(async () => {
    try {
      const opened = device();
      if (resumed.has(opened)) return;
      resumed.add(opened);
      await opened.resume().catch((error) => {
        resumed.delete(opened);
        throw error;
      });
      await opened.getReady();
    } catch (cause) {
      const error = asFirewallError(cause);
      // The next flows do it.
      if (error.code === 'STOPPED') return;
      node.warn(translated(RED, error).message);
    }
  });
  node.on('close', () => clearImmediate(soon));
}
