import { time } from './host/clock';

/** Ms, from some moment on, that no change of the clock touches. */
export const now = (): number => time.monotonic();
