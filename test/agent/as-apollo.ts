/** What a user of the device with systemd does: run the package's programs, send requests to the agent through sudo. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { Machine } from '../device/machine';
import type { RunOptions, RunResult } from '../device/protocol';

export const AGENT = '/usr/lib/smartserver-firewall/agent';
export const STANDBY = '/usr/lib/smartserver-firewall/standby';
export const COMMAND = '/usr/local/sbin/smartserver-firewall';

/** The command line program as shipped in the package. */
export const packaged = (device: Machine): string => join(device.packageFolder, 'dist/agent/smartserver-firewall.js');

/** Installs what requires root, as a technician would. */
export async function setUp(device: Machine, ...options: string[]): Promise<string> {
  const { code, stdout, stderr } = await device.run([device.node, packaged(device), 'setup', ...options]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** A request to the agent, with the factory settings. */
export function requestOf(
  method: string,
  request: unknown = {},
  settings: Record<string, unknown> = {},
  order?: unknown,
): string {
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
  return JSON.stringify({ settings: { ...factory, ...settings }, call: { method, request, order } });
}

/** Sends a request to the agent through sudo, as the user that Node-RED runs as. */
export function askAgent(device: Machine, input: string, options: RunOptions = {}): Promise<RunResult> {
  return device.runAs('apollo', ['sudo', '-n', AGENT], { input, ...options });
}
