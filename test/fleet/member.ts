/** A device of a fleet: an embedded device with its own ufw, and a real Node-RED with the example fleet-device. */
import { join } from 'node:path';
import { Device } from '../device/device';
import type { InsideProcess } from '../device/inside-process';
import { type Installation, NODE_RED_PORT, startNodeRed } from '../device/node-red';
import { putFlows } from '../editor/node-red';
import { filledIn, type Office, press } from './office';

/** The environment that makes a program's clock wrong by this much: `+1d`, `-1d`. */
export const clockOff = (by: string): Record<string, string> => ({
  LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1',
  FAKETIME: by,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
});

/** For `powerOn`: the power fails when this file would be replaced. */
export const diesAt = (path: string): Record<string, string> => ({
  NODE_OPTIONS: `-r ${join(__dirname, 'dies.js')}`,
  DIES_AT: path,
});

export class Member {
  private constructor(
    readonly name: string,
    readonly device: Device,
    public nodeRed: InsideProcess,
  ) {}

  /**
   * A device of a group, connected to the office's broker. Close `device` when done.
   * @param configuration settings of its configuration node
   */
  static async open(
    office: Office,
    name: string,
    group: string,
    installation?: Installation,
    configuration: object = {},
  ): Promise<Member> {
    const device = await Device.open();
    try {
      await office.reachableFrom(device);
      const settings = office.settingsFor(name, group);
      await device.write(settings.CA_FILE as string, office.ca);
      const nodeRed = await startNodeRed(device, [], { ...(installation && { installation }) });
      const { port, close } = await device.forward(NODE_RED_PORT);
      const url = `http://127.0.0.1:${port}`;
      const flow = await filledIn('fleet-device', settings);
      await putFlows(
        `${url}/`,
        flow.map((node) => (node.type === 'smartserver' ? { ...node, ...configuration } : node)),
      );
      await press(url, 'fleet-device', 'Open the way to the broker');
      await close();
      await nodeRed.until(/Connected to broker/);
      return new Member(name, device, nodeRed);
    } catch (error) {
      await device.close();
      throw error;
    }
  }

  /** All its processes end at once, and the kernel's tables are gone. */
  async powerOff(): Promise<void> {
    await this.nodeRed.kill('SIGKILL');
    for (const program of ['iptables', 'ip6tables']) {
      for (const chain of ['INPUT', 'OUTPUT', 'FORWARD']) await this.device.ok(program, '-P', chain, 'ACCEPT');
      await this.device.ok(program, '-F');
      await this.device.ok(program, '-X');
    }
  }

  /** ufw starts as at boot, and then Node-RED, from what is on disk. */
  async powerOn(env: Record<string, string> = {}): Promise<void> {
    await this.device.ok('/lib/ufw/ufw-init', 'start');
    await this.start(env);
  }

  /** Node-RED starts again, from what is on disk. */
  async start(env: Record<string, string> = {}): Promise<void> {
    this.nodeRed = await startNodeRed(this.device, null, { env });
    await this.nodeRed.until(/Connected to broker/);
  }
}
