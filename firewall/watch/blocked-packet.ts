/**
 * A line of the kernel's log about a packet that the firewall blocked. Anybody can send packets, and every program on the
 * device can write lines that look similar, so a line is taken only whole and exactly as the kernel writes it
 * (Linux `net/netfilter/nf_log_syslog.c`), behind the prefix that ufw gives it.
 */
import { isIP } from 'node:net';
import type { Blocked } from '../results';
import { normalAddress } from '../rules/address';

export type Packet = Omit<Blocked, 'count' | 'source' | 'destination' | 'direction'> & {
  source: string;
  destination: string;
  direction: NonNullable<Blocked['direction']>;
  protocol: string;
};

/**
 * What a syslog daemon writes before the kernel's text: time, host, and the name `kernel`, which other programs cannot
 * take without trying. Then perhaps the machine's uptime.
 */
const FILE_HEAD =
  /^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) [\w.:-]{1,255} kernel: (?:\[ *\d+\.\d+\] )?/;
/** By the rules of a `limit` it is the second one. */
const PREFIX = /^\[UFW (?:LIMIT )?BLOCK\] /;
const NUMBER = /^\d{1,5}$/;
const INTERFACE = /^[^\s/]{0,15}$/;

/** A line of a log file; null where it is none of these. */
export function packetOfLine(line: string): Packet | null {
  const head = FILE_HEAD.exec(line);
  return head && packetOf(line.slice(head[0].length));
}

/** The kernel's own text; null where it is none of these. */
export function packetOf(text: string): Packet | null {
  const prefix = PREFIX.exec(text);
  if (!prefix) return null;
  // In brackets comes the packet that an error message of ICMP is about.
  const tokens = text.slice(prefix[0].length).split('[', 1)[0]?.split(' ') ?? [];
  const read = (key: string): string | null => {
    const found = tokens.filter((token) => token.startsWith(`${key}=`));
    const [only] = found;
    return only !== undefined && found.length === 1 ? only.slice(key.length + 1) : null;
  };
  const [into, out] = [read('IN'), read('OUT')];
  const [source, destination, protocol] = [addressOf(read('SRC')), addressOf(read('DST')), read('PROTO')];
  const isWhole = tokens[0]?.startsWith('IN=') && tokens[1]?.startsWith('OUT=') && into !== out;
  if (!isWhole || !source || !destination || !protocol || !/^[A-Za-z0-9]{1,16}$/.test(protocol)) return null;
  if (into === null || out === null || !INTERFACE.test(into) || !INTERFACE.test(out)) return null;
  if (isIP(source) !== isIP(destination)) return null;
  const port = read('DPT');
  if (port !== null && (!NUMBER.test(port) || Number(port) > 65535)) return null;
  return {
    ...{ source, destination, protocol: protocol.toLowerCase() },
    port: port === null ? null : Number(port),
    direction: into && out ? 'routed' : into ? 'in' : 'out',
    interface: into || out,
  };
}

/** In its short form: the kernel writes all 32 digits of an IPv6 address. */
const addressOf = (text: string | null): string | null => (text && isIP(text) ? normalAddress(text) : null);
