/** What is measured: the same reading or change by this package, by `ufw` calls, and by `ufw reload`. */
import type { Device } from '../test/device/device';
import type { Machine } from '../test/device/machine';
import { everything, restore, UFW_FILES } from '../test/firewall/stable';
import type { Actor } from './actor';
import type { Job, Step } from './actor-inside';

/** ufw's files and the kernel's tables, as returned by `everything`. */
export type DeviceState = Readonly<Record<string, string>>;

export const ENGINE = 'this package';
export const UFW_CALLS = 'ufw calls';
export const UFW_RELOAD = 'files + ufw reload';
export const UFW_STATUS = 'ufw status';
export const UFW_STATUS_NUMBERED = 'ufw status numbered';

export type OperationName = 'read' | 'verdicts' | 'toggle' | 'lockdown' | 'enhanced';

export interface Operation {
  name: OperationName;
  what: string;
  /** The initial state. */
  from: DeviceState;
  /** The state that every contestant has to reach, except for the order of rules. */
  to: DeviceState;
  contestants: readonly Contestant[];
}

/** A way to perform the operation, in one or several changes. */
export interface Contestant {
  name: string;
  changes: readonly Job[];
}

const engine = (method: 'setProfile' | 'toggleService', request: Record<string, unknown>): Job => [
  { kind: 'engine', method, request },
];
const program = (...argv: string[]): Step => ({ kind: 'program', argv });

/** The engine's changes, by operation. BACnet is closed in the factory set, and one rule per family opens it. */
const CHANGES: Readonly<
  Record<Exclude<OperationName, 'read' | 'verdicts'>, { what: string; requests: readonly Job[] }>
> = {
  toggle: {
    what: 'open a closed service (BACnet), then close it',
    requests: ['open', 'close'].map((action) => engine('toggleService', { service: 'bacnet', action })),
  },
  lockdown: {
    what: 'vendor factory set → lockdown',
    requests: [engine('setProfile', { profile: 'lockdown' })],
  },
  enhanced: {
    what: 'lockdown → enhanced',
    requests: [engine('setProfile', { profile: 'enhanced' })],
  },
};

/**
 * The operations for a device in its current state. The engine makes each change once: as a warm-up, and to determine
 * the states that the others have to reach.
 */
export async function prepare(device: Device, actor: Actor): Promise<Operation[]> {
  const start = await everything(device);
  const reading: Operation = {
    ...{ name: 'read', what: 'read the firewall', from: start, to: start },
    contestants: [
      { name: ENGINE, changes: [[{ kind: 'engine', method: 'read', request: {} }]] },
      { name: UFW_STATUS, changes: [[program('ufw', 'status')]] },
      { name: UFW_STATUS_NUMBERED, changes: [[program('ufw', 'status', 'numbered')]] },
    ],
  };
  const verdicts: Operation = {
    ...{ name: 'verdicts', what: 'say who gets in where, of what was read', from: start, to: start },
    contestants: [{ name: ENGINE, changes: [[{ kind: 'verdicts' }]] }],
  };
  const toggle = await changing(device, actor, 'toggle');
  const lockdown = await changing(device, actor, 'lockdown');
  const enhanced = await changing(device, actor, 'enhanced');
  await restore(device, { ...start });
  return [reading, verdicts, toggle, lockdown, enhanced];
}

async function changing(device: Device, actor: Actor, name: keyof typeof CHANGES): Promise<Operation> {
  const { what, requests } = CHANGES[name];
  const from = await everything(device);
  const scripts: Job[] = [];
  const reloads: Job[] = [];
  for (const request of requests) {
    const before = await rulesAsCommands(device);
    await actor.make(request);
    scripts.push(commandsBetween(before, await rulesAsCommands(device)));
    reloads.push([{ kind: 'files', texts: await filesOf(device) }, program('ufw', 'reload')]);
  }
  const contestants = [
    { name: ENGINE, changes: requests },
    { name: UFW_CALLS, changes: scripts },
    { name: UFW_RELOAD, changes: reloads },
  ];
  return { name, what, from, to: await everything(device), contestants };
}

/** The rules as the `ufw` commands that would create them, in ufw's own words. */
export async function rulesAsCommands(device: Machine): Promise<string[]> {
  return (await device.ufw('show', 'added')).split('\n').filter((line) => line.startsWith('ufw '));
}

/**
 * What a careful user would script: one call for each rule removed or added, none for those that stay. `ufw reset` and
 * recreating the whole set would take more calls, lose the other rules, and leave the firewall off in the meantime.
 */
export function commandsBetween(before: readonly string[], after: readonly string[]): Job {
  const words = (line: string): string[] => line.split(' ').slice(1);
  const gone = before.filter((line) => !after.includes(line)).map((line) => program('ufw', 'delete', ...words(line)));
  const come = after.filter((line) => !before.includes(line)).map((line) => program('ufw', ...words(line)));
  return [...gone, ...come];
}

async function filesOf(device: Device): Promise<Record<string, string>> {
  const texts = await Promise.all(UFW_FILES.map(async (path) => [path, await device.read(path)] as const));
  return Object.fromEntries(texts);
}

/** Throws unless the device has the rules and policies that the operation ends with. */
export async function assertDone(
  device: Device,
  { name, to }: Pick<Operation, 'name' | 'to'>,
  contestant: Pick<Contestant, 'name'>,
): Promise<void> {
  for (const path of UFW_FILES) {
    const text = await device.read(path);
    if (rulesIn(text) !== rulesIn(to[path] as string))
      throw new Error(`${contestant.name} did not complete ${name}: ${path} is not as expected.`);
  }
}

/** A file's text without what may differ: the order of rules. */
const rulesIn = (text: string): string => text.split('\n').sort().join('\n');
