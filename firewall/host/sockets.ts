/** Who listens on this machine, from the kernel's own tables. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { codeOf, FirewallError, say } from '../errors';
import type { Family } from '../rules/rule';
import type { ListeningSocket } from '../state/socket';

/** Who holds a socket. */
export interface SocketProcess {
  pid: number;
  /** The kernel's name of it, at most 15 characters. */
  name: string;
}

const TABLES = [
  { file: 'tcp', protocol: 'tcp', family: 'ipv4' },
  { file: 'tcp6', protocol: 'tcp', family: 'ipv6' },
  { file: 'udp', protocol: 'udp', family: 'ipv4' },
  { file: 'udp6', protocol: 'udp', family: 'ipv6' },
] as const;

/** `enum tcp_state` of the kernel's tcp_states.h: TCP_LISTEN, and TCP_CLOSE, which an unconnected UDP socket is in. */
const WAITING = { tcp: '0A', udp: '07' } as const;

/** sl, local address and port, remote address and port, st, queues, timer, retransmits, uid, timeout, inode. */
const ROW =
  /^\s*\d+: ([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4}) ([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4}) ([\dA-F]{2}) \S+ \S+ \S+\s+(\d+)\s+-?\d+ (\d+)(?: |$)/;

/** One end of a socket. */
export interface End {
  family: Family;
  address: string;
  port: number;
}

/** A row of the kernel's `/proc/net/{tcp,tcp6,udp,udp6}` tables. */
interface Row {
  /** `enum tcp_state`, in hexadecimal. */
  state: string;
  local(): End;
  remote(): End;
  uid: number;
  inode: number;
}

/**
 * Reads one of these tables.
 * @param order of the machine the table is from; the kernel prints each 32-bit word of an address as its own CPU reads it
 * @throws FirewallError INTERNAL when a row is not as the kernel prints it
 */
export function rowsOf(
  text: string,
  protocol: 'tcp' | 'udp',
  family: Family,
  order: 'LE' | 'BE' = endianness(),
): Row[] {
  const rows = text.split('\n').slice(1).filter(Boolean);
  return rows.map((row) => {
    const [, address = '', port = '', other = '', otherPort = '', state, uid, inode] = ROW.exec(row) ?? [];
    if (state === undefined) {
      throw new FirewallError('INTERNAL', {
        what: say`A row of the kernel's ${protocol} socket table could not be parsed.`,
      });
    }
    const end = (hex: string, number: string) => ({
      ...endpointAddress(hex, family, order),
      port: Number.parseInt(number, 16),
    });
    return {
      ...{ state, uid: Number(uid), inode: Number(inode) },
      local: () => end(address, port),
      remote: () => end(other, otherPort),
    };
  });
}

/** The sockets of such a table that wait for packets. @throws FirewallError INTERNAL, as `rowsOf` */
export const parseProcNet = (
  text: string,
  protocol: ListeningSocket['protocol'],
  family: ListeningSocket['family'],
  order?: 'LE' | 'BE',
): ListeningSocket[] =>
  rowsOf(text, protocol, family, order)
    .filter(({ state }) => state === WAITING[protocol])
    .map(({ local, uid, inode }) => ({ protocol, inode, uid, ...local() }));

/** An IPv4 address in IPv6 form, as Java binds them, is what it stands for: such a socket takes IPv4 alone. */
function endpointAddress(hex: string, family: Family, order: 'LE' | 'BE') {
  const address = ipaddr.fromByteArray([...addressBytes(hex, order)]);
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()) {
    return { family: 'ipv4' as const, address: address.toIPv4Address().toString() };
  }
  return { family, address: address.toString() };
}

function addressBytes(hex: string, order: 'LE' | 'BE'): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  return order === 'LE' ? bytes.swap32() : bytes;
}

/** What the kernel prints of the sockets of one protocol and family. */
export interface SocketTable {
  protocol: 'tcp' | 'udp';
  family: Family;
  text: string;
}

/**
 * The tables of both protocols; a kernel without IPv6 has none of it. For TCP's the kernel looks at all places where a socket
 * could be: some milliseconds, however few there are.
 * @param proc where the proc file system is mounted
 */
export const readSocketTables = (proc = '/proc'): Promise<SocketTable[]> =>
  Promise.all(
    TABLES.map(async ({ file, protocol, family }) => {
      const text = (await unless(['ENOENT'], readFile(join(proc, 'net', file), 'latin1'))) ?? '';
      return { protocol, family, text };
    }),
  );

/** Every socket that waits for packets, of the tables' protocols and families. */
export const listeningIn = (tables: readonly SocketTable[]): ListeningSocket[] =>
  tables.flatMap(({ text, protocol, family }) => parseProcNet(text, protocol, family));

/** Every socket that waits for packets now, of both protocols and families. */
export const readSockets = async (proc?: string): Promise<ListeningSocket[]> =>
  listeningIn(await readSocketTables(proc));

/** A process that ends while it is looked at, and one that another user started: neither can be seen. */
const INVISIBLE = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'];

/**
 * The processes that hold sockets, by inode, where they are visible: to root all are, to another user its own. Of
 * several that share a socket the oldest by number is named, which for nginx is the master.
 */
export async function processesOf(inodes: Iterable<number>, proc = '/proc'): Promise<Map<number, SocketProcess>> {
  const wanted = new Set(inodes);
  const holders = new Map<number, SocketProcess>();
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids.sort((a, b) => a - b)) {
    if (holders.size === wanted.size) break;
    const held = (await socketsOf(pid, proc)).filter((inode) => wanted.has(inode) && !holders.has(inode));
    const name = held.length > 0 ? await unless(INVISIBLE, readFile(join(proc, String(pid), 'comm'), 'utf8')) : null;
    if (name !== null) for (const inode of held) holders.set(inode, { pid, name: name.trimEnd() });
  }
  return holders;
}

async function socketsOf(pid: number, proc: string): Promise<number[]> {
  const folder = join(proc, String(pid), 'fd');
  const descriptors = (await unless(INVISIBLE, readdir(folder))) ?? [];
  const links = await Promise.all(descriptors.map((fd) => unless(INVISIBLE, readlink(join(folder, fd)))));
  return links.flatMap((link) => {
    const inode = /^socket:\[(\d+)\]$/.exec(link ?? '')?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });
}

/** The result, or null when it failed with one of `codes`. */
async function unless<Result>(codes: readonly string[], result: Promise<Result>): Promise<Result | null> {
  try {
    return await result;
  } catch (error) {
    const code = codeOf(error);
    if (typeof code === 'string' && codes.includes(code)) return null;
    throw error;
  }
}
