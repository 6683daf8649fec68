/** The port fields of ufw's rules: `80`, `1:2`, `80,443` or `any`. */

export const ALL_PORTS = [0, 65535] as const;

/** Whether a port field needs iptables' multiport match. */
export const isMulti = (ports: string): boolean => ports.includes(',') || ports.includes(':');

/** A port field as ranges of ports, both ends included. */
export function portRanges(ports: string): (readonly [number, number])[] {
  if (ports === 'any') return [ALL_PORTS];
  return ports.split(',').map((part) => {
    const [first = 0, last = first] = part.split(':').map(Number);
    return [first, last] as const;
  });
}
