/** Loaded before Node-RED: on SIGWINCH (Node-RED has its own use for SIGUSR2) it says the longest time, in ms, for which nothing else was done since it was asked last. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
process.on('SIGWINCH', () => {
  process.stdout.write(`longest block ${delay.max / 1e6} ms\n`);
  delay.reset();
});
