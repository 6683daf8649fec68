/**
 * Lines as people write them into ufw's before and after rules: each option of the matches and targets that iptables has,
 * in each form in which it takes it. Not every machine has every match; `accepted` tells which forms this one takes.
 */
import type { Device } from '../device/device';
import type { Family } from '../device/protocol';

const of = (prefix: string, ...values: readonly string[]): string[] => values.map((value) => `${prefix} ${value}`);
/** Options of a rule itself. */
const PLACES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    ...of('-s', '10.1.2.3', '10.1.2.3/32', '10.1.2.3/8', '10.1.2.3/255.255.0.0', '10.1.2.3/255.0.255.0', '0.0.0.0/0'),
    ...of('--source', '192.0.2.0/24', 'localhost', '10.0.0.1,10.0.0.2'),
    ...of('--src', '172.16.5.5/12', '10.1/16'),
    ...of('-d', '224.0.0.251', '198.51.100.7/25'),
    ...of('--destination', '255.255.255.255'),
    ...of('--dst', '203.0.113.9/29'),
    '! -s 192.0.2.1',
    '! -d 192.0.2.1/30',
  ],
  ipv6: [
    ...of(
      '-s',
      '2001:db8::1',
      '2001:DB8:0:0::1/128',
      '2001:db8:1:2:3::9/64',
      '::/0',
      '::10.0.0.1',
      '::a00:1',
      'fe80::1/10',
    ),
    ...of('--source', '2001:db8::/ffff:ffff::', '2001:db8::1,2001:db8::2'),
    ...of('--src', '2001:0db8:0000::0001', '::ffff:10.0.0.1'),
    ...of('-d', 'ff02::fb', '2001:db8::ff/127', '2001:db8::/064'),
    '! -s 2001:db8::9/65',
    '! --dst fe80::/10',
  ],
};
const EITHER = [
  ...of('-i', 'eth0', 'eth+', '+', 'e+th'),
  ...of('--in-interface', 'lo'),
  ...of('-o', 'eth1'),
  ...of('--out-interface', 'ip70', 'wlan+'),
  '! -i lo',
  ...of('-p', 'tcp', 'TCP', '17', 'all', '0', 'esp', 'ah', 'gre', 'igmp', '112', '254'),
  ...of('--protocol', 'udp'),
  ...of('--proto', 'sctp'),
  '! -p udp',
  '-p tcp -m tcp',
  '-m tcp -p tcp',
];

const PORTS = [
  ...of('-p tcp --dport', '22', 'ssh', '0', '65535', '1000:2000', ':1023', '1024:', '2000:2000', 'http:https'),
  ...of('-p udp --sport', '53', 'domain', '67:68', '0:65535'),
  ...of('-p tcp --destination-port', '443'),
  ...of('-p udp --source-port', 'ntp'),
  '-p tcp --dport 443 --sport 1024:65535',
  '-p tcp ! --dport 80',
  '-p udp -m udp ! --sport 123',
  ...of('-p tcp -m multiport --dports', '80', '80,443', 'http,https', '22,80:90,443', '1:2,3:4'),
  ...of('-p udp -m multiport --sports', '53,123'),
  ...of('-p tcp -m multiport --ports', '5000,6000:7000'),
  '-p tcp -m multiport --destination-ports 1,2 -m multiport --source-ports 3,4',
  '-p tcp -m multiport ! --dports 80,443',
  '-p sctp --dport 9 --chunk-types any INIT',
  '-p dccp --dport 7 --dccp-types REQUEST',
];
const FLAGS = [
  '-p tcp --syn',
  '-p tcp ! --syn',
  '-p tcp --tcp-flags SYN,ACK SYN',
  '-p tcp --tcp-flags ALL NONE',
  '-p tcp ! --tcp-flags FIN,SYN,RST,ACK SYN',
  '-p tcp --tcp-flags ALL FIN,URG,PSH',
  '-p tcp --tcp-option 8',
  '-p tcp ! --tcp-option 2',
  '-p tcp -m tcpmss --mss 500:1000',
];
const STATES = [
  ...of(
    '-m conntrack --ctstate',
    'NEW',
    'ESTABLISHED,RELATED',
    'RELATED,ESTABLISHED',
    'INVALID',
    'NEW,UNTRACKED',
    'SNAT,DNAT',
  ),
  ...of('-m conntrack --ctproto', '6', 'udp'),
  ...of('-m conntrack --ctdir', 'ORIGINAL', 'REPLY'),
  ...of('-m conntrack --ctstatus', 'ASSURED', 'NONE', 'CONFIRMED,SEEN_REPLY'),
  ...of('-m conntrack --ctexpire', '10', '10:20'),
  ...of('-p tcp -m conntrack --ctorigdstport', '80', '80:90'),
  ...of('-p tcp -m conntrack --ctreplsrcport', '443'),
  '-m conntrack ! --ctstate NEW,INVALID',
  ...of('-m state --state', 'NEW', 'RELATED,ESTABLISHED'),
  '-m state ! --state INVALID',
];
const RATES = [
  ...of('-m limit --limit', '3/min', '3/minute', '5/s', '5/sec', '1/hour', '60/hour', '7/day', '100/second'),
  '-m limit',
  '-m limit --limit-burst 7',
  '-m limit --limit 3/min --limit-burst 5',
  '-m limit --limit-burst 10 --limit 3/min',
  '-m hashlimit --hashlimit-above 10/sec --hashlimit-mode srcip --hashlimit-name a',
  '-m hashlimit --hashlimit-upto 5/min --hashlimit-burst 9 --hashlimit-mode srcip,dstport --hashlimit-name b --hashlimit-htable-expire 30000',
  ...of('-p tcp --syn -m connlimit --connlimit-above', '3', '10 --connlimit-mask 24', '4 --connlimit-daddr'),
  '-m connlimit --connlimit-upto 5',
  '-m connbytes --connbytes 1000:2000 --connbytes-dir both --connbytes-mode bytes',
  '-m statistic --mode random --probability 0.5',
  '-m statistic --mode nth --every 4 --packet 1',
  '-m quota --quota 5000',
];
const RECENT = [
  '-m recent --set',
  '-m recent --name bad --set --rsource',
  '-m recent --set --name bad --rdest',
  '-m recent --rcheck --seconds 60 --name bad',
  '-m recent --update --seconds 30 --hitcount 6',
  '-m recent --update --hitcount 6 --seconds 30 --name DEFAULT',
  '-m recent --remove --name bad',
  '-m recent ! --rcheck --name bad',
  '-m recent --rcheck --seconds 60 --reap --rttl --name bad',
];
const TYPES = [
  ...of('-m addrtype --dst-type', 'LOCAL', 'BROADCAST', 'MULTICAST,ANYCAST'),
  ...of('-m addrtype --src-type', 'LOCAL', 'UNICAST --limit-iface-in'),
  '-m addrtype ! --dst-type LOCAL',
  ...of('-m pkttype --pkt-type', 'unicast', 'broadcast', 'multicast'),
  ...of('-m length --length', '100', '100:200', ':50'),
  ...of('-m mark --mark', '1', '0x1/0xff'),
  '-m mark ! --mark 2',
  ...of('-m connmark --mark', '0x10/0x10'),
  ...of('-m mac --mac-source', '00:11:22:33:44:55', 'aa:bb:cc:dd:ee:ff', 'AA:BB:CC:DD:EE:FF'),
  ...of('-m owner --uid-owner', '0', 'root', '1000-1010'),
  ...of('-m owner --gid-owner', 'root'),
  '-m owner --socket-exists',
  ...of('-m dscp --dscp', '10', '0x0a'),
  ...of('-m dscp --dscp-class', 'EF', 'cs1'),
  ...of('-m tos --tos', '0x10', 'Minimize-Delay'),
  ...of('-m time --timestart', '08:00 --timestop 17:30', '08:00:30 --weekdays Mon,Tue --kerneltz'),
  '-m time --weekdays 1,2,3 ! --monthdays 31',
  '-m time --datestart 2030-01-01 --datestop 2030-12-31T23:59:59',
  ...of('-m string --algo bm --string', 'GET', '"two words"', 'a --from 20 --to 100'),
  '-m string --algo kmp --hex-string |0d0a|',
  '-m string --icase --algo bm --string x',
  ...of('-m policy --dir in --pol', 'ipsec', 'none', 'ipsec --proto esp --mode tunnel'),
  '-m physdev --physdev-in eth0',
  '-m cpu --cpu 0',
  '-m devgroup --src-group 1',
  '-m helper --helper ftp',
  '-m u32 --u32 "0>>22&0x3C@12&0xFFFF=0x1234"',
  '-m socket --transparent',
  '-m rpfilter --loose --invert',
  '-m bpf --bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"',
  '-p esp -m esp --espspi 1:100',
];
const COMMENTS = [
  ...of(
    '-m comment --comment',
    'plain',
    '"two words"',
    "it's",
    '"with \\"quotes\\" and \\\\ and #"',
    '"-j DROP -i lo"',
    '"Tür 扉"',
  ),
  "-m comment --comment 'single'",
  '-m comment --comment "\'dapp_Web%20Full\'"',
];
/** Matches of one family only. */
const OWN: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    ...of(
      '-p icmp --icmp-type',
      'echo-request',
      'ping',
      '8',
      '3/4',
      'fragmentation-needed',
      'any',
      'ttl-exceeded',
      'redirect',
      '255',
    ),
    ...of('-p icmp ! --icmp-type', '8'),
    ...of('-m ttl --ttl-eq', '64'),
    ...of('-m ttl --ttl-lt', '5'),
    ...of('-m iprange --src-range', '10.0.0.1-10.0.0.9', '10.0.0.1'),
    ...of('-m iprange ! --dst-range', '192.0.2.1-192.0.2.5'),
    ...of('-m conntrack --ctorigdst', '10.1.2.3/8'),
    ...of('-m recent --mask', '255.255.0.0 --set --name masked'),
    '-f',
    '! -f',
    '-m realm --realm 3',
    '-p ah -m ah --ahspi 7',
  ],
  ipv6: [
    ...of(
      '-p icmpv6 --icmpv6-type',
      'echo-request',
      'ping',
      '128',
      '1/4',
      'neighbour-solicitation',
      'ttl-exceeded',
      '141',
    ),
    ...of('-p ipv6-icmp --icmpv6-type', 'router-advertisement'),
    ...of('-p 58 -m icmp6 --icmpv6-type', 'packet-too-big'),
    ...of('-m hl --hl-eq', '255'),
    ...of('-m hl --hl-gt', '1'),
    ...of('-m rt --rt-type', '0', '0 --rt-len 22', '2 ! --rt-segsleft 1:3'),
    ...of('-m iprange --src-range', '2001:db8::1-2001:db8::9'),
    ...of('-m conntrack --ctreplsrc', '2001:db8::9/64'),
    '-m frag --fragfirst',
    '-m hbh --hbh-len 8',
    '-m dst --dst-opts 5:1',
    '-m ipv6header --header esp --soft',
    '-m eui64',
    '-m mh --mh-type 1',
  ],
};

const SPECS = [...EITHER, ...PORTS, ...FLAGS, ...STATES, ...RATES, ...RECENT, ...TYPES, ...COMMENTS];

const TARGETS: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    '-j REJECT',
    ...of('-j REJECT --reject-with', 'icmp-port-unreachable', 'icmp-host-prohibited', 'host-unreach'),
  ],
  ipv6: ['-j REJECT', ...of('-j REJECT --reject-with', 'icmp6-adm-prohibited', 'adm-prohibited', 'no-route')],
};
const EITHER_TARGET = [
  '',
  '-j DROP',
  '--jump RETURN',
  '-g ufw-forms-2',
  '--goto ufw-forms-2',
  '-j ufw-forms-2',
  '-p tcp -j REJECT --reject-with tcp-reset',
  '-p tcp -j REJECT --reject-with tcp-rst',
  '-j LOG',
  ...of('-j LOG --log-level', 'debug', '7', 'warning', '4', 'info --log-prefix x'),
  ...of('-j LOG --log-prefix', '"[A B] "', 'plain', '"x -j ACCEPT "'),
  '-j LOG --log-tcp-options --log-ip-options --log-uid --log-tcp-sequence --log-macdecode',
  '-j NFLOG --nflog-group 3 --nflog-prefix "n n"',
  '-j NFQUEUE --queue-num 2 --queue-bypass',
  '-j NFQUEUE --queue-balance 0:3',
  ...of('-j MARK', '--set-mark 1', '--set-xmark 0x1/0xff', '--or-mark 4'),
  '-j CONNMARK --save-mark',
  '-j AUDIT --type accept',
  '-j TRACE',
  '-j RATEEST --rateest-name r --rateest-interval 250ms --rateest-ewma 0.5s',
];

/** How a line may be written, whatever it says. `$` is the chain. */
const SHAPES = [
  '--append $ -p tcp --dport 1001 -j RETURN',
  '-I $ -p tcp --dport 1002 -j RETURN',
  '--insert $ -p tcp --dport 1003 -j RETURN',
  '-I $ 2 -p tcp --dport 1004 -j RETURN',
  '--insert $ 3 -p tcp --dport 1005 -j RETURN',
  '[12:345] -A $ -p tcp --dport 1006 -j RETURN',
  '-A $\t-p tcp\t--dport 1007   -j\tRETURN',
  '   -A $ -p tcp --dport 1008 -j RETURN   ',
  '-A $ -j RETURN -p tcp --dport 1009',
  '-A $ --dport 1010 -m udp -p udp -j RETURN',
  '-p tcp -A $ --dport 1011 -j RETURN',
  '-A "$" "-p" tcp "--dport" 1012 -j RETURN',
  '-4 -A $ -p tcp --dport 1013 -j RETURN',
  '--ipv6 -A $ -p tcp --dport 1014 -j RETURN',
  '-A $ -c 5 6 -p tcp --dport 1015 -j RETURN',
  '-A $ -m limit --limit 1/s -j RETURN -p tcp --dport 1016',
  '-A $ -p tcp --dport 1017 -m comment --comment c -j RETURN -m limit',
  // A chain that is made and stays would be in the way of the next reload.
  '-N $-3\n-A $-3 -j RETURN\n-F $-3\n-X $-3',
  '--new-chain $-3\n-X $-3',
  '-A $ -p tcp --dport 1018 -j RETURN\n-D $ 1',
  '-A $ -p tcp --dport 1019 -j RETURN\n-D $ -p tcp --dport 1019 -j RETURN',
  '-R $ 1 -p tcp --dport 1020 -j RETURN',
  '# -A $ -p tcp --dport 1021 -j RETURN',
];

/** The chain that the forms stand in; nothing leads to it. A second one is there for them to lead to. */
export const CHAIN = 'ufw-forms';

/** All forms, each one line or several that belong together. */
export function forms(family: Family): string[] {
  const specs = [...PLACES[family], ...SPECS, ...OWN[family]].map((spec) => `${spec} -j RETURN`);
  const lines = [...specs, ...EITHER_TARGET, ...TARGETS[family]].map((spec) => `-A ${CHAIN} ${spec}`);
  return [...lines, ...SHAPES.map((shape) => shape.replace(/\$/g, CHAIN))];
}

const DECLARED = `:${CHAIN} - [0:0]\n:${CHAIN}-2 - [0:0]\n`;
const FIRST = `-A ${CHAIN} -p tcp --dport 1 -j RETURN\n-A ${CHAIN} -p tcp --dport 2 -j RETURN\n`;

/** The lines, with what declares the chains that they speak of. */
export const chainLines = (lines: readonly string[]): string[] => [DECLARED + FIRST + lines.join('\n')];

/** A before file with the lines, in front of its COMMIT. */
export const withLines = (before: string, lines: readonly string[]): string =>
  before.replace(/^COMMIT$/m, () => `${chainLines(lines)}\nCOMMIT`);

/** Those of the forms that this machine's iptables takes, tried one by one in a namespace of their own. */
export async function accepted(device: Device, family: Family): Promise<string[]> {
  const program = family === 'ipv4' ? 'iptables-restore' : 'ip6tables-restore';
  const all = forms(family);
  const script = `for text; do printf "*filter\\n%s\\nCOMMIT\\n" "$text" | unshare -n ${program} && echo 1 || echo 0; done`;
  const texts = all.map((form) => `${DECLARED}${FIRST}${form}`);
  const { stdout } = await device.run(['sh', '-c', script, 'sh', ...texts]);
  const answers = stdout.trim().split('\n');
  return all.filter((_, at) => answers[at] === '1');
}
