/** Servers, so that something listens on a port: echoes, and ways to a unix socket. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from './join';
import type { Listening, Proto } from './protocol';

/** The listeners of one namespace, by number. */
export class Listeners {
  private readonly closers = new Map<number, () => Promise<void>>();
  private last = 0;

  /** Listens on all addresses of both families and sends back what comes in. Rejects when the port is taken. */
  async listen(proto: Proto, port: number): Promise<Listening> {
    if (proto === 'tcp') {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => socket.destroy());
        socket.pipe(socket);
      });
      server.listen(port, '::');
      await once(server, 'listening');
      return { id: this.add(server), port: (server.address() as AddressInfo).port };
    }
    const socket = createSocket({ type: 'udp6' });
    socket.on('message', (message, from) => socket.send(message, from.port, from.address));
    socket.bind(port, '::');
    await once(socket, 'listening');
    const id = this.addCloser(() => new Promise((resolve) => socket.close(resolve)));
    return { id, port: socket.address().port };
  }

  /** Listens on all addresses of both families and brings each connection to a unix socket. Rejects when the port is taken. */
  async relay(port: number, path: string): Promise<Listening> {
    const server = createServer({ allowHalfOpen: true }, (socket) =>
      join(socket, createConnection({ path, allowHalfOpen: true })),
    );
    server.listen(port, '::');
    await once(server, 'listening');
    return { id: this.add(server), port: (server.address() as AddressInfo).port };
  }

  /** Looks after a server that already listens, and answers its number. */
  add(server: Server): number {
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    return this.addCloser(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    });
  }

  /** Closes a listener and its connections. */
  async close(id: number): Promise<void> {
    const closer = this.closers.get(id);
    this.closers.delete(id);
    await closer?.();
  }

  private addCloser(closer: () => Promise<void>): number {
    this.last += 1;
    this.closers.set(this.last, closer);
    return this.last;
  }
}
