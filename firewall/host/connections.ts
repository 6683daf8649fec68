/** Established TCP connections, listed and ended through `ss` of iproute2. */
import ipaddr from 'ipaddr.js';
import { codeOf, FirewallError, say } from '../errors';
import type { Family } from '../rules/rule';
import { run } from './run';

export interface Connection {
  family: Family;
  local: { address: string; port: number };
  remote: { address: string; port: number };
}

/** So many connections are named in one call of `ss`. */
const CALL = 50;

/** The connections with other hosts; those that stay inside the device meet no rule. */
export async function connections(): Promise<Connection[]> {
  const text = await ss(['-H', '-t', '-n', 'state', 'established']);
  return text
    .split('\n')
    .map(parsed)
    .filter((one): one is Connection => one !== null && one.local.address !== one.remote.address);
}

/**
 * Ends connections on the spot: both ends get a reset.
 * @returns how many are gone. Fewer than were named where the kernel cannot (it lacks CONFIG_INET_DIAG_DESTROY).
 */
export async function endConnections(unwanted: readonly Connection[]): Promise<number> {
  for (let at = 0; at < unwanted.length; at += CALL) {
    await ss([
      '-K',
      '-H',
      '-t',
      '-n',
      'state',
      'established',
      unwanted
        .slice(at, at + CALL)
        .map(filterOf)
        .join(' or '),
    ]);
  }
  const left = new Set((await connections()).map(keyOf));
  return unwanted.filter((one) => !left.has(keyOf(one))).length;
}

const keyOf = ({ local, remote }: Connection): string =>
  [local.address, local.port, remote.address, remote.port].join(' ');

function filterOf({ family, local, remote }: Connection): string {
  const text = (address: string): string => (family === 'ipv6' ? `[${address}]` : address);
  return `( src ${text(local.address)} and sport = :${local.port} and dst ${text(remote.address)} and dport = :${remote.port} )`;
}

/** Queues, local end, remote end: `0 0 192.0.2.1:22 192.0.2.9:50112`, `[::ffff:192.0.2.1]:443`, `[fe80::1]%eth0:22`. */
function parsed(line: string): Connection | null {
  const [, , local = '', remote = ''] = line.trim().split(/\s+/);
  const [one, other] = [endpoint(local), endpoint(remote)];
  return one && other ? { family: one.family, local: one, remote: other } : null;
}

function endpoint(text: string): (Connection['local'] & { family: Family }) | null {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\](?:%[^:]+)?|([^:%]+)(?:%[^:]+)?):(\d+)$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (!address || !ipaddr.isValid(address)) return null;
  const found = ipaddr.process(address);
  return { family: found.kind(), address: found.toString(), port: Number(port) };
}

async function ss(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('ss', args).catch((error) => {
    if (codeOf(error) !== 'UFW_NOT_FOUND') throw error;
    return { code: 127, stdout: '', stderr: 'ss of iproute2 is not installed' };
  });
  if (code === 0) return stdout;
  throw new FirewallError('INTERNAL', {
    what: say`ss failed with code ${code} (${stderr.trim().slice(0, 200)}).`,
    state: null,
  });
}
