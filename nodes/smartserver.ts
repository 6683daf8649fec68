/** The config node: how a device differs from its factory settings. It owns one Firewall, and so the queue its nodes share. */
import type { NodeAPI, NodeDef } from 'node-red';
import { type Device, type DeviceNode, openDevice } from './device';
import { showDevice } from './live';
import { upToDate } from './migrate';
import { defined } from './request';

type Definition = NodeDef & Record<string, unknown>;

/** The settings among a config node's properties. The editor's form stores numbers as text. */
function settingsOf(def: Definition): Record<string, unknown> {
  // Loaded on demand, like the engine (device.ts).
  const { settings } = require('../firewall/messages') as typeof import('../firewall/messages');
  const stored = Object.fromEntries(Object.keys(settings.shape).map((key) => [key, def[key]]));
  if (typeof stored.keepBackups === 'string') stored.keepBackups = Number(stored.keepBackups);
  return defined(stored);
}

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('smartserver', function (this: DeviceNode, def: Definition) {
    RED.nodes.createNode(this, def);
    let opened: Device | undefined;
    // Opened on first use, so that an invalid setting, or one of a later version, is an error of each message and can be caught.
    this.device = () => {
      opened ??= openDevice(RED, settingsOf(upToDate(def)));
      return opened;
    };
    const hide = showDevice(RED, { id: this.id, name: this.name ?? '' }, this.device);
    this.on('close', () => {
      hide();
      opened?.close();
    });
  });
};
