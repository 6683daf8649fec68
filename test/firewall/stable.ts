/** What every change is held to: ufw, asked to load its files again, changes neither them nor the kernel. */
import { strict as assert } from 'node:assert';
import type { Machine } from '../device/machine';

/** nginx's site, and the package's own folder. */
export const SITE = '/etc/nginx/sites-available/apollo.conf';
export const STATE = '/var/lib/smartserver-firewall';
export const UFW_FILES = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules', '/etc/default/ufw', '/etc/ufw/ufw.conf'];

/** ufw's files and the kernel's tables, as one value to compare. */
export async function everything(device: Machine): Promise<Record<string, string>> {
  const files = await Promise.all(UFW_FILES.map(async (path) => [path, await device.read(path)] as const));
  return { ...Object.fromEntries(files), ipv4: await device.save('ipv4'), ipv6: await device.save('ipv6') };
}

/** The same with nginx's site. */
export async function everythingAndSite(device: Machine): Promise<Record<string, string> & { site: string }> {
  return { ...(await everything(device)), site: await device.read(SITE) };
}

export async function assertReloadChangesNothing(device: Machine): Promise<void> {
  const before = await everything(device);
  await device.ufw('reload');
  assert.deepEqual(await everything(device), before);
}

/** Puts the state back that `everything` told, files and tables at once; quicker than asking ufw. */
export async function restore(device: Machine, state: Record<string, string>): Promise<void> {
  for (const path of UFW_FILES) await device.write(path, state[path] as string);
  for (const [program, input] of [
    ['iptables-restore', state.ipv4],
    ['ip6tables-restore', state.ipv6],
  ] as const) {
    assert.equal((await device.run([program], { input })).code, 0);
  }
}

/** Has the device as if the package had never been there: its own folder is gone, and all else is as `state` tells. */
export async function reset(device: Machine, state: Record<string, string>): Promise<void> {
  await device.remove(STATE);
  if (state.site !== undefined) {
    await device.write(SITE, state.site);
    await device.ok('nginx', '-s', 'reload');
  }
  await restore(device, state);
}

/** Puts the state back that `everything` told, ufw's way: the files, then a reload. */
export async function putBack(device: Machine, state: Record<string, string>): Promise<void> {
  for (const path of UFW_FILES) await device.write(path, state[path] as string);
  await device.ufw('reload');
}
