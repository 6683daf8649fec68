/** The machine's clocks. */
import { readFile } from 'node:fs/promises';
import { type Clock, type Deadline, deadlineIn } from '../state/clock';

export async function readClock(): Promise<Clock> {
  const [boot, uptime] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile('/proc/uptime', 'utf8'),
  ]);
  return { boot: boot.trim(), uptime: Number(uptime.split(' ')[0]), wall: Date.now() };
}

/** @param seconds from now; 0 for none */
export const deadlineAfter = async (seconds: number): Promise<Deadline | null> =>
  seconds === 0 ? null : deadlineIn(seconds, await readClock());
