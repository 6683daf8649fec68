/** Somebody who answers on SSH's port, for whoever probes it all the time. */
import type { Machine } from '../test/device/machine';

const LISTEN = "require('net').createServer((peer) => peer.destroy()).listen(22, () => console.log('listens'))";

/** In place of sshd, which starts a process for each probe: many of them leave nothing for what is measured. */
export async function listenOnSsh(machine: Machine & { node: string }, patienceMs?: number): Promise<void> {
  await machine.ok('systemctl', 'stop', 'ssh');
  await (await machine.spawn([machine.node, '-e', LISTEN])).until(/listens/, patienceMs);
}
