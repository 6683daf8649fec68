/** Ms, from some moment on, that no change of the clock touches. */
export const now = (): number => Number(process.hrtime.bigint() / BigInt(1_000_000));
