/** An end that is measured by the uptime is never the same to the millisecond. */
const STEADY_MS = 2000;

/** Whether these mean the same moment. In ms since 1970; null where nothing is to come. */
export const isSameMoment = (one: number | null, other: number | null): boolean =>
  one === other || (one !== null && other !== null && Math.abs(one - other) < STEADY_MS);
