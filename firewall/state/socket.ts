/** A socket that waits for packets from anybody: a listening TCP or an unconnected, bound UDP one. */
export interface ListeningSocket {
  protocol: 'tcp' | 'udp';
  /** `ipv6` sockets on `::` take IPv4 connections too, unless the program asked otherwise; the kernel's table does not say. */
  family: 'ipv4' | 'ipv6';
  /** `0.0.0.0` and `::` for all. */
  address: string;
  port: number;
  /** Identifies the socket: see `processesOf` in host/sockets.ts. */
  inode: number;
  /** The user who made it. */
  uid: number;
}
