/**
 * Loaded into Node-RED's process before Node-RED: tells over HTTP what the process takes. Its port is loopback's, beside
 * Node-RED's own.
 */
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Queue } from '../../firewall/queue';
import { GAUGE_PORT, type Gauge } from './gauge-answer';

const SAMPLING_MS = 5;
const MB = 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const loop = monitorEventLoopDelay({ resolution: SAMPLING_MS });
loop.enable();

let waiting = 0;
const { add } = Queue.prototype;
Queue.prototype.add = function <Answer>(...asked: Parameters<typeof add<Answer>>): Promise<Answer> {
  const answer = add.apply(this, asked) as Promise<Answer>;
  waiting = Math.max(waiting, this.length);
  return answer;
};

/** `/settled` takes the garbage away first, which holds everything else up. */
createServer(({ url }, response) => {
  const blockMs = Math.max(0, loop.max / 1e6 - SAMPLING_MS);
  if (url === '/settled') collect();
  const { rss, heapUsed } = process.memoryUsage();
  response.end(JSON.stringify({ rss: rss / MB, heap: heapUsed / MB, blockMs, waiting } satisfies Gauge));
  loop.reset();
  waiting = 0;
})
  .listen(GAUGE_PORT, '127.0.0.1')
  .unref();
