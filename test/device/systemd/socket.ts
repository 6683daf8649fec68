/** Holds the network namespace that the device has from one boot to the next, and the cables in it. */
import { plug, unplug } from '../network';
import { Channel } from '../rpc';
import type { SocketMethods } from './protocol';

const methods: SocketMethods = { plug, unplug };

new Channel(process, methods);
process.on('disconnect', () => process.exit());
