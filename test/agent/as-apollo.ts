/** What a user of the device with systemd does: starts the package's programs, asks the agent through sudo. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { RunOptions, RunResult } from '../device/protocol';
import type { SystemdDevice } from '../device/systemd/systemd-device';

export const AGENT = '/usr/lib/smartserver-firewall/agent';
export const COMMAND = '/usr/local/sbin/smartserver-firewall';

/** The command line program as the package has it. */
export const packaged = (device: SystemdDevice): string =>
  join(device.packageFolder, 'dist/agent/smartserver-firewall.js');

/** Installs what needs root, as a technician would. */
export async function setUp(device: SystemdDevice, ...options: string[]): Promise<string> {
  const { code, stdout, stderr } = await device.run([device.node, packaged(device), 'setup', ...options]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** What a request to the agent looks like, with the factory's settings. */
export function requestOf(method: string, request: unknown = {}, settings: Record<string, unknown> = {}): string {
  const factory = {
    ...{
      privilege: 'auto',
      servicePorts: {},
      customServices: [],
      customProfiles: [],
      managementFrom: '',
      managementTo: '',
    },
    ...{ keepBackups: 20, etcUfw: '/etc/ufw', defaultUfw: '/etc/default/ufw' },
    ...{ webSite: '/etc/nginx/sites-available/apollo.conf', stateDir: '/var/lib/smartserver-firewall' },
  };
  return JSON.stringify({ settings: { ...factory, ...settings }, call: { method, request } });
}

/** Has the agent answer, through sudo, as the user Node-RED runs as. */
export function askAgent(device: SystemdDevice, input: string, options: RunOptions = {}): Promise<RunResult> {
  return device.runAs('apollo', ['sudo', '-n', AGENT], { input, ...options });
}
