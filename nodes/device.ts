/** Which firewall a node speaks to: that of its config node, or the one all nodes without a config node share. */
import type { Node, NodeAPI } from 'node-red';
import { FirewallError } from '../firewall/errors';
import { Firewall } from '../firewall/firewall';

/** What the nodes need of a `Firewall`. */
export type Device = Pick<Firewall, 'read' | 'setProfile' | 'toggleService' | 'changeWebPorts' | 'resume' | 'close'>;

/** The config node `smartserver`. */
export interface DeviceNode extends Node {
  /** @throws FirewallError INVALID_INPUT, naming the setting that is wrong. */
  device(): Device;
}

type Opener = (settings: unknown) => Device;

let opener: Opener = (settings) => new Firewall(settings);
let shared: Device | undefined;

/** Opens a device with these settings, unchecked as they come. */
export function openDevice(settings: unknown): Device {
  return opener(settings);
}

/** From now on devices are opened with `open`, and the shared one anew; gives back what opened them before. For tests. */
export function openDevicesWith(open: Opener): Opener {
  const before = opener;
  opener = open;
  shared = undefined;
  return before;
}

/**
 * The device of the config node with this id; without an id the one factory device, so that all nodes without a config
 * node share one queue.
 * @throws FirewallError INVALID_INPUT where the config node is missing or its settings are wrong: never another device.
 */
export function deviceOf(RED: NodeAPI, configId: string | undefined): Device {
  if (!configId) {
    shared ??= openDevice({});
    return shared;
  }
  const config = RED.nodes.getNode(configId) as DeviceNode | null;
  if (config?.type !== 'smartserver') {
    throw new FirewallError('INVALID_INPUT', {
      what: 'device: the SmartServer configuration this node was given is missing or disabled.',
      remedy: 'Choose one in the node, or none for a factory device.',
    });
  }
  return config.device();
}

/** Has the node's device do what came due while nobody was running. A failure is a warning: the node itself works. */
export function resumeDevice(RED: NodeAPI, node: Node, configId: string | undefined): void {
  // When flows start, the config node may come after the node that names it.
  setImmediate(async () => {
    try {
      await deviceOf(RED, configId).resume();
    } catch (error) {
      node.warn((error as Error).message);
    }
  });
}
