/** The device's own folders, mounted over the machine's. Nothing here is seen outside of the mount namespace. */
import { join } from 'node:path';
import { check, run } from './processes';
import type { StartPlan } from './protocol';

/**
 * `/etc` is made read-only first, so that what the device has no copy of is not changed on the machine by mistake.
 * `/run` is new and empty: ufw's lock lives there, and devices must not wait for each other.
 * `/sys` is mounted anew because `/sys/class/net` shows the interfaces of the namespace that mounted it.
 */
/** The machine's `/var/lib` stays reachable here, for a project or a Node that lives below it. */
export const hostVarLib = '/run/host-var-lib';

/** What the device has of its own, as paths inside. They are on disk, in its folder below `root`. */
export const privateFolders = ['/etc/ufw', '/etc/default', '/etc/nginx', '/var/lib', '/var/log'];

const script = `
set -e
mount --rbind /etc /etc
mount -o remount,bind,ro /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock ${hostVarLib}
mount --rbind /var/lib ${hostVarLib}
mount -t sysfs sysfs /sys
root=$1; shift
for path in "$@"; do mount --bind "$root$path" "$path"; done
`;

/** Mounts everything the plan names. Throws with what `mount` said. */
export async function mountAll(plan: StartPlan): Promise<void> {
  const result = await run(['sh', '-c', script, 'sh', join(plan.folder, 'root'), ...plan.mounts]);
  check(['mount'], result);
}
