/**
 * Lines of a real kernel's log about blocked packets, as syslog daemons write them. The kernel's part is what Linux writes
 * (`net/netfilter/nf_log_syslog.c`: dump_ipv4_packet, dump_ipv6_packet, and before them dump_mac_header); the heads are
 * rsyslog's traditional one and that of Ubuntu 24.04.
 */
export const HEADS = {
  traditional: 'Nov 23 17:04:09 smartserver kernel: [ 5210.118735] ',
  withoutUptime: 'Nov  3 07:04:09 smartserver kernel: ',
  rfc3339: '2026-11-23T17:04:09.118735+00:00 smartserver kernel: ',
} as const;

const MAC = 'MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00';

export const tcp = (source: string, port: number): string =>
  `[UFW BLOCK] IN=eth0 OUT= ${MAC} SRC=${source} DST=192.168.7.1 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=54321 DF PROTO=TCP SPT=40022 DPT=${port} WINDOW=64240 RES=0x00 SYN URGP=0 `;

export const KERNEL = {
  limited: `[UFW LIMIT BLOCK] IN=eth0 OUT= ${MAC} SRC=203.0.113.9 DST=192.168.7.1 LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID=7 DF PROTO=TCP SPT=1025 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 `,
  udp: `[UFW BLOCK] IN=eth1 OUT= ${MAC} SRC=198.51.100.4 DST=255.255.255.255 LEN=78 TOS=0x00 PREC=0x00 TTL=128 ID=0 PROTO=UDP SPT=137 DPT=137 LEN=58 `,
  ipv6: '[UFW BLOCK] IN=eth0 OUT= MAC=33:33:00:00:00:01:52:54:00:65:43:21:86:dd SRC=2001:0db8:0000:0000:0000:0000:0000:0009 DST=ff02:0000:0000:0000:0000:0000:0000:0001 LEN=80 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=TCP SPT=40022 DPT=8080 WINDOW=64800 RES=0x00 SYN URGP=0 ',
  ping: `[UFW BLOCK] IN=eth0 OUT= ${MAC} SRC=203.0.113.9 DST=192.168.7.1 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=3 DF PROTO=ICMP TYPE=8 CODE=0 ID=77 SEQ=1 `,
  /** An error message of ICMP has in brackets the packet it is about. */
  unreachable: `[UFW BLOCK] IN=eth0 OUT= ${MAC} SRC=203.0.113.9 DST=192.168.7.1 LEN=88 TOS=0x00 PREC=0xC0 TTL=64 ID=3 PROTO=ICMP TYPE=3 CODE=3 [SRC=192.168.7.1 DST=203.0.113.9 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=9 PROTO=UDP SPT=53 DPT=4444 LEN=40 ] `,
  out: '[UFW BLOCK] IN= OUT=eth0 SRC=192.168.7.1 DST=203.0.113.9 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=4 DF PROTO=TCP SPT=51000 DPT=8080 WINDOW=64240 RES=0x00 SYN URGP=0 ',
  routed: `[UFW BLOCK] IN=eth0 OUT=eth1 ${MAC} SRC=192.168.7.2 DST=203.0.113.9 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=4 DF PROTO=TCP SPT=51000 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0 `,
  /** All but the first part of a packet that came in parts have no ports. */
  fragment: `[UFW BLOCK] IN=eth0 OUT= ${MAC} SRC=203.0.113.9 DST=192.168.7.1 LEN=1500 TOS=0x00 PREC=0x00 TTL=64 ID=9 MF FRAG:185 PROTO=UDP `,
  number: `[UFW BLOCK] IN=eth0 OUT= ${MAC} SRC=203.0.113.9 DST=224.0.0.1 LEN=32 TOS=0x00 PREC=0x00 TTL=1 ID=0 DF PROTO=2 `,
} as const;

/** Lines that look similar, and are not to be believed. */
export const OTHERS = [
  `${HEADS.traditional}[UFW ALLOW] IN=eth0 OUT= ${MAC} SRC=203.0.113.9 DST=192.168.7.1 LEN=60 TTL=64 PROTO=TCP SPT=1 DPT=22 `,
  `${HEADS.traditional}[UFW AUDIT] IN=eth0 OUT= ${MAC} SRC=203.0.113.9 DST=192.168.7.1 LEN=60 TTL=64 PROTO=TCP SPT=1 DPT=22 `,
  `Nov 23 17:04:09 smartserver sshd[77]: Invalid user kernel: ${tcp('203.0.113.9', 22)}`,
  `Nov 23 17:04:09 smartserver app: x kernel: [ 5210.118735] ${tcp('203.0.113.9', 22)}`,
  `Nov 23 17:04:09 smartserver app kernel: ${tcp('203.0.113.9', 22)}`,
  `${HEADS.traditional}usb 1-1: Product: ${tcp('203.0.113.9', 22)}`,
  HEADS.traditional + tcp('203.0.113.9; reboot', 22),
  HEADS.traditional + tcp('999.0.113.9', 22),
  HEADS.traditional + tcp('203.0.113.9', 65536),
  HEADS.traditional + tcp('203.0.113.9 SRC=203.0.113.10', 22),
  HEADS.traditional + tcp('2001:db8::9', 22),
  HEADS.traditional + tcp('203.0.113.9', 22).replace('OUT= ', ''),
  HEADS.traditional + tcp('203.0.113.9', 22).replace('IN=eth0', 'IN='),
  HEADS.traditional + tcp('203.0.113.9', 22).replace('PROTO=TCP', 'PROTO=<b>'),
  tcp('203.0.113.9', 22),
];
