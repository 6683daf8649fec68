/** A wall clock that jumps, for single programs: the device's own is the machine's, and nobody in there may set it. */
import type { Machine } from '../machine';

export interface Clock {
  /**
   * What a program needs in its environment to live by this clock, and what it starts as well, but not through `sudo`,
   * which takes this away. What measures durations (CLOCK_MONOTONIC) goes on as it does when somebody sets a clock.
   */
  env: Record<string, string>;
  /** Sets it so many seconds before (negative) or after the real time, for running programs too. */
  set(seconds: number): Promise<void>;
}

/** Makes a clock, kept at `path` on the device with systemd until it goes down; it shows the real time at first. */
export async function makeClock(device: Machine, path = '/run/clock'): Promise<Clock> {
  const set = async (seconds: number): Promise<void> => {
    // Renamed into place: it is read at any moment.
    await device.write(`${path}.new`, `${seconds < 0 ? '' : '+'}${seconds}s\n`, 0o644);
    await device.ok('mv', `${path}.new`, path);
  };
  await set(0);
  const env = {
    LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1',
    FAKETIME_TIMESTAMP_FILE: path,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { env, set };
}
