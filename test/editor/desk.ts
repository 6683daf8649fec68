/** What a technician works with: a device with Node-RED, and its editor in a browser with the debug sidebar open. */
import assert from 'node:assert/strict';
import { Device } from '../device/device';
import { NODE_RED_PORT, startNodeRed } from '../device/node-red';
import { Editor } from './browser';

export class Desk {
  private constructor(
    readonly device: Device,
    readonly editor: Editor,
    /** The URL of the device's Node-RED. */
    readonly url: string,
  ) {}

  /** A fresh device with these flows, its web server and its broker; with FlowFuse Dashboard or without. Close it when done. */
  static async open(flows: readonly object[], { dashboard = false } = {}): Promise<Desk> {
    const device = await Device.open();
    try {
      await Promise.all([device.startNginx(), device.startMosquitto()]);
      await startNodeRed(device, flows, { dashboard });
      const { port } = await device.forward(NODE_RED_PORT);
      const url = `http://127.0.0.1:${port}/`;
      const editor = await Editor.open(url);
      await editor.page.keyboard.press('Control+g');
      await editor.page.keyboard.press('d');
      return new Desk(device, editor, url);
    } catch (error) {
      await device.close();
      throw error;
    }
  }

  /** @throws AssertionError if the browser has complained. */
  async close(): Promise<void> {
    await this.editor.close();
    await this.device.close();
    assert.deepEqual(this.editor.takeComplaints(), []);
  }

  /** Presses an inject node's button; returns the next message that the debug node of this name shows. */
  async run(start: string, shown: string): Promise<string> {
    const { page } = this.editor;
    const messages = page.locator('.red-ui-debug-msg', { hasText: `node: ${shown}` });
    const before = await messages.count();
    await this.press(start);
    await messages.nth(before).waitFor();
    return messages.nth(before).locator('.red-ui-debug-msg-payload').innerText();
  }

  async press(inject: string): Promise<void> {
    await this.editor.page.click(`[id="${inject}"] .red-ui-flow-node-button-button`);
  }

  /** Probes TCP ports of the device from outside. */
  probe(...ports: number[]): Promise<('in' | 'filtered')[]> {
    return this.device.neighbour.probe(ports.map((port) => ({ proto: 'tcp', port, family: 'ipv4' })));
  }
}
