/**
 * The seed of what a test makes at random. Always the same unless asked for: a run that fails for a seed drawn by the clock
 * hides which change broke it. A long run tries others: `SEED=$RANDOM`.
 */
const given = Number(process.env.SEED ?? 20_261_127);
if (!Number.isInteger(given)) throw new Error('SEED must be a whole number.');
export const SEED = given;
