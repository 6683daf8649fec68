/** Ms, from some moment on, that no change of the clock touches. */
export const now = (): number => Number(process.hrtime.bigint() / BigInt(1_000_000));

/** The same, so precisely that of two moments one is earlier. It is the machine's: the same in every process. */
export const precisely = (): number => Number(process.hrtime.bigint()) / 1e6;
