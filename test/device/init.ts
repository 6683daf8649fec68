/**
 * The device's first program of its own: mounts its private folders, lays its cables, and does what the host asks.
 * Runs inside the namespaces, as root there. Ends, and everything inside with it, when the host is gone.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { insideMethods } from './inside';
import { mountAll } from './mounts';
import { connect, passable } from './network';
import { check, run } from './processes';
import type { HostMethods, InitMethods, Kernel, NeighbourMethods, StartPlan } from './protocol';
import { Channel, type Methods } from './rpc';

let folder = '';

const neighbourProcess = spawn('unshare', ['--net', process.execPath, join(__dirname, 'neighbour.js')], {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  serialization: 'advanced',
});
neighbourProcess.on('exit', (code, signal) => {
  throw new Error(`The neighbour ended with ${signal ?? code}.`);
});
const neighbour = new Channel<NeighbourMethods>(neighbourProcess, {});

async function startDevice(plan: StartPlan): Promise<void> {
  folder = plan.folder;
  await Promise.all([mountAll(plan), layCables()]);
  if (plan.kernel) await loadKernel(plan.kernel);
}

async function layCables(): Promise<void> {
  if (neighbourProcess.pid === undefined) throw new Error('The neighbour could not be started.');
  // A process that answers is past the `unshare`: its namespace is there.
  await neighbour.call('run', ['true'], {});
  await connect(neighbourProcess.pid);
  await neighbour.call('configure');
  await passable();
}

async function loadKernel(kernel: Kernel): Promise<void> {
  check(['iptables-restore'], await run(['iptables-restore'], { input: kernel.ipv4 }));
  check(['ip6tables-restore'], await run(['ip6tables-restore'], { input: kernel.ipv6 }));
}

const methods: InitMethods = {
  ...insideMethods(
    {
      output: (...args) => host.notify('output', ...args),
      exited: (...args) => host.notify('exited', ...args),
    },
    () => folder,
  ),
  start: startDevice,
  neighbour: (method, args) => (neighbour as unknown as Channel<Methods<NeighbourMethods>>).call(method, ...args),
};

const host = new Channel<HostMethods>(process, methods);
process.on('disconnect', () => process.exit());
