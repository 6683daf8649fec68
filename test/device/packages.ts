/** What the machine must have for a device to be built on it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** A Debian or Ubuntu package, and a file that is there when it is. */
interface Package {
  name: string;
  proof: string;
}

const packages: readonly Package[] = [
  { name: 'ufw', proof: '/usr/sbin/ufw' },
  { name: 'iptables', proof: '/usr/sbin/iptables-restore' },
  { name: 'nftables', proof: '/usr/sbin/nft' },
  { name: 'python3', proof: '/usr/bin/python3' },
  { name: 'perl-base', proof: '/usr/bin/perl' },
  { name: 'iproute2', proof: '/bin/ip' },
  { name: 'util-linux', proof: '/usr/bin/unshare' },
  { name: 'mount', proof: '/bin/mount' },
  { name: 'procps', proof: '/sbin/sysctl' },
  { name: 'openssl', proof: '/usr/bin/openssl' },
  { name: 'nginx-light', proof: '/usr/sbin/nginx' },
  { name: 'mosquitto', proof: '/usr/sbin/mosquitto' },
  { name: 'mosquitto-clients', proof: '/usr/bin/mosquitto_pub' },
];

/** What the browser tests need besides. */
const testPackages: readonly Package[] = [{ name: 'chromium', proof: '/usr/bin/chromium' }];

/** What a device of a fleet needs besides, to have a clock that is wrong. */
const fleetPackages: readonly Package[] = [{ name: 'libfaketime', proof: '/usr/share/doc/libfaketime' }];

/** What calendars are compared with: the time zones of Debian, read by Python. */
const zonePackages: readonly Package[] = [
  { name: 'python3', proof: '/usr/bin/python3' },
  { name: 'tzdata', proof: '/usr/share/zoneinfo/Europe/Berlin' },
];

/** What the benchmark needs besides, to count processes. */
const benchPackages: readonly Package[] = [{ name: 'strace', proof: '/usr/bin/strace' }];

/** What the device with systemd needs besides. */
const containerPackages: readonly Package[] = [
  { name: 'debootstrap', proof: '/usr/sbin/debootstrap' },
  { name: 'systemd-container', proof: '/usr/bin/systemd-nspawn' },
];

/** What an emulated board needs besides. */
const boardPackages: readonly Package[] = [
  { name: 'debootstrap', proof: '/usr/sbin/debootstrap' },
  { name: 'qemu-user-static', proof: '/usr/bin/qemu-arm-static' },
  { name: 'qemu-system-arm', proof: '/usr/bin/qemu-system-arm' },
  { name: 'qemu-utils', proof: '/usr/bin/qemu-img' },
  { name: 'e2fsprogs', proof: '/sbin/mkfs.ext4' },
];

const wanted = {
  device: packages,
  container: [...packages, ...containerPackages],
  board: [...packages, ...boardPackages],
  fleet: [...packages, ...fleetPackages],
  zones: zonePackages,
  tests: [...packages, ...testPackages, ...fleetPackages, ...zonePackages],
  bench: [...packages, ...benchPackages],
};

/** Debian's way of saying "start no service": while this file is there and exits with 101. The trap takes it away. */
const install = `
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' >"$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"; }
get "$@" || { apt-get update && get "$@"; }
`;

const ensured = new Map<string, Promise<void>>();

/**
 * Installs what is missing, as root; an ordinary user gets an Error with the line to type.
 * No service is started by it. Also tries whether namespaces are to be had. Looks once per process.
 */
export function ensurePackages(purpose: keyof typeof wanted = 'device'): Promise<void> {
  const known = ensured.get(purpose) ?? ensure(wanted[purpose]);
  ensured.set(purpose, known);
  return known;
}

/** The arguments of `unshare` for a device of this user. An ordinary user is root in a user namespace. */
export function unshareArguments(): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return [...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
}

async function ensure(needed: readonly Package[]): Promise<void> {
  const missing = needed.filter(({ proof }) => !existsSync(proof)).map(({ name }) => name);
  if (missing.length > 0) {
    if (process.getuid?.() !== 0) {
      const line = `sudo apt-get install --no-install-recommends ${missing.join(' ')}`;
      throw new Error(`The test device needs packages that are not installed. Type: ${line}`);
    }
    process.stderr.write(`Installing Debian packages: ${missing.join(' ')} …\n`);
    await exec('sh', ['-c', install, 'sh', ...missing], { maxBuffer: 64 * 1024 * 1024 });
  }
  await ensureNamespaces();
}

async function ensureNamespaces(): Promise<void> {
  try {
    await exec('unshare', [...unshareArguments(), 'true']);
  } catch (error) {
    const cause = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`The test device needs Linux namespaces, and unshare said "${cause}". ${remedy()}`);
  }
}

function remedy(): string {
  if (process.getuid?.() === 0) return 'In a container, start it with --privileged.';
  const settings = ['kernel.apparmor_restrict_unprivileged_userns=0', 'kernel.unprivileged_userns_clone=1'];
  const here = settings.filter((line) => existsSync(`/proc/sys/${line.split('=')[0]?.replace('.', '/')}`));
  const type = here.length > 0 ? `Type: sudo sysctl -w ${here.join(' ')}. Or run` : 'Run';
  return `${type} this as root. In a container, start it with --privileged.`;
}
