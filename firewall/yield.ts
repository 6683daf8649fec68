/** Gives Node-RED's event loop its turn: with thousands of rules a step of planning or reporting takes a while. */
export const yieldToEventLoop = (): Promise<void> => new Promise(setImmediate);
