/** What the processes of a device say to each other: the host, the device's own and the neighbour. */

export type Family = 'ipv4' | 'ipv6';
export type Proto = 'tcp' | 'udp';
export type InterfaceName = 'eth0' | 'eth1' | 'ip70';

/** A port to probe from the other side of a cable. */
export interface Target {
  proto: Proto;
  port: number;
  family: Family;
  /** Which cable. Default `eth0`. */
  interface?: InterfaceName;
  /** How long one probe waits, in milliseconds; silence is asked once more. Default 400. */
  timeoutMs?: number;
}

export interface RunOptions {
  /** What the program reads on stdin; without it stdin is empty. */
  input?: string;
  /** Variables added to the device's own small environment; nothing is inherited from the host. */
  env?: Record<string, string>;
  /** Default `/`. */
  cwd?: string;
  /** SIGKILL after this many milliseconds. Default 60000 for `run`, none for `spawn`. */
  timeoutMs?: number;
  /** Another user than root. Only in a device opened by root: an ordinary user's has no other. */
  uid?: number;
  gid?: number;
}

/** How a program ended. A program that could not be started has code 127 and the cause in `stderr`. */
export interface RunResult {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface FileStat {
  kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits, as 0o640. */
  mode: number;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970. */
  mtimeMs: number;
  ino: number;
  uid: number;
  gid: number;
}

export interface MonitorOptions {
  proto: 'tcp';
  port: number;
  family: Family;
  /** Default `eth0`. */
  interface?: InterfaceName;
  /** Milliseconds between two connections. Default 1. */
  everyMs?: number;
}

/** What became of one connection of a monitor. */
export interface MonitorTime {
  /** When it was started, in milliseconds since 1970, with fractions. */
  at: number;
  answered: boolean;
}

export interface MonitorResult {
  /** Connections that were accepted or reset: the packet got in. */
  answered: number;
  /** Connections whose first packet nobody answered. */
  silent: number;
  /** Every connection, in the order they were started. */
  times: MonitorTime[];
}

export interface FetchOptions {
  method?: string;
  /** How long nothing may come before the request fails, in milliseconds; 10,000 unless said. */
  silenceMs?: number;
  headers?: Record<string, string>;
  body?: string;
}
export interface FetchResult {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** The kernel's filter tables, as `iptables-save` prints them. */
export type Kernel = Record<Family, string>;

/** What init is told before anything else. */
export interface StartPlan {
  /** The device's folder on the host's disk; `FOLDER/root/PATH` is mounted over `/PATH`. */
  folder: string;
  /** The paths below `FOLDER/root` to mount, absolute as seen inside. */
  mounts: string[];
  /** Loaded into the kernel as it is. */
  kernel?: Kernel;
}

/** What a process inside the device does for the host. */
export interface InsideMethods {
  run(argv: string[], options: RunOptions): Promise<RunResult>;
  /** Starts a program and answers its pid inside. `id` is the host's name for it. */
  spawn(id: number, argv: string[], options: RunOptions): Promise<number>;
  input(id: number, data: string | null): void;
  kill(id: number, signal: NodeJS.Signals): void;
  read(path: string): Promise<string>;
  write(path: string, text: string, mode: number | undefined): Promise<void>;
  stat(path: string): Promise<FileStat>;
  remove(path: string): Promise<void>;
  outward(targets: Target[]): Promise<boolean[]>;
  listen(proto: Proto, port: number): Promise<Listening>;
  unlisten(id: number): Promise<void>;
  /** Opens a unix socket that leads to a TCP port of the device's loopback, and answers its path. */
  forward(port: number): Promise<{ id: number; path: string }>;
}

/** What the host can ask of a device of either kind. */
export interface MachineMethods extends InsideMethods {
  neighbour(method: keyof NeighbourMethods, args: unknown[]): Promise<unknown>;
}

/** What the embedded device's init does for the host. */
export interface InitMethods extends MachineMethods {
  start(plan: StartPlan): Promise<void>;
}

/** What the host does for the device. */
export interface HostMethods {
  output(id: number, stream: 'stdout' | 'stderr', data: Uint8Array): void;
  exited(id: number, code: number | null, signal: string | null): void;
}

/** What the neighbour does for the device's init. */
export interface NeighbourMethods {
  /** Gives the neighbour's ends of the cables their addresses. */
  configure(): Promise<void>;
  run(argv: string[], options: RunOptions): Promise<RunResult>;
  probe(targets: Target[]): Promise<boolean[]>;
  startMonitor(options: MonitorOptions): Promise<number>;
  stopMonitor(id: number): Promise<MonitorResult>;
  fetch(url: string, options: FetchOptions): Promise<FetchResult>;
  listen(proto: Proto, port: number): Promise<Listening>;
  /** Listens on a TCP port, and brings each connection to a unix socket. */
  relay(port: number, path: string): Promise<Listening>;
  unlisten(id: number): Promise<void>;
}

/** A listener: `id` closes it, `port` is the one it has when 0 was asked for. */
export interface Listening {
  id: number;
  port: number;
}
