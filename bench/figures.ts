/** The measurements, in the shape of `results.json`, and their targets. */
import { ENGINE, type OperationName, UFW_CALLS, UFW_STATUS, UFW_STATUS_NUMBERED } from './operations';

export interface Figure {
  otherRules: number;
  operation: OperationName;
  contestant: string;
  /** All changes of the operation together, over the repetitions. */
  ms: { median: number; min: number; max: number; repetitions: number };
  /** The median's multiple of this package's. */
  timesThisPackage: number;
  /** Programs started: by all changes of the operation, and by the change that starts most. */
  processes: { total: number; perChange: number };
  /** Probes during the operation, one per ms and port, over its repetitions; null for readings. */
  probes: {
    repetitions: number;
    closedProbes: number;
    leaked: number;
    openProbes: number;
    dropped: number;
  } | null;
  /** The longest block of the event loop, the median and the largest of the repetitions; null if no engine ran in it. */
  blockMs: { median: number; max: number } | null;
}

/** What a request takes, by version 1.0.0 and by this one. */
export interface BesideFormer {
  otherRules: number;
  request: 'read' | 'open' | 'close' | 'lockdown' | 'enhanced';
  former: Spread;
  now: Spread;
  /** This version's median as a multiple of the former one's. */
  timesFormer: number;
}

/** Over all alarms handled by one contestant: from the publication until the last probe of the port that was answered. */
export interface Latency {
  contestant: string;
  /** What is closed afterwards. */
  what: string;
  ms: { median: number; p99: number; min: number; max: number; repetitions: number };
  /** The median's multiple of this package's. */
  timesThisPackage: number;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
  repetitions: number;
}

/** From an alarm to the kernel, in ms: the first one after Node-RED's start, and later ones. */
export interface UserLatency {
  user: string;
  first: Spread;
  later: Spread;
}

/** What one kind of call takes on the ARM board. */
export interface ArmFigure {
  operation: string;
  contestant: string;
  /** The first one after Node-RED's start, or a later one. */
  call: 'first' | 'later';
  ms: Spread;
  /** The median's multiple of that of a later call of this package in root's Node-RED; null where it has none. */
  timesThisPackage: number | null;
}

/** Resident memory on the ARM board, in MB. */
export interface ArmMemory {
  /** Node-RED's, without the package and with one node of each type deployed. */
  without: number;
  with: number;
  /** That of the privileged program that waits for a request. */
  waiting: number;
  repetitions: number;
}

export interface StormFigures {
  seconds: number;
  perSecond: number;
  published: number;
  received: number;
  changes: number;
  /** The maximum number of different requests queued for the firewall. */
  waiting: number;
  /** How long Node-RED took to serve a page of an http-in node during the storm, fifty times a second; in ms. */
  page: { p50: number; p99: number; max: number; visits: number; failed: number };
  blockMs: number;
  rssMb: Readonly<Record<'before' | 'early' | 'late' | 'after', number>>;
  heapMb: Readonly<Record<'before' | 'after', number>>;
}

/** The footprint of one package. */
export interface Footprint {
  name: string;
  /** On disk, including dependencies, in bytes. */
  installed: number;
  /** Packages in the tree, itself included. */
  packages: number;
  /** Loading all node sets in a new process, minus as many empty ones, in ms. */
  loadMs: number;
  /** Node-RED's resident memory with one node of each type deployed, minus that without the package. */
  memory: Memory;
}

/** Resident memory, in MB. */
export interface Memory {
  /** Soon after startup, when much of it has not been needed yet, and garbage has not been collected. */
  started: number;
  /** After it has answered some requests. */
  worked: number;
}

/** Node-RED's memory, without garbage and optimised code, after a tenth of so many readings and changes and after all of them. */
export interface Growth {
  readings: number;
  changes: number;
  heapMb: { early: number; late: number };
  rssMb: { early: number; late: number };
}

export interface Budget {
  what: string;
  budget: string;
  figure: string;
  met: boolean;
}

export interface Target {
  what: string;
  target: string;
  figure: string;
  met: boolean;
}

export interface Results {
  machine: { cores: number; node: string; ufw: string; iptables: string };
  figures: readonly Figure[];
  besideFormer: readonly BesideFormer[];
  targets: readonly Target[];
}

/** The median of a list, which must not be empty; of an even number of values, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2;
}

/** The value that this share of a list, which must not be empty, does not exceed: 0.99 for all but one in a hundred. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] as number;
}

/** Rounds to a tenth, or to so many digits behind the point. */
export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

export const spread = (ms: readonly number[]): Spread => ({
  ...{ median: rounded(median(ms)), min: rounded(Math.min(...ms)), max: rounded(Math.max(...ms)) },
  repetitions: ms.length,
});

/** Whether it changes nothing. */
export const isReading = (operation: OperationName): boolean => operation === 'read' || operation === 'verdicts';

const MANY = 3000;
const SOME = 30;

/** The targets with the figures reached. A missed one is a figure like any other, not an error. */
export function targetsOf(figures: readonly Figure[], beside: readonly BesideFormer[]): Target[] {
  const engine = figures.filter(({ contestant }) => contestant === ENGINE);
  const sizes = [...new Set(figures.map(({ otherRules }) => otherRules))];
  const ms = (operation: OperationName, contestant: string, otherRules: number): number =>
    figures.find((one) => one.operation === operation && one.contestant === contestant && one.otherRules === otherRules)
      ?.ms.median ?? Number.NaN;
  const faster = (operation: OperationName, others: readonly string[], size: number): number =>
    Math.min(...others.map((other) => ms(operation, other, size))) / ms(operation, ENGINE, size);
  const atLeast = (what: string, factor: number, reached: number): Target => ({
    what,
    target: `≥ ${factor}× faster`,
    figure: `${reached.toFixed(reached < 10 ? 2 : 0)}×`,
    met: reached >= factor,
  });
  const changes = engine.filter(({ operation }) => !isReading(operation));
  const sum = (key: 'leaked' | 'dropped' | 'closedProbes' | 'openProbes'): number =>
    changes.reduce((total, { probes }) => total + (probes?.[key] ?? 0), 0);
  const most = Math.max(...changes.map(({ processes }) => processes.perChange));
  const growth = ms('toggle', ENGINE, MANY) / ms('toggle', ENGINE, SOME);
  const block = Math.max(
    ...engine.filter(({ otherRules }) => otherRules === MANY).map(({ blockMs }) => blockMs?.median ?? Number.NaN),
  );
  const slowest = beside.reduce((most, one) => (one.timesFormer > most.timesFormer ? one : most));
  const verdicts = ms('verdicts', ENGINE, MANY);
  const readers = [UFW_STATUS, UFW_STATUS_NUMBERED];
  return [
    atLeast('set-profile, factory → lockdown, relative to ufw calls', 40, faster('lockdown', [UFW_CALLS], 0)),
    ...sizes.map((size) =>
      atLeast(`toggle-service, ${size} other rules, relative to ufw calls`, 2, faster('toggle', [UFW_CALLS], size)),
    ),
    ...sizes.map((size) =>
      atLeast(`read, ${size} other rules, relative to ufw status`, size >= MANY ? 2 : 1, faster('read', readers, size)),
    ),
    { what: 'processes per change', target: '≤ 8', figure: String(most), met: most <= 8 },
    {
      what: 'probes let in on a closed port in any change',
      target: '0',
      figure: `${sum('leaked')} of ${sum('closedProbes')}`,
      met: sum('leaked') === 0,
    },
    {
      what: 'probes dropped on an open port in any change',
      target: '0',
      figure: `${sum('dropped')} of ${sum('openProbes')}`,
      met: sum('dropped') === 0,
    },
    {
      what: `toggle-service at ${MANY} other rules, relative to ${SOME}`,
      target: '≤ 2× the time',
      figure: `${growth.toFixed(2)}×`,
      met: growth <= 2,
    },
    {
      what: `the request that is slowest relative to 1.0: ${slowest.request}, ${slowest.otherRules} other rules`,
      target: '≤ 1.1× the time',
      figure: `${slowest.timesFormer.toFixed(2)}×`,
      met: slowest.timesFormer <= 1.1,
    },
    {
      what: `verdicts at ${MANY} other rules`,
      target: '< 30 ms',
      figure: `${verdicts.toFixed(1)} ms`,
      met: verdicts < 30,
    },
    {
      what: `event loop's longest block at ${MANY} other rules`,
      target: '< 20 ms',
      figure: `${block.toFixed(1)} ms`,
      met: block < 20,
    },
  ];
}
