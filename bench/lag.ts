/** Loaded before Node-RED: on SIGWINCH (Node-RED itself uses SIGUSR2) it prints the longest block of the event loop since the last time, in ms. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
process.on('SIGWINCH', () => {
  process.stdout.write(`longest block ${delay.max / 1e6} ms\n`);
  delay.reset();
});
