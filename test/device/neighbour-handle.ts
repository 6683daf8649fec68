/** The neighbour, seen from the host. */
import type { Listener } from './machine';
import type {
  FetchOptions,
  FetchResult,
  MachineMethods,
  MonitorOptions,
  MonitorResult,
  NeighbourMethods,
  Proto,
  RunOptions,
  RunResult,
  Target,
} from './protocol';
import type { Channel } from './rpc';

/** A monitor that is running. */
export interface RunningMonitor {
  /** Starts no more connections and waits, for a second at most, until it is known what became of each. */
  stop(): Promise<MonitorResult>;
}

export class Neighbour {
  constructor(private readonly init: Channel<MachineMethods>) {}

  /**
   * Probes the device's ports, all at once. TCP accepted or reset, UDP answered or "port unreachable": `in`.
   * Silence, twice: `filtered`. Probe UDP where nothing listens, or what listens answers.
   */
  async probe(targets: Target[]): Promise<('in' | 'filtered')[]> {
    const answers = await this.call('probe', targets);
    return answers.map((answered) => (answered ? 'in' : 'filtered'));
  }

  /** Starts a fresh connection every `everyMs`, 20,000 at most, until stopped. Resolves when the first is on its way. */
  async monitor(options: MonitorOptions): Promise<RunningMonitor> {
    const id = await this.call('startMonitor', options);
    return { stop: () => this.call('stopMonitor', id) };
  }

  /** One HTTP request to the device, IPv6 addresses in brackets. Trusts any certificate, follows no redirect. */
  fetch(url: string, options: FetchOptions = {}): Promise<FetchResult> {
    return this.call('fetch', url, options);
  }

  /** Listens on all the neighbour's addresses and sends back what comes. Port 0 is any free one. */
  async listen(proto: Proto, port: number): Promise<Listener> {
    const listening = await this.call('listen', proto, port);
    return { port: listening.port, close: () => this.call('unlisten', listening.id) };
  }

  /** Listens on a TCP port of all the neighbour's addresses that leads to `Machine.socketTo` of another machine. */
  async relay(port: number, path: string): Promise<Listener> {
    const listening = await this.call('relay', port, path);
    return { port: listening.port, close: () => this.call('unlisten', listening.id) };
  }

  /** Runs a program to its end in the neighbour's network. The files are the device's. */
  run(argv: string[], options: RunOptions = {}): Promise<RunResult> {
    return this.call('run', argv, options);
  }

  private call<K extends keyof NeighbourMethods>(
    method: K,
    ...args: Parameters<NeighbourMethods[K]>
  ): Promise<Awaited<ReturnType<NeighbourMethods[K]>>> {
    return this.init.call('neighbour', method, args) as Promise<Awaited<ReturnType<NeighbourMethods[K]>>>;
  }
}
