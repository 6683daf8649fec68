/**
 * A building around the device: field devices, clients and strangers, each a host of its own – a network namespace with its
 * address on the neighbour's cable – who talk as they are told.
 */
import type { InsideProcess } from './inside-process';
import type { Machine } from './machine';
import { cables } from './network';
import type { Proto } from './protocol';

export type How = 'plain' | 'reset' | 'broadcast' | 'multicast';

/** One conversation that is begun. */
export interface Talk {
  /** `in`: the peer begins it; `out`: the device. */
  direction: 'in' | 'out';
  /** The address of the other one. */
  peer: string;
  proto: Proto;
  port: number;
  /** Default `plain`. `reset`: TCP that ends at once. The others send to all. */
  how?: How;
  /** The port it comes from: the same each time, as BACnet has it. Default any. */
  from?: number;
}

const range = (count: number): number[] => [...Array(count).keys()];
const v4 = (host: number): string => `192.0.2.${host}`;
const v6 = (host: number): string => `2001:db8:1::${host.toString(16)}`;

/** LON and BACnet in both ways, mDNS, MQTT, the web pages in both families, and what the device asks of others. */
export const TALKS: readonly Talk[] = [
  ...range(8).map((n): Talk => ({ direction: 'in', peer: v4(10 + n), proto: 'udp', port: 1628, from: 1628 })),
  ...range(6).map((n): Talk => ({ direction: 'in', peer: v4(20 + n), proto: 'udp', port: 47808, from: 47808 })),
  ...range(4).map((n): Talk => ({ direction: 'in', peer: v4(30 + n), proto: 'udp', port: 47808, how: 'broadcast' })),
  ...range(2).map((n): Talk => ({ direction: 'in', peer: v4(34 + n), proto: 'udp', port: 5353, how: 'multicast' })),
  ...range(2).map((n): Talk => ({ direction: 'in', peer: v6(34 + n), proto: 'udp', port: 5353, how: 'multicast' })),
  ...range(3).map((n): Talk => ({ direction: 'in', peer: v4(40 + n), proto: 'tcp', port: 1883 })),
  ...range(4).map((n): Talk => ({ direction: 'in', peer: v4(50 + n), proto: 'tcp', port: 443 })),
  ...range(3).map((n): Talk => ({ direction: 'in', peer: v6(50 + n), proto: 'tcp', port: 443, how: 'reset' })),
  ...range(2).map((n): Talk => ({ direction: 'out', peer: v4(60 + n), proto: 'udp', port: 123 })),
  { direction: 'out', peer: v4(62), proto: 'udp', port: 53 },
  { direction: 'out', peer: v6(62), proto: 'udp', port: 53 },
  ...range(3).map((n): Talk => ({ direction: 'out', peer: v4(70 + n), proto: 'tcp', port: 502 })),
];
/** Who knocks where the firewall lets nobody in. */
export const HOSTILE: readonly Talk[] = [
  ...range(5).map((n): Talk => ({ direction: 'in', peer: v4(200 + n), proto: 'udp', port: 9999 })),
  ...range(3).map((n): Talk => ({ direction: 'in', peer: v4(210 + n), proto: 'tcp', port: 23 })),
  { direction: 'in', peer: v6(210), proto: 'tcp', port: 23 },
];

/** One who talks, and where: what is to be learned of a conversation. */
export const whoIn = ({ direction, peer, proto, port }: Talk): string => `${direction} ${port}/${proto} ${peer}`;

const BROADCAST = '192.0.2.255';
const MULTICAST = { 4: '224.0.0.251', 6: 'ff02::fb' } as const;

/** What is run in the namespace of a host. */
const ENTER = `
import ctypes, json, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def enter(name):
    with open('/run/netns/' + name) as there:
        if libc.setns(there.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), 'setns ' + name)
`;

/**
 * The other side of what the device begins: sends back what comes by TCP to port 502 of any host. It goes on in the background,
 * for as long as the neighbour is there.
 */
const ANSWERER = `${ENTER}
import select
neighbour = os.getppid()
listening = []
for name in json.load(sys.stdin):
    enter(name)
    for family in (socket.AF_INET, socket.AF_INET6):
        s = socket.socket(family, socket.SOCK_STREAM)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind(('', 502))
        s.listen(10)
        listening.append(s)
if os.fork():
    os._exit(0)
os.setsid()
nowhere = os.open('/dev/null', os.O_RDWR)
for one in (0, 1, 2):
    os.dup2(nowhere, one)
while os.path.exists('/proc/%d' % neighbour):
    for s in select.select(listening, [], [], 0.5)[0]:
        one = s.accept()[0]
        one.settimeout(1)
        try:
            one.send(one.recv(100))
        except OSError:
            pass
        one.close()
`;

/** Reads conversations and begins them one after the other, each in the namespace of whoever begins it, from its address. */
const TALKER = `${ENTER}
# Whether it has begun, as far as its own side can tell, and whether there was an answer.
def talk(t):
    begun = answered = False
    if t['host']:
        enter(t['host'])
    v6 = ':' in t['to']
    family = socket.AF_INET6 if v6 else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if t['proto'] == 'tcp' else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.settimeout(0.3)
    scope = socket.if_nametoindex('eth0')
    if t['to'].startswith('224.'):
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(t['me']))
    if t['to'].startswith('ff'):
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, scope)
    s.bind((t['me'], t['from']))
    try:
        if t['proto'] == 'udp':
            s.sendto(b'who is there', (t['to'], t['port']))
            begun = True
            if t['waits']:
                answered = s.recv(100) == b'who is there'
        else:
            s.connect((t['to'], t['port']))
            begun = True
            s.send(b'hello')
            s.recv(100)
            if t['how'] == 'reset':
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    except OSError as error:
        print(t['to'], t['port'], error, file=sys.stderr)
    s.close()
    return [begun, answered]
print(json.dumps([talk(t) for t in json.load(sys.stdin)]))
`;

/** Packets with forged senders, to one UDP port of the device, as fast as they can be made. */
const FORGER = `
import os, random, socket, struct, sys
count, port, target = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
draw = random.Random(int(sys.argv[4]))
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
to = socket.inet_aton(target)
for n in range(count):
    sender = struct.pack('!I', draw.randrange(0x0a000000, 0x0affffff))
    udp = struct.pack('!HHHH', draw.randrange(1024, 65535), port, 12, 0) + b'fake'
    s.sendto(struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, sender, to) + udp, (target, 0))
`;

/** Listens to what is sent to all by mDNS, as the device's avahi does; says so, and ends with its input. */
const LISTENER = `
import socket, struct, sys
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.bind(('', 5353))
four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('224.0.0.251') + socket.inet_aton('192.0.2.1'))
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, 'ff02::fb') + struct.pack('@I', socket.if_nametoindex('eth0')))
print('joined', flush=True)
sys.stdin.read()
`;

/**
 * The programs of the device that are talked to: says who is heard, by TCP once connected, and after each line of its input that
 * it has said so of all. That of IP-852 answers what it is sent.
 */
const HEARER = `
import select, socket, struct, sys
scope = socket.if_nametoindex('eth0')
hearers = {}
for proto, port in [one.split('/')[::-1] for one in sys.argv[1:]]:
    for family in (socket.AF_INET, socket.AF_INET6):
        s = socket.socket(family, socket.SOCK_STREAM if proto == 'tcp' else socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind(('', int(port)))
        if proto == 'tcp':
            s.listen(50)
        if port == '5353' and family == socket.AF_INET:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('224.0.0.251') + socket.inet_aton('192.0.2.1'))
        if port == '5353' and family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(family, 'ff02::fb') + struct.pack('@I', scope))
        hearers[s] = (proto, port)
print('listening', flush=True)
while True:
    ready = select.select([*hearers, sys.stdin], [], [])[0]
    for s in ready:
        if s is sys.stdin:
            continue
        proto, port = hearers[s]
        if proto == 'tcp':
            one, who = s.accept()
            one.close()
        else:
            data, who = s.recvfrom(100)
            if port == '1628':
                s.sendto(data, who)
        print('heard', 'in', port + '/' + proto, who[0].split('%')[0], flush=True)
    if ready == [sys.stdin]:
        round = sys.stdin.readline()
        if not round:
            break
        print('all', round, end='', flush=True)
`;

/** What became of a conversation. */
export interface Fate {
  /** It has reached the other side: the program that listens there, or at least the network. */
  through: boolean;
  /** It was answered. */
  answered: boolean;
}

export class Building {
  private hearer: InsideProcess | undefined;
  private heard = '';
  private rounds = 0;

  private constructor(
    private readonly device: Machine,
    private readonly hosts: ReadonlyMap<string, string>,
  ) {}

  /** With a host for each of these addresses. */
  static async around(device: Machine, addresses: readonly string[]): Promise<Building> {
    const hosts = new Map(addresses.map((one, at) => [one, `host${at}`]));
    const made = [...hosts].flatMap(([address, name], at) => {
      const card = `06:00:00:00:${[at >> 8, at & 255].map((part) => part.toString(16).padStart(2, '0')).join(':')}`;
      const own = ['link set lo up', 'link set outside name eth0', 'link set eth0 up'];
      const lines = [...own, `addr add ${address}${address.includes(':') ? '/64 nodad' : '/24'} dev eth0`];
      return [
        `ip netns add ${name}`,
        `ip link add link eth0 name outside address ${card} netns ${name} type macvlan mode bridge`,
        `ip -n ${name} -batch - <<END\n${lines.join('\n')}\nEND`,
      ];
    });
    const building = new Building(device, hosts);
    await building.run(['sh', '-e'], made.join('\n'));
    await building.run(['python3', '-c', ANSWERER], JSON.stringify([...hosts.values()]));
    return building;
  }

  private async run(argv: string[], input: string): Promise<string> {
    const { code, stdout, stderr } = await this.device.neighbour.run(argv, { timeoutMs: 300_000, input });
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  /** Has the device listen to mDNS until the program ends. */
  async joinMulticast(): Promise<void> {
    const listener = await this.device.spawn(['python3', '-c', LISTENER]);
    await listener.until(/joined/);
  }

  /** Has programs of the device listen at these ports (`1628/udp`), of whom `fates` says who has reached them. */
  async hear(...ports: readonly string[]): Promise<void> {
    this.hearer = await this.device.spawn(['python3', '-c', HEARER, ...ports]);
    this.hearer.on('stdout', (text: string) => {
      this.heard += text;
    });
    await this.hearer.until(/listening/);
  }

  /** Begins these conversations, one after the other; what became of each, where the device hears. */
  async fates(talks: readonly Talk[]): Promise<Fate[]> {
    const { hearer } = this;
    if (!hearer) throw new Error('Nobody hears.');
    this.heard = '';
    const begun = await this.talk(talks, true);
    this.rounds += 1;
    hearer.write(`${this.rounds}\n`);
    await hearer.until(new RegExp(`^all ${this.rounds}$`, 'm'));
    const heard = new Set([...this.heard.matchAll(/^heard (.*)$/gm)].map(([, who]) => who));
    return talks.map((one, at) => {
      const [isBegun = false, answered = false] = begun[at] ?? [];
      // Only the other side can tell whether it has got there.
      return { through: one.direction === 'in' ? heard.has(whoIn(one)) : isBegun, answered };
    });
  }

  /** Begins these conversations, one after the other; of each whether it was begun, and whether answered if that is waited for. */
  async talk(talks: readonly Talk[], waits = false): Promise<[begun: boolean, answered: boolean][]> {
    const own = cables.eth0.device;
    const of = (way: Talk['direction']) =>
      JSON.stringify(
        talks
          .filter(({ direction }) => direction === way)
          .map((one) => {
            const v6 = one.peer.includes(':');
            const mine = v6 ? own.ipv6 : own.ipv4;
            const all = one.how === 'broadcast' ? BROADCAST : MULTICAST[v6 ? 6 : 4];
            const isToAll = one.how === 'broadcast' || one.how === 'multicast';
            const [me, to] = way === 'in' ? [one.peer, isToAll ? all : mine] : [mine, one.peer];
            const isAnswered = waits && way === 'in' && one.port === 1628;
            const how = { how: one.how ?? 'plain', waits: isAnswered };
            const host = way === 'in' ? (this.hosts.get(one.peer) ?? '') : '';
            return { me, to, host, proto: one.proto, port: one.port, from: one.from ?? 0, ...how };
          }),
      );
    const run = { timeoutMs: 300_000 };
    const [into, out] = [
      await this.device.neighbour.run(['python3', '-c', TALKER], { ...run, input: of('in') }),
      await this.device.run(['python3', '-c', TALKER], { ...run, input: of('out') }),
    ].map(({ code, stdout, stderr }) => {
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as [boolean, boolean][];
    });
    return talks.map(({ direction }) => (direction === 'in' ? into : out)?.shift() ?? [false, false]);
  }

  /** Sends so many packets to a UDP port of the device, each with another sender from `10.0.0.0/8`. */
  async forge(count: number, port: number, seed: number): Promise<void> {
    const argv = ['python3', '-c', FORGER, `${count}`, `${port}`, cables.eth0.device.ipv4, `${seed}`];
    const { code, stderr } = await this.device.neighbour.run(argv, { timeoutMs: 300_000 });
    if (code !== 0) throw new Error(stderr);
  }
}
