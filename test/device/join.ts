/** Two sockets made into one connection. */
import type { Socket } from 'node:net';

export function join(outer: Socket, inner: Socket): void {
  outer.pipe(inner).pipe(outer);
  // Either end may go away first; the other one has to follow.
  outer.on('error', () => inner.destroy()).on('close', () => inner.destroy());
  inner.on('error', () => outer.destroy()).on('close', () => outer.destroy());
}
