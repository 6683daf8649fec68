/**
 * Which backups are kept, and in which place each is. What comes often must not push out what is needed when something has
 * gone wrong: who floods a device with requests or leases loses it nothing but other backups of that flood.
 */
import type { BackupPlace } from '../results';

/** A backup, as far as it matters for that. */
export interface Kept {
  id: string;
  /** Of a lease or schedule, or made by a timer; null where it is damaged. */
  isTimed: boolean | null;
  bytes: number;
}

/** Of so many days with changes the first backup is kept: the firewall as the days before have left it. */
const MOST_DAYS = 30;

const MB = 1024 * 1024;
/** The room for each place, in bytes: hundreds of backups of a device with few rules, 15 or more of one with as many as are possible. */
const ROOM: Readonly<Record<Exclude<BackupPlace, 'factory'>, number>> = {
  request: 64 * MB,
  timer: 32 * MB,
  day: 32 * MB,
};

/** An id begins with its date (UTC). */
const dayOf = (id: string): string => id.slice(0, 8);

/**
 * The place of each backup, by its id; null for what there is no place for.
 * @param first the id of the first backup ever made, whatever the clock said then
 * @param keep how many of requests are kept, and how many of timers
 */
export function placesOf(all: readonly Kept[], first: string | null, keep: number): Map<string, BackupPlace | null> {
  const newest = [...all].sort((one, other) => (one.id < other.id ? 1 : -1));
  const beginnings = new Map<string, string>();
  for (const { id, isTimed } of newest) if (isTimed !== null) beginnings.set(dayOf(id), id);
  const isFull = {
    request: bound(keep, ROOM.request),
    timer: bound(keep, ROOM.timer),
    day: bound(MOST_DAYS, ROOM.day),
  };
  return new Map(
    newest.map(({ id, isTimed, bytes }) => {
      if (id === first) return [id, 'factory'];
      if (beginnings.get(dayOf(id)) === id && !isFull.day(bytes)) return [id, 'day'];
      const place = isTimed ? 'timer' : 'request';
      return [id, isFull[place](bytes) ? null : place];
    }),
  );
}

/** Says of one after the other, the newest first, whether there is no room for it. The newest has room in any case. */
function bound(most: number, room: number): (bytes: number) => boolean {
  let [count, used] = [0, 0];
  return (bytes) => {
    count += 1;
    used += bytes;
    return count > 1 && (count > most || used > room);
  };
}
