/** The neighbour: a process in a network namespace of its own, at the other end of the device's cables. */
import { fetch } from './fetch';
import { Listeners } from './listeners';
import { Monitor } from './monitor';
import { cables, configureNeighbour } from './network';
import { probe } from './probe';
import { run } from './processes';
import type { MonitorOptions, NeighbourMethods, Target } from './protocol';
import { Channel } from './rpc';

const listeners = new Listeners();
const monitors = new Map<number, Monitor>();
let lastMonitor = 0;

const methods: NeighbourMethods = {
  configure: configureNeighbour,
  run,
  fetch,
  probe: (targets) => Promise.all(targets.map((target) => probe(toDevice(target)))),
  async startMonitor(options) {
    lastMonitor += 1;
    monitors.set(lastMonitor, new Monitor(toDevice(options), options.everyMs ?? 1));
    return lastMonitor;
  },
  async stopMonitor(id) {
    const monitor = monitors.get(id);
    if (!monitor) throw new Error(`No monitor ${id}, or it was stopped before.`);
    monitors.delete(id);
    return monitor.stop();
  },
  listen: (proto, port) => listeners.listen(proto, port),
  relay: (port, path) => listeners.relay(port, path),
  unlisten: (id) => listeners.close(id),
};

function toDevice(target: Target | MonitorOptions) {
  const cable = cables[target.interface ?? 'eth0'];
  return {
    proto: target.proto,
    host: cable.device[target.family],
    localAddress: cable.neighbour[target.family],
    port: target.port,
    timeoutMs: ('timeoutMs' in target ? target.timeoutMs : undefined) ?? 400,
  };
}

new Channel(process, methods);
process.on('disconnect', () => process.exit());
