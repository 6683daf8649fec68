import { isIPv4, isIPv6 } from 'node:net';
import type { Span, Statement } from './tokens';

/** A `listen` on a TCP port. The span is the whole directive, `;` included. */
export interface Listen extends Span {
  kind: 'port';
  /** As written: `*`, `1.2.3.4`, `[::]`, `localhost`; null where only a port is. */
  address: string | null;
  /** `name`: a host name, which nginx resolves to addresses of either family. */
  family: 'ipv4' | 'ipv6' | 'name';
  port: number;
  /** The digits of the port; empty, where it would be written, when nginx's default of 80 stands in for it. */
  portSpan: Span;
  /** Speaks TLS; decided for the whole site, see `parseSite`. */
  ssl: boolean;
  defaultServer: boolean;
  /** The directive as written. */
  raw: string;
  line: number;
}

/** A server without any `listen`: nginx (as root) lets it listen on port 80. The span is empty, behind the server's `{`. */
export interface ImpliedListen extends Omit<Listen, 'kind'> {
  kind: 'implied';
  /** What to put before a directive written there: a line break and the indentation of its neighbours, or a space. */
  separator: string;
}

/** A `listen` without a port of its own to change: a Unix socket, a range of ports, or what nginx would refuse. */
export interface OtherListen extends Span {
  kind: 'unix' | 'range' | 'unread';
  raw: string;
  line: number;
}

/** nginx's port where a `listen` names none. */
export const DEFAULT_PORT = 80;

const ENDPOINT = /^(?:(?<address>\*|[\w.-]+|\[[\da-f:.]+\])(?::(?<port>[\d-]+))?)$/i;
const RANGE = /^\d+-\d+$/;

/** Reads one `listen` directive; never fails: what nginx would refuse is `unread`. */
export function readListen(text: string, { words, start, end, line }: Statement): Listen | OtherListen {
  const raw = text.slice(start, end);
  const other = (kind: OtherListen['kind']): OtherListen => ({ kind, raw, start, end, line });
  const endpoint = words[1];
  if (!endpoint) return other('unread');
  if (/^unix:/i.test(endpoint.text)) return other('unix');

  const { address, digits } = parts(endpoint.text);
  if (digits !== null && RANGE.test(digits)) return other('range');
  const port = digits === null ? DEFAULT_PORT : Number(digits);
  const family = familyOf(address);
  // An escape would shift the offsets, and none belongs into an address or a port.
  const escaped = endpoint.text.length !== endpoint.end - endpoint.start;
  if (escaped || family === null || !isPort(port) || (address === null && digits === null)) return other('unread');

  const parameters = new Set(words.slice(2).map((word) => word.text));
  return {
    kind: 'port',
    address,
    family,
    port,
    portSpan: { start: endpoint.end - (digits ?? '').length, end: endpoint.end },
    ssl: parameters.has('ssl') || parameters.has('quic'),
    defaultServer: parameters.has('default_server') || parameters.has('default'),
    raw,
    start,
    end,
    line,
  };
}

/** Only the device itself can connect to it. */
export function isLoopback({ address }: Pick<Listen, 'address'>): boolean {
  return address !== null && /^(?:127\.|localhost$|\[::1\]$)/i.test(address);
}

/** The same for two listens exactly when they share a socket: `80`, `*:80` and `0.0.0.0:80` do. */
export function socketOf({ address, port }: Pick<Listen, 'address' | 'port'>): string {
  const host = address === null || address === '0.0.0.0' ? '*' : address.toLowerCase();
  return `${host}:${port}`;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

/** nginx tries a word of digits as a port first, and only then as an address. */
function parts(endpoint: string): { address: string | null; digits: string | null } {
  if (/^\d+$/.test(endpoint) || RANGE.test(endpoint)) return { address: null, digits: endpoint };
  const groups = ENDPOINT.exec(endpoint)?.groups;
  return { address: groups?.address ?? null, digits: groups?.port ?? null };
}

function familyOf(address: string | null): Listen['family'] | null {
  if (address === null || address === '*' || isIPv4(address)) return 'ipv4';
  if (!address.startsWith('[')) return 'name';
  // What nearly every site has: to compile the expression for all addresses takes 3 % of an answer of the agent's.
  if (address === '[::]') return 'ipv6';
  return isIPv6(address.slice(1, -1)) ? 'ipv6' : null;
}
