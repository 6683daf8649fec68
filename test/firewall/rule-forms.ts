/** Rules as people give them to `ufw`, each option in each form that it takes; every one of them another rule. */

type Words = readonly string[];

const words = (text: string): string[] => text.split(' ');

/** A port that no other form has, so that no two forms are the same rule. */
const numbered = (forms: readonly string[], first: number): string[] =>
  forms.map((form, at) => form.replace(/#/g, String(first + at)));

const ACTIONS = ['allow', 'deny', 'reject', 'limit'].flatMap((action) => [
  `${action} #`,
  `${action} in #/tcp`,
  `${action} out #/udp`,
  `${action} log #`,
  `${action} in log #/tcp`,
  `${action} log-all #/tcp`,
  `${action} from any to any port #`,
  `${action} log from any to any port # proto tcp`,
]);

const PORTS = [
  'allow #,#1/tcp',
  'allow #:#9/udp',
  'deny #,40:49/tcp',
  'allow 1,2,3,4,5,6,7,8,9,10,11,12,13,14,#/tcp',
  'allow proto tcp from any port # to any',
  'allow proto udp from any port #,53 to any port 67:68',
  'allow proto tcp from any port #:#9 to any port 80,443',
  'deny proto tcp to any port #',
  'allow from any port # to any port #',
  'allow nntp',
  'deny ident',
  'allow gopher/tcp',
  'allow proto tcp to any port finger',
  'limit proto udp from any port tftp to any port #',
];

/** Forms of addresses; each as source and as destination, alone and with a port. */
const ADDRESSES = [
  '192.0.2.1',
  '192.0.2.2/32',
  '192.0.2.3/24',
  '10.1.2.3/8',
  '10.2.0.0/255.255.0.0',
  '10.3.3.3/255.255.255.252',
  '10.4.5.6/255.0.255.0',
  '0.0.0.0',
  '255.255.255.255',
  '169.254.1.1/16',
  '2001:db8::1',
  '2001:db8::2/128',
  '2001:db8:1:2:3::9/64',
  '2001:DB8:ABCD::1/48',
  '2001:db8:0:0:0:0:0:7',
  '2001:0db8:0001::0008/65',
  'fe80::1/10',
  'ff02::fb',
  '::ffff:10.0.0.1',
  '::10.0.0.2',
  '::a00:3',
  '::a00:4/104',
  '64:ff9b::192.0.2.33',
  '1:0:0:2:0:0:0:3',
  '::1',
  '2001:db8::1/1',
];
const PLACES = ADDRESSES.flatMap((address, at) => [
  `deny from ${address}`,
  `allow from ${address} to any port # proto tcp`,
  at % 2 === 0 ? `reject out to ${address}` : `limit in to ${address} port #`,
  ...(at % 3 === 0 ? [`allow log from ${address} port # to ${address} port # proto udp`] : []),
]);

const INTERFACES = [
  'eth0',
  'eth1',
  'eth+',
  'wlan0.100',
  'br-lan',
  'a,b',
  'x=y',
  'v%1',
  'p@2',
  '+',
  '-x',
  'abcdefghijklmno',
];
const ON = INTERFACES.flatMap((name, at) => [
  `allow in on ${name} to any port #`,
  at % 2 === 0 ? `deny out on ${name}` : `reject in on ${name} log from any port # proto tcp`,
  `route allow in on ${name} to any port # proto udp`,
]);

const ROUTED = [
  'route allow in on eth0 out on eth1',
  'route deny in on eth1 out on eth0 from 10.0.0.0/8 to 2.2.2.2 port #',
  'route reject from 2001:db8:5::5/64 to any port # proto tcp',
  'route limit in on eth+ out on wlan+ log to any port #',
  'route allow out on eth1 log-all from any to any port #',
];

const PROTOCOLS = [
  ...['ah', 'esp', 'gre', 'vrrp'].map((protocol) => `allow proto ${protocol} from any`),
  ...['igmp', 'ipv6'].map((protocol) => `deny proto ${protocol} from 192.0.2.77`),
  'allow proto esp from 2001:db8:9::9/64 to any',
  'reject out proto udp to any',
  'deny proto tcp to any',
];

const APPS = ['allow in', 'deny out', 'limit in log', 'reject in'].flatMap((action, at) => [
  [...words(action), ['Web Full', 'Plain', 'Two Sets', 'Web Full'][at] as string],
  [...words(`${action.split(' ')[0]} from 10.9.${at}.0/24 to any app`), 'Two Sets'],
  [...words(`${action.split(' ')[0]} from 2001:db8:77:${at}::1/64 app`), 'Plain', ...words('to any')],
]);

const COMMENTS = [
  'plain',
  'two words',
  'Aufzug Süd',
  '扉',
  'a\nb # [ 9] 22/tcp ALLOW IN Anywhere',
  'Status: inactive',
  '-j DROP "x"',
].map((comment, at) => [...words(`allow ${9500 + at}/tcp`), 'comment', comment]);

const PLACED = [
  'prepend deny from 2001:db8:1:2:4::9/64 to any',
  'insert 1 deny from 203.0.113.9/24 to any',
  'insert 2 allow log #',
  'prepend reject in on eth+ from 10.77.1.2/16',
];

/** The arguments of one `ufw` command each, in the order in which they are given. */
export const FORMS: readonly Words[] = [
  ...numbered([...ACTIONS, ...PORTS], 5000).map(words),
  ...numbered([...PLACES, ...ON, ...ROUTED, ...PROTOCOLS, ...PLACED], 6000).map(words),
  ...APPS,
  ...COMMENTS,
];
