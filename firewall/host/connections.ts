/** Established TCP connections, from the kernel's own tables; they are ended through `ss` of iproute2. */
import { codeOf, FirewallError, say } from '../errors';
import type { Family } from '../rules/rule';
import type { ListeningSocket } from '../state/socket';
import { run } from './run';
import { type End, listeningIn, readSocketTables, rowsOf, type SocketTable } from './sockets';

export interface Connection {
  family: Family;
  local: Pick<End, 'address' | 'port'>;
  remote: Pick<End, 'address' | 'port'>;
}

/** So many connections are named in one call of `ss`. */
const CALL = 50;

/** `TCP_ESTABLISHED` of the kernel's tcp_states.h. */
const ESTABLISHED = '01';

/** Who listens, and who is connected. */
export interface Network {
  sockets: readonly ListeningSocket[];
  connections: readonly Connection[];
}

export async function readNetwork(): Promise<Network> {
  const tables = await readSocketTables();
  return { sockets: listeningIn(tables), connections: connectionsIn(tables) };
}

/** The TCP connections with other hosts; those that stay inside the device meet no rule. */
function connectionsIn(tables: readonly SocketTable[]): Connection[] {
  return tables
    .flatMap(({ text, protocol, family }) => (protocol === 'tcp' ? rowsOf(text, protocol, family) : []))
    .filter(({ state }) => state === ESTABLISHED)
    .map((row): Connection => {
      const [local, remote] = [row.local(), row.remote()];
      return { family: local.family, local, remote };
    })
    .filter(({ local, remote }) => local.address !== remote.address);
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
  const left = new Set((await readNetwork()).connections.map(keyOf));
  return unwanted.filter((one) => !left.has(keyOf(one))).length;
}

const keyOf = ({ local, remote }: Connection): string =>
  [local.address, local.port, remote.address, remote.port].join(' ');

function filterOf({ family, local, remote }: Connection): string {
  const text = (address: string): string => (family === 'ipv6' ? `[${address}]` : address);
  return `( src ${text(local.address)} and sport = :${local.port} and dst ${text(remote.address)} and dport = :${remote.port} )`;
}

async function ss(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('ss', args).catch((error) => {
    if (codeOf(error) !== 'UFW_NOT_FOUND') throw error;
    return { code: 127, stderr: 'ss of iproute2 is not installed' };
  });
  if (code === 0) return;
  throw new FirewallError('INTERNAL', {
    what: say`ss failed with code ${code} (${stderr.trim().slice(0, 200)}).`,
    state: null,
  });
}
