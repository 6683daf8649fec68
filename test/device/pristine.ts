/** ufw as a fresh Debian package installs it, whatever the machine's own ufw has been told. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the package keeps what it installs; readable for everybody, unlike `/etc/ufw`. */
const templates = '/usr/share/ufw';

/** A file's text by its path, with its permission bits. */
export type Files = Record<string, { text: string; mode: number }>;

/**
 * The whole of `/etc/ufw` and `/etc/default`: not enabled, no rules.
 * @param tree the folder below which ufw's package is; empty for the machine's own
 */
export async function pristine(ipv6: boolean, tree: string): Promise<Files> {
  const rules = ['before', 'after', 'user'].flatMap((name) => [`${name}.rules`, `${name}6.rules`]);
  const files: Files = {
    '/etc/default/ufw': { text: defaults(ipv6), mode: 0o644 },
    '/etc/ufw/sysctl.conf': { text: sysctl, mode: 0o644 },
    '/etc/ufw/ufw.conf': { text: await readFile(join(tree, templates, 'ufw.conf'), 'utf8'), mode: 0o644 },
  };
  for (const name of rules) {
    files[`/etc/ufw/${name}`] = { text: await readFile(join(tree, templates, 'iptables', name), 'utf8'), mode: 0o640 };
  }
  for (const name of ['before.init', 'after.init']) {
    files[`/etc/ufw/${name}`] = { text: await readFile(join(tree, templates, name), 'utf8'), mode: 0o640 };
  }
  for (const name of await readdir(join(tree, '/etc/ufw/applications.d'))) {
    const path = `/etc/ufw/applications.d/${name}`;
    files[path] = { text: await readFile(join(tree, path), 'utf8'), mode: 0o644 };
  }
  return files;
}

function defaults(ipv6: boolean): string {
  return `# /etc/default/ufw
#

# Set to yes to apply rules to support IPv6 (no means only IPv6 on loopback
# accepted). You will need to 'disable' and then 'enable' the firewall for
# the changes to take affect.
IPV6=${ipv6 ? 'yes' : 'no'}

DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY="DROP"
DEFAULT_APPLICATION_POLICY="SKIP"
MANAGE_BUILTINS=no

# only enable if using iptables backend
IPT_SYSCTL=/etc/ufw/sysctl.conf
IPT_MODULES=""
`;
}

const sysctl = `net/ipv4/conf/all/accept_redirects=0
net/ipv4/conf/default/accept_redirects=0
net/ipv6/conf/all/accept_redirects=0
net/ipv6/conf/default/accept_redirects=0
net/ipv4/icmp_echo_ignore_broadcasts=1
net/ipv4/icmp_ignore_bogus_error_responses=1
net/ipv4/icmp_echo_ignore_all=0
net/ipv4/conf/all/log_martians=0
net/ipv4/conf/default/log_martians=0
`;
