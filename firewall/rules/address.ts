/** Addresses in the one form in which they are stored, compared and printed: the one in which iptables prints them. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An address or subnet: the address's 4 or 16 bytes, and how many bits of it count. */
interface Network {
  bytes: readonly number[];
  bits: number;
}

/** The bytes of an IPv4 or IPv6 address, 4 or 16 of them; of a text for which `isIP` holds. */
export function addressBytes(text: string): number[] {
  // IPv6 with its end in dots: ipaddr.js takes every such address for one that stands for an IPv4 address.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (!dotted) return ipaddr.parse(text).toByteArray();
  const [, head, a, b, c, d] = dotted.map((part, at) => (at > 1 ? Number(part).toString(16).padStart(2, '0') : part));
  return ipaddr.parse(`${head}${a}${b}:${c}${d}`).toByteArray();
}

/**
 * Whether a text is an IPv4 or IPv6 address, or a CIDR subnet: no host name, no zone, no dotted netmask. A prefix has no
 * leading zero: to iptables it would be an octal number. One of an IPv4 address that is written as an IPv6 one counts at
 * least the 96 bits that make it one; a shorter one means neither.
 */
export function isAddress(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes('%')) return false;
  if (prefix === undefined) return true;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return false;
  return Number(prefix) >= 96 || !isMapped(addressBytes(address));
}

/**
 * An address or subnet in its one form: no prefix for a single address, a subnet by its first address, IPv6 as short as
 * iptables prints it and in small letters, and an IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) as IPv4,
 * because no packet carries the other. `::ffff:0:0/96` is all of IPv4, `0.0.0.0/0`.
 * @param text one for which `isAddress` holds
 */
export const normalAddress = (text: string): string => formatNetwork(networkOf(text));

/** Whether a subnet is named by another than its first address, as `10.1.2.3/8` is. */
export function hasHostBits(text: string): boolean {
  const { bytes, bits } = networkOf(text);
  return masked(bytes, bits).some((byte, at) => byte !== bytes[at]);
}

function networkOf(text: string): Network {
  const [address = '', prefix] = text.split('/');
  const bytes = addressBytes(address);
  const bits = prefix === undefined ? bytes.length * 8 : Number(prefix);
  return isMapped(bytes) && bits >= 96 ? { bytes: bytes.slice(12), bits: bits - 96 } : { bytes, bits };
}

/** Whether an IPv6 address stands for an IPv4 one. */
const isMapped = (bytes: readonly number[]): boolean =>
  bytes.length === 16 && bytes.slice(0, 12).every((byte, at) => byte === (at < 10 ? 0 : 255));

const masked = (bytes: readonly number[], bits: number): number[] =>
  bytes.map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - at * 8))));

function formatNetwork({ bytes, bits }: Network): string {
  const first = masked(bytes, bits);
  return `${formatAddress(first)}${bits === bytes.length * 8 ? '' : `/${bits}`}`;
}

function formatAddress(bytes: number[]): string {
  const address = ipaddr.fromByteArray(bytes);
  if (address.kind() === 'ipv4') return address.toString();
  // glibc, and with it iptables, ends an address of nothing else but 32 bits in dots: `::10.0.0.1`.
  const isShort = bytes.slice(0, 12).every((byte) => byte === 0) && (bytes[12] || bytes[13]);
  return isShort ? `::${bytes.slice(12).join('.')}` : (address as ipaddr.IPv6).toRFC5952String();
}
