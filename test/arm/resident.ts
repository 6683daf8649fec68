/** Runs on the board, and does there what the host asks, over a line that no firewall is on. */
import { createReadStream, createWriteStream, openSync } from 'node:fs';
import { fetch } from '../device/fetch';
import { insideMethods } from '../device/inside';
import { Line } from '../device/line';
import { quiet } from '../device/network';
import { Channel } from '../device/rpc';
import { PORT_DEVICE } from './names';
import type { ResidentHostMethods, ResidentMethods } from './protocol';

const fd = openSync(PORT_DEVICE, 'r+');
const input = createReadStream('', { fd, autoClose: false });

const methods: ResidentMethods = {
  ...insideMethods(
    {
      output: (...args) => host.notify('output', ...args),
      exited: (...args) => host.notify('exited', ...args),
    },
    () => '/run',
  ),
  fetch,
};

const host = new Channel<ResidentHostMethods>(
  new Line(input, createWriteStream('', { fd, autoClose: false })),
  methods,
);
input.on('end', () => process.exit());

void quiet().then(() => host.notify('here'));
