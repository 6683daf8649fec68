/** What the processes of a device with systemd say to each other. */
import type { MachineMethods } from '../protocol';

/** What the supervisor is told before anything else. All paths are the host's. */
export interface SupervisorPlan {
  /** The device's folder: `upper` is its layer above `tree`, and `shared` is seen inside. */
  folder: string;
  tree: string;
  /** Seen inside, read-only, by their paths there. */
  views: Record<string, string>;
}

/** What the device's supervisor does for the host. */
export interface SupervisorMethods extends MachineMethods {
  start(plan: SupervisorPlan): Promise<void>;
  /** The names of all devices' control groups on this machine, also of those that are no more. */
  groups(): Promise<string[]>;
  removeGroup(name: string): Promise<void>;
  limitTime(percent: number): Promise<void>;
  boot(): Promise<void>;
  cutPower(): Promise<void>;
  nextBoot(): Promise<void>;
}

/** What the process that holds the device's network namespace does for the supervisor. */
export interface SocketMethods {
  /** Makes the namespace ready for the cables. */
  quiet(): Promise<void>;
  /** Gives the cables to the namespace of another process. */
  handOver(pid: number): Promise<void>;
}
