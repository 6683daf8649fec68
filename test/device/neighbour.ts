/** The neighbour: a process in a network namespace of its own, at the other end of the device's cables. */
import { fetch } from './fetch';
import { knock } from './knock';
import { Listeners } from './listeners';
import { cables, configureNeighbour } from './network';
import { Probe } from './probe';
import { run } from './processes';
import type { NeighbourMethods, ProbeOptions, Target } from './protocol';
import { Channel } from './rpc';

const listeners = new Listeners();
const probes = new Map<number, Probe>();
let lastProbe = 0;

const methods: NeighbourMethods = {
  configure: configureNeighbour,
  run,
  fetch,
  knock: (targets) => Promise.all(targets.map((target) => knock(toDevice(target)))),
  async startProbe(options) {
    lastProbe += 1;
    probes.set(lastProbe, new Probe(toDevice(options), options.everyMs ?? 1));
    return lastProbe;
  },
  async stopProbe(id) {
    const probe = probes.get(id);
    if (!probe) throw new Error(`No probe ${id}, or it was stopped before.`);
    probes.delete(id);
    return probe.stop();
  },
  listen: (proto, port) => listeners.listen(proto, port),
  relay: (port, path) => listeners.relay(port, path),
  unlisten: (id) => listeners.close(id),
};

function toDevice(target: Target | ProbeOptions) {
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
