/** One packet to a port, and whether anybody answered. */
import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';
import type { Proto } from './protocol';

export interface ProbeTarget {
  proto: Proto;
  host: string;
  port: number;
  /** The address to probe from. */
  localAddress: string;
  /** Milliseconds. */
  timeoutMs: number;
}

/** A firewall's ways of saying nothing: no answer in time, no neighbour found, or our own packet not let out. */
const silences = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'EPERM', 'EACCES']);

/**
 * Whether the packet got through: TCP accepted or reset, UDP answered or "port unreachable".
 * A UDP listener that answers nothing is taken for a filter; a rule that rejects with a reset for an open port.
 * Silence is asked a second time: on a busy machine an answer may come late. Throws when probing was impossible.
 */
export async function probe(target: ProbeTarget): Promise<boolean> {
  const once = target.proto === 'tcp' ? probeTcp : probeUdp;
  return (await once(target)) || (await once(target));
}

function probeTcp(target: ProbeTarget): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: target.host, port: target.port, localAddress: target.localAddress });
    const timer = setTimeout(() => done(() => resolve(false)), target.timeoutMs);
    const done = (tell: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      tell();
    };
    socket.once('connect', () => done(() => resolve(true)));
    socket.on('error', (error: NodeJS.ErrnoException) => done(() => judge(error, resolve, reject)));
  });
}

function probeUdp(target: ProbeTarget): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(target.host.includes(':') ? 'udp6' : 'udp4');
    let open = true;
    const timer = setTimeout(() => done(() => resolve(false)), target.timeoutMs);
    const done = (tell: () => void) => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      socket.close();
      tell();
    };
    const failed = (error: NodeJS.ErrnoException) => done(() => judge(error, resolve, reject));
    socket.on('error', failed);
    socket.once('message', () => done(() => resolve(true)));
    socket.bind(0, target.localAddress, () => {
      // Connected, because only then does the kernel report "port unreachable" to the socket.
      socket.connect(target.port, target.host, () => {
        socket.send('probe', (error) => {
          if (error) failed(error);
        });
      });
    });
  });
}

function judge(
  error: NodeJS.ErrnoException,
  resolve: (answered: boolean) => void,
  reject: (error: Error) => void,
): void {
  if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') resolve(true);
  else if (silences.has(error.code ?? '')) resolve(false);
  else reject(error);
}
