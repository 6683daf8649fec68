/** What the processes of an emulated board say to each other. */
import type { FetchOptions, FetchResult, HostMethods, InsideMethods, MachineMethods } from '../device/protocol';
import type { Image } from './image';

/** What the supervisor is told before anything else. All paths are the host's. */
export interface BoardPlan {
  /** Where the board's own layer of the disk is, `disk`, and what is tested, `payload`. */
  folder: string;
  image: Image;
}

export interface ResidentMethods extends InsideMethods {
  fetch(url: string, options: FetchOptions): Promise<FetchResult>;
}

/** What the supervisor does for the one inside. */
export interface ResidentHostMethods extends HostMethods {
  /** It is there. */
  here(): void;
}

export interface BoardMethods extends MachineMethods {
  start(plan: BoardPlan): Promise<void>;
  boot(): Promise<void>;
  cutPower(): Promise<void>;
  fetch(url: string, options: FetchOptions): Promise<FetchResult>;
}
