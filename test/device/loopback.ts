/** A port on the host's loopback that leads to a unix socket. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from './join';

/** How far above the preferred port a free one is looked for. */
const reach = 100;

export interface Loopback {
  /** The port on 127.0.0.1. */
  port: number;
  /** Closes the port and its connections. */
  close(): Promise<void>;
}

/** Listens on `preferred` or the next free port above it; on any free port when it is 0. */
export async function openLoopback(path: string, preferred: number): Promise<Loopback> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (outer) => {
    const inner = createConnection({ path, allowHalfOpen: true });
    sockets.add(outer);
    outer.on('close', () => sockets.delete(outer));
    join(outer, inner);
  });
  const port = await listen(server, preferred, preferred === 0 ? 0 : preferred + reach);
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port, close };
}

async function listen(server: Server, port: number, last: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port >= last) throw error;
    return listen(server, port + 1, last);
  }
  return (server.address() as AddressInfo).port;
}
