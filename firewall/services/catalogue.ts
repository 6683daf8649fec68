/**
 * The vendor's services, one entry per service of its two port tables.
 * Sources: EnOcean SmartServer IoT documentation, "Ports used by the SmartServer" (external and internal tables) and the
 * `ufw status numbered` listing on "Changing the web ports". Where the two disagree the listing wins; the note beside the
 * entry says so.
 */
import { phrase, type Sentence, say, sentenceOf } from '../errors';
import type { Openness } from '../results';

/** `22/tcp`, `1628:1645/udp`; without a protocol both tcp and udp. */
export type PortSpec = string;

/** What a vendor profile does with a service in one direction; null where the direction is another entry's. */
export type VendorState = { enhanced: Exclude<Openness, 'partial'>; standard: Exclude<Openness, 'partial'> } | null;

export interface Service {
  id: string;
  label: string;
  /** Opening opens these; the state is judged on them. */
  opens: readonly PortSpec[];
  /** Closing closes these too: what the vendor's table adds to what its listing shows. */
  closesToo: readonly PortSpec[];
  /** The directions a change acts on when the request names none. */
  directions: readonly ('in' | 'out')[];
  daemon: string;
  /** The systemd unit, where a source names it. */
  unit: string | null;
  in: VendorState;
  out: VendorState;
  /** `**` in the vendor's table: open only if enabled on a Configuration page. */
  optional: boolean;
  /** Of the internal table: has no rule and must get none. */
  internal: boolean;
  /** What stops working when it is closed, for somebody who has never seen ufw. */
  consequence: Sentence;
  /** What may happen while it is open, also for them. */
  risk: Sentence;
}

const OPEN = { enhanced: 'open', standard: 'open' } as const;
const CLOSED_IN = { enhanced: 'closed', standard: 'closed' } as const;
/** Out: blocked under Enhanced Security by the default policy, allowed under Standard by the default policy. */
const BY_POLICY = { enhanced: 'closed', standard: 'open' } as const;

interface Facts extends Partial<Omit<Service, 'consequence' | 'risk'>> {
  id: string;
  label: string;
  opens: readonly PortSpec[];
  daemon: string;
  consequence: string;
  risk: string;
}

const incoming = ({ consequence, risk, ...facts }: Facts): Service => ({
  closesToo: [],
  directions: ['in'],
  unit: null,
  in: OPEN,
  out: BY_POLICY,
  optional: false,
  internal: false,
  ...facts,
  consequence: sentenceOf(consequence),
  risk: sentenceOf(risk),
});

const outgoing = (facts: Facts): Service => incoming({ directions: ['out'], in: CLOSED_IN, out: OPEN, ...facts });

const INTERNAL =
  'An internal service: attempting to modify or restrict its ports may compromise the functionality of the applications on the device.';

const EXPOSED =
  'It is meant for programs on the device alone, and may ask nobody for a password: whoever reaches it may control the device.';

const internal = (facts: Omit<Facts, 'consequence' | 'risk'>): Service => ({
  ...incoming({ ...facts, consequence: INTERNAL, risk: EXPOSED }),
  in: CLOSED_IN,
  // An outgoing rule to such a port is about another machine's service.
  out: null,
  internal: true,
});

export const HTTPS: Service = incoming({
  id: 'https',
  label: 'Web pages (HTTPS)',
  opens: ['443/tcp'],
  daemon: 'nginx',
  unit: 'nginx.service',
  // The table blocks outgoing 443 for nginx, but allows it in the row of the licences: that direction is `licensing`.
  out: null,
  consequence:
    'The Configuration pages, the CMS, custom pages, IAP/REST and the Node-RED editor can no longer be reached; only the USB console is left.',
  risk: 'Anyone who reaches it can try out passwords of the web pages and of the Node-RED editor.',
});

export const CATALOGUE: readonly Service[] = [
  incoming({
    id: 'ssh',
    label: 'SSH remote shell',
    opens: ['22/tcp'],
    daemon: 'sshd',
    unit: 'ssh.service',
    consequence: 'Nobody can log on with SSH or copy files with SCP any more; the web pages still work.',
    risk: 'Anyone who reaches it can try out passwords; whoever finds one has the whole device.',
  }),
  HTTPS,
  incoming({
    id: 'http',
    label: 'Web pages (HTTP, redirected to HTTPS)',
    opens: ['80/tcp'],
    daemon: 'nginx',
    unit: 'nginx.service',
    // The table blocks incoming 80; the device's own rules allow it. Outgoing 80 is `cms-update`.
    out: null,
    consequence: 'An address typed without https:// gets no response, instead of being redirected.',
    risk: 'It only redirects to HTTPS; whoever is on the way may send a browser elsewhere instead.',
  }),
  incoming({
    id: 'mdns',
    label: 'Discovery as HOSTNAME.local (mDNS)',
    opens: ['5353/udp'],
    daemon: 'avahi-daemon',
    unit: 'avahi-daemon.service',
    // The table blocks outgoing 5353 under Enhanced; the device's own rules allow it.
    directions: ['in', 'out'],
    out: OPEN,
    consequence: 'The device is no longer found as HOSTNAME.local; its address must be entered instead.',
    risk: 'It tells everybody on the network the name and the services of the device.',
  }),
  incoming({
    id: 'dhcp',
    label: 'Address from a DHCP server (DHCP client)',
    // Its row is the DHCP client's; what before.rules lets in is a server's answer, from its port 67 to the client's 68.
    opens: ['67/udp'],
    daemon: 'dnsmasq',
    consequence:
      'It cannot be closed: the base rules of the firewall (/etc/ufw/before.rules) always let the answers of DHCP servers in (from port 67 to port 68). Port 67 of the device itself needs no rule.',
    risk: 'Whoever answers in place of the DHCP server can give the device a false address, router or name server.',
  }),
  incoming({
    id: 'bacnet',
    label: 'BACnet/IP',
    // The table's BAC0–BACF (hex, 47808–47823) are the values the one configurable port may take.
    opens: ['47808/udp', '41797/udp'],
    daemon: 'echbacnet',
    optional: true,
    consequence: 'BACnet devices and workstations on the network lose their connection to this device.',
    risk: 'BACnet/IP knows no passwords: anyone who reaches it can read and write data points.',
  }),
  outgoing({
    id: 'bacnet-ephemeral',
    label: 'BACnet client ports',
    opens: ['49152:65535/udp'],
    daemon: 'echbacnet',
    in: null,
    optional: true,
    consequence: 'This device can no longer poll BACnet devices as a client.',
    risk: 'The device can send to nearly any port of any host, also what should not leave the network.',
  }),
  incoming({
    id: 'lon',
    label: 'LON over IP (IP-852, RNI, protocol analyzer)',
    // The table says 1628–1645 TCP, the listing 1628/udp, in and out.
    opens: ['1628/udp'],
    closesToo: ['1628:1645/tcp', '1628:1645/udp'],
    directions: ['in', 'out'],
    daemon: 'echlte',
    out: OPEN,
    optional: true,
    consequence:
      'LON devices behind IP-852 routers and remote network interfaces (RNI) lose their connection; heating and lighting data points may become stale.',
    risk: 'LON over IP knows no passwords, and its management messages have had a hole through which commands ran on the device.',
  }),
  incoming({
    id: 'lon-ip70',
    label: 'LON tunnel (IP-70)',
    // The table says TCP and blocks the outgoing direction under Enhanced; the listing shows 2541/udp, in and out.
    opens: ['2541/udp'],
    closesToo: ['2541/tcp'],
    directions: ['in', 'out'],
    daemon: 'echlte',
    out: OPEN,
    consequence: 'The LON tunnel stops working; the vendor always keeps this port open.',
    risk: 'LON over IP knows no passwords, and its management messages have had a hole through which commands ran on the device.',
  }),
  incoming({
    id: 'mqtt',
    label: 'MQTT broker (unencrypted)',
    opens: ['1883/tcp'],
    daemon: 'mosquitto',
    unit: 'mosquitto.service',
    optional: true,
    consequence:
      'Programs on other machines can no longer read or write data points over MQTT; programs on the device still can.',
    risk: 'The broker asks for no password: anyone who reaches it can read and write data points, and forge alarms.',
  }),
  incoming({
    id: 'mqtts',
    label: 'MQTT broker (TLS)',
    opens: ['8883/tcp'],
    daemon: 'mosquitto',
    unit: 'mosquitto.service',
    // Outgoing 8883 is `remote-cms`.
    out: null,
    optional: true,
    consequence:
      'Programs and other SmartServers that use MQTT with certificates lose their connection to this device.',
    risk: 'Anyone with an accepted certificate can read and write data points, and forge alarms.',
  }),
  incoming({
    id: 'opcua',
    label: 'OPC UA server',
    opens: ['55000/tcp'],
    daemon: 'echopcua',
    optional: true,
    consequence: 'OPC UA clients lose their connection to this device.',
    risk: 'Anyone who reaches it can try to read and write data points through OPC UA.',
  }),
  outgoing({
    id: 'smtp',
    label: 'E-mail (SMTP)',
    opens: ['25/tcp'],
    daemon: 'SMTP',
    consequence: 'Alarm and password e-mails are no longer sent.',
    risk: 'A program on the device can send e-mail to any server.',
  }),
  outgoing({
    id: 'dns',
    label: 'Name resolution (DNS)',
    // The table says TCP and UDP, the listing has 53/udp only. Incoming 53 is `dnsmasq`.
    opens: ['53/udp'],
    closesToo: ['53/tcp'],
    in: null,
    daemon: 'DNS',
    consequence: 'Host names are no longer resolved: e-mail, time and update servers specified by name are not found.',
    risk: 'Data can be smuggled out in questions to name servers.',
  }),
  outgoing({
    id: 'cms-update',
    label: 'CMS update (HTTP)',
    opens: ['80/tcp'],
    in: null,
    daemon: 'CMS',
    consequence: 'CMS updates over HTTP fail.',
    risk: 'A program on the device can reach any web server, without encryption.',
  }),
  outgoing({
    id: 'ntp',
    label: 'Time (NTP)',
    opens: ['123/udp'],
    daemon: 'NTP',
    consequence: 'The clock drifts; schedules run at the wrong time.',
    risk: 'Whoever answers in place of the time server can set the device’s clock.',
  }),
  outgoing({
    id: 'modbus',
    label: 'Modbus TCP',
    opens: ['502/tcp'],
    daemon: 'Modbus',
    consequence: 'Modbus TCP devices are no longer polled.',
    risk: 'Modbus TCP knows no passwords: a program on the device can control every Modbus device it reaches.',
  }),
  outgoing({
    id: 'licensing',
    label: 'Certificates, licensing, maps and updates (HTTPS)',
    opens: ['443/tcp'],
    in: null,
    daemon: 'licensing',
    consequence:
      'Certificates (also those of Let’s Encrypt) and licences are no longer renewed; dynamic DNS, maps and updates no longer work.',
    risk: 'A program on the device can reach any web server.',
  }),
  outgoing({
    id: 'remote-cms',
    label: 'Remote CMS (MQTT, TLS)',
    opens: ['8883/tcp'],
    in: null,
    daemon: 'mosquitto',
    unit: 'mosquitto.service',
    // The listing, made with Enhanced Security and without Remote CMS, has no such rule.
    optional: true,
    consequence: 'This device can no longer reach its remote CMS.',
    risk: 'A program on the device can reach any MQTT broker.',
  }),
  internal({
    id: 'dnsmasq',
    label: 'The device’s name server (dnsmasq)',
    opens: ['53/tcp', '53/udp'],
    daemon: 'dnsmasq',
  }),
  internal({ id: 'node-red', label: 'Node-RED', opens: ['1880/tcp'], daemon: 'node-red' }),
  internal({ id: 'cms-jmx', label: 'Local CMS (JMX)', opens: ['1099/tcp', '44444/tcp'], daemon: 'CMS' }),
  internal({ id: 'cms-mqtt', label: 'Local CMS (MQTT)', opens: ['3200/tcp'], daemon: 'CMS' }),
  internal({ id: 'cms-pgsql', label: 'Local CMS (PostgreSQL)', opens: ['5432/tcp'], daemon: 'postgres' }),
  internal({ id: 'cms-redis', label: 'Local CMS (Redis)', opens: ['6379/tcp'], daemon: 'redis' }),
  internal({ id: 'cms', label: 'Local CMS', opens: ['8101/tcp'], daemon: 'cms' }),
  internal({ id: 'cms-jetty', label: 'Local CMS (Jetty)', opens: ['8181/tcp'], daemon: 'CMS' }),
  internal({ id: 'supervisor', label: 'Supervisor', opens: ['9001/tcp'], daemon: 'python' }),
  internal({ id: 'reboot-manager', label: 'Reboot Manager', opens: ['9090/tcp'], daemon: 'python3' }),
  internal({ id: 'lon-ip70-internal', label: 'LON tunnel, internal (IP-70)', opens: ['1629/udp'], daemon: 'echlte' }),
];

/** The vendor's table calls the default policy the row "all others". */
export const ALL_OTHERS = phrase`all others`;

const IDS: ReadonlySet<string> = new Set(CATALOGUE.map(({ id }) => id));

/** A service's name, as part of a sentence: that of the vendor's table in any language, another as somebody has given it. */
export const nameOf = ({ id, label }: Pick<Service, 'id' | 'label'>): Sentence =>
  IDS.has(id) ? sentenceOf(label) : say`${label}`;
