const PORT_SPEC = /^(\d{1,5})(?::(\d{1,5}))?(?:\/(tcp|udp))?$/;

/** Whether a text names ports: `22/tcp`, `1628:1645/udp`, `443`. */
export function isPortSpec(value: string): boolean {
  const match = PORT_SPEC.exec(value);
  if (!match) return false;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  const wellOrdered = match[2] === undefined || first < last;
  return first >= 1 && last <= 65535 && wellOrdered;
}
