/** The config node: what differs from a factory device. It owns one Firewall and with it the queue its nodes share. */
import type { NodeAPI, NodeDef } from 'node-red';
import { type Device, type DeviceNode, openDevice } from './device';
import { showDevice } from './live';
import { upToDate } from './migrate';
import { defined } from './request';

type Definition = NodeDef & Record<string, unknown>;

/** The settings among a config node's properties. The editor's form gives numbers as text. */
function settingsOf(def: Definition): Record<string, unknown> {
  // Only here, as the engine is (device.ts).
  const { settings } = require('../firewall/messages') as typeof import('../firewall/messages');
  const stored = Object.fromEntries(Object.keys(settings.shape).map((key) => [key, def[key]]));
  if (typeof stored.keepBackups === 'string') stored.keepBackups = Number(stored.keepBackups);
  return defined(stored);
}

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('smartserver', function (this: DeviceNode, def: Definition) {
    RED.nodes.createNode(this, def);
    let opened: Device | undefined;
    // Opened on first use, so that a wrong setting, or one of a later version, is an error of each message that meets it, and can be caught.
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
