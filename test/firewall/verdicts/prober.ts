/** Packets to listeners, all at once, and which of them were answered by who listens: run inside, at either end of a cable. */
import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';

export interface Trial {
  proto: 'tcp' | 'udp';
  host: string;
  port: number;
  /** The address to send from. */
  localAddress: string;
}

/** Accepted: a reset may be the firewall's. */
function tcp({ host, port, localAddress }: Trial, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, localAddress });
    const done = (isIn: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isIn);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    socket.once('connect', () => done(true));
    socket.on('error', () => done(false));
  });
}

/** Sent back by the one who listens. */
function udp({ host, port, localAddress }: Trial, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    let isDone = false;
    const done = (isIn: boolean): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.close();
      resolve(isIn);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    socket.on('error', () => done(false));
    socket.once('message', () => done(true));
    socket.bind(0, localAddress, () => {
      socket.connect(port, host, () => socket.send('probe', (error) => error && done(false)));
    });
  });
}

const [trials, timeoutMs] = JSON.parse(process.argv[2] ?? '[[],0]') as [Trial[], number];
void Promise.all(trials.map((trial) => (trial.proto === 'tcp' ? tcp : udp)(trial, timeoutMs))).then((answers) =>
  process.stdout.write(JSON.stringify(answers)),
);
