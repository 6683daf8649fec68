/** The machine that figures were measured on. */
import { cpus } from 'node:os';
import { Device } from '../test/device/device';
import type { Results } from './figures';

/** What the figures depend on, without anything that identifies the machine. */
export async function machine(): Promise<Results['machine']> {
  const device = await Device.open();
  try {
    const versionOf = async (...argv: string[]): Promise<string> => {
      const [first = ''] = (await device.ok(...argv)).split('\n');
      return first.replace(/^\S+ v?/, '');
    };
    return {
      cores: cpus().length,
      node: process.version,
      ufw: await versionOf('ufw', '--version'),
      iptables: await versionOf('iptables', '--version'),
    };
  } finally {
    await device.close();
  }
}
