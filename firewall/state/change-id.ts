import * as z from 'zod/mini';

/** The form of a change's id: it sorts by time, and is safe as a file name. */
export const ID = /^\d{8}T\d{9}Z-[0-9a-f]{6}$/;

export const changeId = z.string().check(z.regex(ID, 'must be the id of a change'));

/** When the change with this id was begun; ISO 8601, UTC. */
export const beginningOf = (id: string): string =>
  id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z.*$/, '$1-$2-$3T$4:$5:$6.$7Z');
