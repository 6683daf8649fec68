/** Services and times in the few words below a node. */
import type { NodeAPI } from 'node-red';

/** What people call a service, where that is not its id; the same in all languages. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ...['ssh', 'https', 'http', 'dhcp', 'lon', 'mqtt', 'mqtts', 'smtp', 'dns', 'ntp', 'cms'].map(
    (id): [string, string] => [id, id.toUpperCase()],
  ),
  ...[['mdns', 'mDNS'] as const, ['bacnet', 'BACnet'] as const, ['opcua', 'OPC UA'] as const],
  ...[['modbus', 'Modbus'] as const, ['node-red', 'Node-RED'] as const],
]);
/** Names of this length, all together, leave room for what became of them. */
const LONGEST = 20;

/** These services; only how many, where their names are too long. */
export function shortNames(RED: NodeAPI, ids: readonly string[]): string {
  const names = ids.map((id) => SHORT.get(id) ?? id).join(', ');
  return names.length <= LONGEST || ids.length === 1 ? names : RED._('status.services', { number: ids.length });
}

/** A moment by the local clock: the time, with month and day in front where that is not today. */
export function localTime(moment: string, now = new Date()): string {
  const date = new Date(moment);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return date.toDateString() === now.toDateString()
    ? time
    : `${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}
