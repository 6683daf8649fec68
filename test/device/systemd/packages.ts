/** What the machine must have, besides the embedded device's packages, for a container to be made and booted. */
import { install, type Package } from '../packages';

const packages: readonly Package[] = [
  { name: 'debootstrap', proof: '/usr/sbin/debootstrap' },
  { name: 'systemd-container', proof: '/usr/bin/systemd-nspawn' },
  { name: 'util-linux', proof: '/usr/bin/nsenter' },
  { name: 'libc-bin', proof: '/usr/bin/ldd' },
];

let ensured: Promise<void> | undefined;

/** Installs what is missing. Looks once per process. Rejects where the user is not root: a container needs that. */
export function ensureContainerPackages(): Promise<void> {
  ensured ??= ensure();
  return ensured;
}

async function ensure(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('The test device with systemd needs root. Run this as root.');
  await install(packages);
}
