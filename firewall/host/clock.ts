/** The machine's clocks: the one place where the engine reads what deadlines are measured by, and has itself woken. */
import { readFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { type Clock, type Deadline, deadlineIn } from '../state/clock';

/**
 * Where the time comes from. One object, through which its functions are called at each use: a test puts those of a clock
 * of its own in their place, in the process it has started for the engine. As plain exports they would have called each
 * other's originals, and handed down as a parameter the clock would go through every request, for the tests alone. Nothing
 * that a message, a setting or the environment says gets here.
 */
export const time = {
  /** The id of the boot. */
  boot: async (): Promise<string> => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  /** Seconds since that boot. */
  uptime: async (): Promise<number> => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]),
  /** Ms since 1970. */
  wall: (): number => Date.now(),
  /** The file of the device's time zone. */
  zoneFile: (): Promise<string> => realpath('/etc/localtime'),
  /** Ms, from some moment on, that no change of the clock touches. */
  monotonic: (): number => Number(process.hrtime.bigint() / BigInt(1_000_000)),
  /**
   * Makes the call when so many ms have passed, and keeps no process from ending until then.
   * @returns what cancels it.
   */
  wake: (ms: number, call: () => void): (() => void) => {
    const timer = setTimeout(call, ms).unref();
    return () => clearTimeout(timer);
  },
};

export async function readClock(): Promise<Clock> {
  const [boot, uptime] = await Promise.all([time.boot(), time.uptime()]);
  return { boot, uptime, wall: time.wall() };
}

/** The name of the device's time zone, as it is set now; UTC where none is set. Node.js need not know it: see `zoneFor`. */
export async function readZone(): Promise<string> {
  // A device without the file has no zone set.
  const file = await time.zoneFile().catch(() => '');
  return /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(file)?.[1] ?? 'UTC';
}

/** @param seconds from now; 0 for none */
export const deadlineAfter = async (seconds: number): Promise<Deadline | null> =>
  seconds === 0 ? null : deadlineIn(seconds, await readClock());
