/** Requests that wait: which of them share a run, in which order all are answered, and how many there may be. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { type AgentRequest, agentRequest } from '../../firewall/messages';
import { Queue } from '../../firewall/queue';
import type { Answers } from '../../firewall/results';
import { EngineClock } from '../device/engine-clock';
import { useFresh } from '../device/suite';

type Call = AgentRequest['call'];

const callOf = (method: string, request: object = {}): Call =>
  agentRequest.parse({ settings: {}, call: { method, request } }).call;

const READ = callOf('read');
const LOCKDOWN = callOf('setProfile', { profile: 'lockdown' });
const ENHANCED = callOf('setProfile', { profile: 'enhanced' });
const toggle = (action: string, service = 'ssh'): Call => callOf('toggleService', { action, service });

type Result = Answers[keyof Answers];

/** A queue whose runs end when they are told to, and what ran in it. */
class Bench {
  readonly queue = new Queue();
  /** The requests that were run, in their order. */
  readonly runs: Call[] = [];
  private readonly open: ((result: Result | Error) => void)[] = [];

  ask(call: Call): Promise<{ run: number; tags: string[] }> {
    const answer = this.queue.add(call, () => {
      this.runs.push(call);
      return new Promise((resolve, reject) =>
        this.open.push((end) => (end instanceof Error ? reject(end) : resolve(end))),
      );
    });
    return answer as unknown as Promise<{ run: number; tags: string[] }>;
  }

  /** Waits until a run has begun, and ends it. */
  async end(error?: Error): Promise<void> {
    while (this.open.length === 0) await new Promise(setImmediate);
    this.open.shift()?.(error ?? ({ run: this.runs.length, tags: [] } as unknown as Result));
  }

  /** Asks for all of it behind a run that has begun, and lets everything end. */
  async behind(calls: readonly Call[]): Promise<number[]> {
    const first = this.ask(callOf('confirm'));
    while (this.runs.length === 0) await new Promise(setImmediate);
    const answers = calls.map((call) => this.ask(call));
    const places = this.queue.length;
    for (let at = 0; at <= places; at++) await this.end();
    await first;
    return (await Promise.all(answers)).map(({ run }) => run - 2);
  }
}

describe('Requests that wait', () => {
  const clock = useFresh(
    async () => EngineClock.install(),
    (installed) => installed.remove(),
  );

  const shared: [what: string, calls: Call[], runs: number[]][] = [
    ['share a run where they ask for the same', [LOCKDOWN, LOCKDOWN, READ, READ], [0, 0, 1, 1]],
    ['share it across readings', [LOCKDOWN, READ, LOCKDOWN, READ, callOf('backups')], [0, 1, 0, 1, 2]],
    ['never share it across a change', [READ, LOCKDOWN, READ], [0, 1, 2]],
    ['come to what the last one asks for', [LOCKDOWN, ENHANCED, LOCKDOWN, LOCKDOWN], [0, 1, 2, 2]],
    ['share opening and closing', [toggle('close'), toggle('close'), toggle('open'), toggle('open')], [0, 0, 1, 1]],
    ['differ by their service', [toggle('close'), toggle('close', 'mqtt'), toggle('close')], [0, 1, 2]],
    ['toggle as often as they are asked to', [toggle('toggle'), toggle('toggle')], [0, 1]],
    [
      'confirm and undo each for itself',
      ['confirm', 'confirm', 'restore', 'restore'].map((one) => callOf(one)),
      [0, 1, 2, 3],
    ],
  ];
  for (const [what, calls, runs] of shared) {
    it(what, async () => {
      assert.deepEqual(await new Bench().behind(calls), runs);
    });
  }

  it('are the same whether a default is written down or not', async () => {
    const written = callOf('setProfile', { force: false, profile: 'lockdown', dryRun: false });
    assert.deepEqual(await new Bench().behind([LOCKDOWN, written]), [0, 0]);
  });

  it('never share a run that has begun: its answer may be older than the request', async () => {
    const bench = new Bench();
    const first = bench.ask(READ);
    while (bench.runs.length === 0) await new Promise(setImmediate);
    const second = bench.ask(READ);
    await bench.end();
    await bench.end();
    assert.deepEqual([(await first).run, (await second).run], [1, 2]);
  });

  it('get an answer each that nobody else can change', async () => {
    const bench = new Bench();
    const all = Array.from({ length: 25 }, () => bench.ask(READ));
    await bench.end();
    const answers = await Promise.all(
      all.map((one, at) => one.then((answer) => [...answer.tags, answer.tags.push(`${at}`)])),
    );
    assert.deepEqual(
      answers,
      all.map(() => [1]),
    );
    assert.equal(bench.runs.length, 1);
  });

  it('fail together, and the next one is made', async () => {
    const bench = new Bench();
    const all = Promise.allSettled([bench.ask(READ), bench.ask(READ)]);
    const next = bench.ask(LOCKDOWN);
    await bench.end(new Error('no'));
    await bench.end();
    assert.deepEqual(
      (await all).map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal((await next).run, 2);
  });

  it('are answered in the order in which they came', async () => {
    const bench = new Bench();
    const order: number[] = [];
    const ask = (many: number) =>
      Array.from({ length: many }, () => bench.ask(READ).then(({ run }) => order.push(run)));
    const early = ask(35);
    await bench.end();
    const late = ask(1);
    await bench.end();
    await Promise.all([...early, ...late]);
    assert.deepEqual(order, [...early.map(() => 1), 2]);
  });

  it('are refused beyond a number, but a lockdown, and what the engine asks for itself', async () => {
    const bench = new Bench();
    const first = bench.ask(READ);
    while (bench.runs.length === 0) await new Promise(setImmediate);
    const others = Array.from({ length: 90 }, (_, at) => bench.ask(toggle('open', `${20_000 + at}/tcp`)));
    await assert.rejects(bench.ask(toggle('open', '30000/tcp')), /^BUSY: .* \(91\)\. The firewall was not changed\./);
    // Who asks for what waits already needs no place.
    others.push(bench.ask(toggle('open', '20089/tcp')), bench.ask(LOCKDOWN), bench.ask(callOf('settle')));
    assert.equal(bench.queue.length, 92);
    for (let at = 0; at < 93; at++) await bench.end();
    await Promise.all([first, ...others]);
    const again = bench.ask(toggle('open', '30000/tcp'));
    await bench.end();
    await again;
  });

  it('are refused beyond ten thousand callers of the same', async () => {
    const bench = new Bench();
    const all = Array.from({ length: 10_000 }, () => bench.ask(READ));
    await assert.rejects(bench.ask(READ), /BUSY/);
    const lockdown = bench.ask(LOCKDOWN);
    await bench.end();
    await bench.end();
    await Promise.all([...all, lockdown]);
  });

  it('of another kind do not wait for the rest after a storm', async () => {
    const bench = new Bench();
    const all = Array.from({ length: 20 }, () => bench.ask(READ));
    // It rests for as long as the run took.
    while (bench.runs.length === 0) await new Promise(setImmediate);
    clock.advance(0.3);
    await bench.end();
    await Promise.all(all);
    const same = bench.ask(READ);
    const lockdown = bench.ask(LOCKDOWN);
    await new Promise(setImmediate);
    assert.deepEqual(bench.runs, [READ, READ]);
    await bench.end();
    await bench.end();
    await Promise.all([same, lockdown]);
  });
});
