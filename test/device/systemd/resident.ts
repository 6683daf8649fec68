/** Runs inside the container, beside systemd, and does there what the host asks. */
import { insideMethods } from '../inside';
import type { HostMethods } from '../protocol';
import { Channel } from '../rpc';

const folder = process.argv[2] ?? '';

const methods = insideMethods(
  {
    output: (...args) => host.notify('output', ...args),
    exited: (...args) => host.notify('exited', ...args),
  },
  () => folder,
);

const host = new Channel<HostMethods>(process, methods);
process.on('disconnect', () => process.exit());
