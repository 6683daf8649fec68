/** A building around the device: field devices, clients and strangers with addresses of their own, who talk as they are told. */
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

/** One who talks, and where: what is to be learned of a conversation. */
export const whoIn = ({ direction, peer, proto, port }: Talk): string => `${direction} ${port}/${proto} ${peer}`;

const BROADCAST = '192.0.2.255';
const MULTICAST = { 4: '224.0.0.251', 6: 'ff02::fb' } as const;

/** Reads conversations and begins them one after the other; addresses of the one who talks are bound to. */
const TALKER = `
import json, socket, struct, sys
def talk(t):
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
        else:
            s.connect((t['to'], t['port']))
            s.send(b'hello')
            s.recv(100)
            if t['how'] == 'reset':
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    except OSError as error:
        print(t['to'], t['port'], error, file=sys.stderr)
    s.close()
for t in json.load(sys.stdin):
    talk(t)
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

export class Building {
  private constructor(private readonly device: Machine) {}

  /** Gives the neighbour these addresses besides its own. */
  static async around(device: Machine, addresses: readonly string[]): Promise<Building> {
    const lines = addresses.map((one) => `addr add ${one}${one.includes(':') ? '/64 nodad' : '/24'} dev eth0`);
    const { code, stderr } = await device.neighbour.run(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
    if (code !== 0) throw new Error(stderr);
    return new Building(device);
  }

  /** Has the device listen to mDNS until the program ends. */
  async joinMulticast(): Promise<void> {
    const listener = await this.device.spawn(['python3', '-c', LISTENER]);
    await listener.until(/joined/);
  }

  /** Begins these conversations, one after the other. */
  async talk(talks: readonly Talk[]): Promise<void> {
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
            return { me, to, proto: one.proto, port: one.port, how: one.how ?? 'plain', from: one.from ?? 0 };
          }),
      );
    const run = { timeoutMs: 300_000 };
    for (const { code, stderr } of [
      await this.device.neighbour.run(['python3', '-c', TALKER], { ...run, input: of('in') }),
      await this.device.run(['python3', '-c', TALKER], { ...run, input: of('out') }),
    ])
      if (code !== 0) throw new Error(stderr);
  }

  /** Sends so many packets to a UDP port of the device, each with another sender from `10.0.0.0/8`. */
  async forge(count: number, port: number, seed: number): Promise<void> {
    const argv = ['python3', '-c', FORGER, `${count}`, `${port}`, cables.eth0.device.ipv4, `${seed}`];
    const { code, stderr } = await this.device.neighbour.run(argv, { timeoutMs: 300_000 });
    if (code !== 0) throw new Error(stderr);
  }
}
