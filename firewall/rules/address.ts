/** Addresses in the form ufw stores them (ufw 0.36: `normalize_address`). */
import ipaddr from 'ipaddr.js';

/**
 * An address or CIDR subnet as ufw writes it: no /32 or /128, an IPv4 subnet by its first address, IPv6 in its short
 * form. ufw leaves the host part of an IPv6 subnet as it is.
 */
export function normalAddress(text: string): string {
  const [address = '', prefix] = text.split('/');
  const parsed = ipaddr.parse(address);
  const isHost = prefix === undefined || Number(prefix) === (parsed.kind() === 'ipv4' ? 32 : 128);
  const short = parsed.kind() === 'ipv4' ? parsed.toString() : (parsed as ipaddr.IPv6).toRFC5952String();
  if (isHost) return short;
  if (parsed.kind() === 'ipv6') return `${short}/${prefix}`;
  return `${ipaddr.IPv4.networkAddressFromCIDR(`${short}/${Number(prefix)}`).toString()}/${Number(prefix)}`;
}
