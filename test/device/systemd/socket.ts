/** Holds the network namespace that the device has from power on to power off. */
import { handOver, quiet } from '../network';
import { Channel } from '../rpc';
import type { SocketMethods } from './protocol';

const methods: SocketMethods = { handOver, quiet };

new Channel(process, methods);
process.on('disconnect', () => process.exit());
