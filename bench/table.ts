/** Figures as text in columns. */
import type {
  ArmFigure,
  ArmMemory,
  BesideFormer,
  Budget,
  Figure,
  Footprint,
  Latency,
  StormFigures,
  Target,
  UserLatency,
} from './figures';

/** Rows under a heading, the first two columns left-aligned and the others right-aligned. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const pad = (text: string, column: number): string =>
    column < 2 ? text.padEnd(widths[column] as number) : text.padStart(widths[column] as number);
  return `${rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')}\n`;
}

const HEADING = ['operation', 'by', 'ms', '(min–max)', 'times', 'processes', 'leaked', 'dropped', 'longest block'];

/** The figures of one number of other rules. Leaked and dropped are per repetition of the operation. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ operation, contestant, ms, timesThisPackage, processes, probes, blockMs }) => [
    operation,
    contestant,
    ms.median.toFixed(0),
    `(${ms.min.toFixed(0)}–${ms.max.toFixed(0)})`,
    `${timesThisPackage.toFixed(1)}×`,
    String(processes.total),
    probes ? each(probes.leaked, probes.repetitions) : '',
    probes ? each(probes.dropped, probes.repetitions) : '',
    blockMs ? `${blockMs.median.toFixed(1)} ms` : '',
  ]);
  return columns([HEADING, ...rows]);
}

const each = (count: number, repetitions: number): string => {
  const mean = count / repetitions;
  return Number.isInteger(mean) || mean >= 10 ? mean.toFixed(0) : mean.toFixed(1);
};

/** Requests by version 1.0.0 and by this one. */
export function besideTable(figures: readonly BesideFormer[]): string {
  const rows = figures.map(({ otherRules, request, former, now, timesFormer }) => [
    ...[request, `${otherRules} other rules`, former.median.toFixed(1), now.median.toFixed(1)],
    `${timesFormer.toFixed(2)}×`,
  ]);
  return columns([['request', '', '1.0.0, ms', 'now, ms', 'times'], ...rows]);
}

/** The targets, each with its figure and whether it is met. */
export function targetTable(targets: readonly Target[]): string {
  const rows = targets.map(({ what, target, figure, met }) => [what, met ? 'met' : 'NOT MET', figure, target]);
  return columns([['target', '', 'figure', 'goal'], ...rows]);
}

/** The footprints of packages, side by side. */
export function packageTable(footprints: readonly Footprint[]): string {
  const rows = footprints.map(({ name, installed, packages, loadMs, memory }) => [
    name,
    '',
    `${(installed / 2 ** 20).toFixed(1)} MB`,
    String(packages),
    `${loadMs.toFixed(0)} ms`,
    `${memory.started.toFixed(1)} MB`,
    `${memory.worked.toFixed(1)} MB`,
  ]);
  return columns([['package', '', 'on disk', 'packages', 'loading', 'memory', 'at work'], ...rows]);
}

/** The budgets, each with its figure and whether it is met. */
export function budgetTable(budgets: readonly Budget[]): string {
  const rows = budgets.map(({ what, budget, figure, met }) => [what, met ? 'met' : 'NOT MET', figure, budget]);
  return columns([['budget', '', 'figure', 'goal'], ...rows]);
}

/** From the publication of an alarm until nothing gets in any more. */
export function userTable(users: readonly UserLatency[]): string {
  const rows = users.flatMap(({ user, first, later }) =>
    Object.entries({ first, later }).map(([alarm, { median, min, max, repetitions }]) => [
      ...[user, alarm, `${median.toFixed(0)} ms`, `(${min.toFixed(0)}–${max.toFixed(0)})`, String(repetitions)],
    ]),
  );
  return columns([['Node-RED runs as', 'alarm', 'to the kernel', '(min–max)', 'repetitions'], ...rows]);
}

/** What calls take on the ARM board. */
export function armTable(figures: readonly ArmFigure[]): string {
  const rows = figures.map(({ operation, contestant, call, ms, timesThisPackage }) => [
    ...[operation, contestant, call, seconds(ms.median), `(${seconds(ms.min)}–${seconds(ms.max)})`],
    ...[timesThisPackage === null ? '' : `${timesThisPackage.toFixed(1)}×`, String(ms.repetitions)],
  ]);
  return columns([['operation', 'by', 'call', 'median', '(min–max)', 'times', 'repetitions'], ...rows]);
}

export function armMemoryTable({ without, with: full, waiting }: ArmMemory): string {
  const mb = (value: number): string => `${value.toFixed(1)} MB`;
  return columns([
    ['resident memory', '', ''],
    ['Node-RED', 'without the package', mb(without)],
    ['Node-RED', 'with one node of each type', mb(full)],
    ['the privileged program', 'that waits for a request', mb(waiting)],
  ]);
}

export function latencyTable(latencies: readonly Latency[]): string {
  const rows = latencies.map(({ contestant, what, ms, timesThisPackage }) => [
    contestant,
    what,
    `${ms.median.toFixed(0)} ms`,
    `${ms.p99.toFixed(0)} ms`,
    `(${ms.min.toFixed(0)}–${ms.max.toFixed(0)})`,
    `${timesThisPackage.toFixed(1)}×`,
    String(ms.repetitions),
  ]);
  return columns([['alarm to kernel, by', 'closes', 'median', 'p99', '(min–max)', 'times', 'alarms'], ...rows]);
}

/** The effect of a storm of alarms on Node-RED and on the firewall. */
export function stormTable(storm: StormFigures): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const mb = (value: number): string => `${value.toFixed(0)} MB`;
  const { page, rssMb, heapMb } = storm;
  return columns([
    [`storm: ${storm.perSecond} alarms a second for ${storm.seconds} s`, '', ''],
    ['alarms published', '', String(storm.published)],
    ['alarms received, all answered', '', String(storm.received)],
    ['changes made', '', String(storm.changes)],
    ['requests queued, at most', '', String(storm.waiting)],
    ['a Node-RED page: median', '', ms(page.p50)],
    ['a Node-RED page: p99', '', ms(page.p99)],
    ['a Node-RED page: max', '', ms(page.max)],
    ["the event loop's longest block", '', ms(storm.blockMs)],
    ['memory before, early, late, after', '', [rssMb.before, rssMb.early, rssMb.late, rssMb.after].map(mb).join(', ')],
    ['heap without garbage before, after', '', [heapMb.before, heapMb.after].map(mb).join(', ')],
  ]);
}

/** One request to a fleet. Times are from the operator's button, in ms. */
export interface FleetFigures {
  what: string;
  devices: number;
  /** When this share of the devices had answered. */
  halfMs: number;
  ninetyNineMs: number;
  allMs: number;
  /** When the operator's table showed that all have carried it out. */
  tableMs: number;
  messages: { requests: number; results: number; states: number };
  /** The broker's CPU time, from the button to the table. */
  brokerCpuMs: number;
  brokerMb: number;
  operator: { memoryMb: number; longestBlockMs: number; pageMs: number; jsonMs: number };
  /** Resident memory of a device's Node-RED, on average. */
  deviceMb?: number;
  /** The operator's Node-RED starts while all devices are connected. */
  start?: { tableMs: number; longestBlockMs: number; brokerCpuMsPerConnection: number };
}

/** What a user would do instead: a script of `ufw` calls on each device, this many devices at a time. */
export interface LoopFigure {
  atATime: number;
  devices: number;
  ms: number;
  timesFleet: number;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function fleetTable(fleets: readonly FleetFigures[]): string {
  const heading = ['one request to', '', '50 %', '99 %', 'all', 'in the table', 'messages', 'broker CPU'];
  const more = ['broker', 'operator', 'longest block', 'page', 'device'];
  const rows = fleets.map(({ what, devices, messages, operator, ...figures }) => [
    ...[String(devices), what, seconds(figures.halfMs), seconds(figures.ninetyNineMs), seconds(figures.allMs)],
    ...[seconds(figures.tableMs), String(messages.requests + messages.results + messages.states)],
    ...[seconds(figures.brokerCpuMs), `${figures.brokerMb.toFixed(0)} MB`, `${operator.memoryMb.toFixed(0)} MB`],
    ...[`${operator.longestBlockMs.toFixed(0)} ms`, `${operator.pageMs.toFixed(0)} ms`],
    figures.deviceMb === undefined ? '' : `${figures.deviceMb.toFixed(0)} MB`,
  ]);
  return columns([[...heading, ...more], ...rows]);
}

export function loopTable(loops: readonly LoopFigure[]): string {
  const rows = loops.map(({ atATime, devices, ms, timesFleet }) => [
    ...[`a loop over ${devices} devices`, `${atATime} at a time`, seconds(ms), `${timesFleet.toFixed(1)}×`],
  ]);
  return columns([['instead', '', 'all', 'times'], ...rows]);
}
