/** Which steps of a change are tried: every STEP_STRIDE-th, beginning with another one for each change and way to die. */
const given = Number(process.env.STEP_STRIDE ?? 3);
if (!Number.isInteger(given) || given < 1) throw new Error('STEP_STRIDE must be a whole number from 1.');
export const STRIDE = given;

/** @param which the place of the change, or of the way to die, in its list */
export const firstStep = (which: number): number => 1 + (which % STRIDE);
