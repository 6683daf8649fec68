/**
 * Requests that wait: which of them share a run, in which order all are made and answered, which are not made any more, and how
 * many there may be.
 */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { type AgentRequest, agentRequest } from '../../firewall/messages';
import { precisely } from '../../firewall/monotonic';
import { Queue } from '../../firewall/queue';
import type { Answers } from '../../firewall/results';

type Call = AgentRequest['call'];
type Result = Answers[keyof Answers];

const callOf = (method: string, request: object = {}): Call =>
  agentRequest.parse({ settings: {}, call: { method, request } }).call;

const READ = callOf('read');
const LOCKDOWN = callOf('setProfile', { profile: 'lockdown' });
const ENHANCED = callOf('setProfile', { profile: 'enhanced' });
const SETTLE = callOf('settle');
const CONFIRM = callOf('confirm');
const TRIED = callOf('setProfile', { profile: 'lockdown', dryRun: true });
const toggle = (action: string, service = 'ssh'): Call => callOf('toggleService', { action, service });

const CLOSE = toggle('close');

/** A queue whose runs end when they are told to, and what ran in it. */
class Bench {
  readonly queue = new Queue();
  /** The requests that were run, in their order. */
  readonly runs: Call[] = [];
  private readonly open: ((result: Result | Error) => void)[] = [];

  ask(
    call: Call,
    through: object = this,
    sender = through,
    since = precisely(),
  ): Promise<{ run: number; tags: string[] }> {
    const run = (): Promise<Result> => {
      this.runs.push(call);
      return new Promise((resolve, reject) =>
        this.open.push((end) => (end instanceof Error ? reject(end) : resolve(end))),
      );
    };
    return this.queue.add(call, run, through, { sender, since }) as unknown as Promise<{ run: number; tags: string[] }>;
  }

  /** Waits until a run has begun, and ends it. */
  async end(error?: Error): Promise<void> {
    while (this.open.length === 0) await new Promise(setImmediate);
    this.open.shift()?.(error ?? ({ changed: true, run: this.runs.length, tags: [] } as unknown as Result));
  }

  /** Waits until the first run has begun. */
  async begun(): Promise<void> {
    while (this.runs.length === 0) await new Promise(setImmediate);
  }

  /** Asks for all of it behind a run that has begun, and lets everything end: which run was whose, or why there was none. */
  async behind(calls: readonly Call[]): Promise<(number | string)[]> {
    const first = this.ask(callOf('confirm'));
    await this.begun();
    const answers = outcomes(calls.map((call) => this.ask(call)));
    await this.endAll();
    await first;
    return (await answers).map((run) => (typeof run === 'number' ? run - 2 : run));
  }

  /** Ends the run that has begun, and each that begins then. */
  async endAll(): Promise<void> {
    do {
      await this.end();
      await new Promise(setImmediate);
    } while (this.open.length > 0);
  }
}

/** The number of each one's run, or the code of its error. */
const outcomes = async (answers: Promise<{ run: number }>[]): Promise<(number | string)[]> =>
  (await Promise.allSettled(answers)).map((one) => (one.status === 'fulfilled' ? one.value.run : one.reason.code));

describe('Requests that wait', () => {
  const shared: [what: string, calls: Call[], runs: (number | string)[]][] = [
    ['share a run where they ask for the same', [LOCKDOWN, LOCKDOWN, READ, READ], [0, 0, 1, 1]],
    ['share it across readings', [ENHANCED, READ, ENHANCED, READ, callOf('backups')], [0, 1, 0, 1, 2]],
    ['never share it across a change', [READ, ENHANCED, READ], [0, 1, 2]],
    ['come to what the last one asks for', [CLOSE, ENHANCED, CLOSE, CLOSE], [0, 1, 2, 2]],
    ['share opening and closing', [CLOSE, CLOSE, toggle('open'), toggle('open')], [0, 0, 1, 1]],
    ['differ by their service', [CLOSE, toggle('close', 'mqtt'), CLOSE], [0, 1, 2]],
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
    const next = bench.ask(ENHANCED);
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
    others.push(bench.ask(toggle('open', '20089/tcp')));
    const overruled = outcomes(others);
    const special = outcomes([bench.ask(LOCKDOWN), bench.ask(SETTLE)]);
    assert.equal(bench.queue.length, 92);
    await bench.endAll();
    assert.deepEqual(await special, [2, 3]);
    assert.deepEqual([...new Set(await overruled)], ['SUPERSEDED']);
    await first;
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
    await new Promise((resolve) => setTimeout(resolve, 300));
    await bench.end();
    await Promise.all(all);
    const same = bench.ask(READ);
    const lockdown = bench.ask(LOCKDOWN);
    await new Promise(setImmediate);
    assert.deepEqual(bench.runs, [READ, LOCKDOWN]);
    await bench.endAll();
    await Promise.all([same, lockdown]);
  });
});

describe('A lockdown', () => {
  const asked: [what: string, calls: Call[], runs: (number | string)[]][] = [
    ['goes first', [READ, LOCKDOWN, SETTLE], [1, 0, 2]],
    [
      'overrules what was asked for before it',
      [CLOSE, ENHANCED, CONFIRM, callOf('restore'), LOCKDOWN],
      ['SUPERSEDED', 'SUPERSEDED', 'SUPERSEDED', 'SUPERSEDED', 0],
    ],
    ['leaves what is asked for after it', [LOCKDOWN, CLOSE, ENHANCED], [0, 1, 2]],
    ['leaves the same that is asked for again after it', [CLOSE, LOCKDOWN, CLOSE], ['SUPERSEDED', 0, 1]],
    ['that is asked for again overrules what came between', [LOCKDOWN, CLOSE, LOCKDOWN], [0, 'SUPERSEDED', 0]],
    [
      'leaves readings, what comes due by itself, and what is only tried',
      [READ, SETTLE, TRIED, LOCKDOWN],
      [1, 2, 3, 0],
    ],
    ['that is only tried waits for its turn, and overrules nobody', [CLOSE, READ, TRIED], [0, 1, 2]],
    [
      'with other options is another one, in its turn',
      [CLOSE, LOCKDOWN, callOf('setProfile', { profile: 'lockdown', force: true })],
      ['SUPERSEDED', 0, 1],
    ],
  ];
  for (const [what, calls, runs] of asked) {
    it(what, async () => {
      assert.deepEqual(await new Bench().behind(calls), runs);
    });
  }

  it('waits for what has begun', async () => {
    const bench = new Bench();
    const answers = outcomes([bench.ask(CLOSE), bench.ask(ENHANCED)]);
    await bench.begun();
    const lockdown = bench.ask(LOCKDOWN);
    await bench.endAll();
    assert.equal((await lockdown).run, 2);
    assert.deepEqual(await answers, [1, 'SUPERSEDED']);
  });

  it('that is refused overrules nobody', async () => {
    const bench = new Bench();
    const answers = outcomes([bench.ask(READ), bench.ask(CLOSE), bench.ask(LOCKDOWN)]);
    await bench.end(Object.assign(new Error(), { code: 'LOCKOUT' }));
    await bench.endAll();
    assert.deepEqual(await answers, [2, 3, 'LOCKOUT']);
    assert.deepEqual(bench.runs, [LOCKDOWN, READ, CLOSE]);
  });

  it('of an operator that was made long ago overrules nobody', async () => {
    const queue = new Queue();
    const made: string[] = [];
    const ask = (call: Call, answer: object) =>
      queue.add(call, async () => Promise.resolve(answer as Result).finally(() => made.push(call.method)), queue);
    await Promise.all([ask(CLOSE, { changed: true }), ask(LOCKDOWN, { repeated: true })]);
    assert.deepEqual(made, ['setProfile', 'toggleService']);
  });

  it('overrules what was asked for before it and comes into the queue only after its answer', async () => {
    const bench = new Bench();
    const before = precisely();
    const lockdown = bench.ask(LOCKDOWN);
    await bench.end();
    await lockdown;
    assert.deepEqual(await outcomes([bench.ask(CLOSE, bench, bench, before)]), ['SUPERSEDED']);
    const answers = outcomes([bench.ask(READ, bench, bench, before), bench.ask(CLOSE)]);
    await bench.endAll();
    assert.deepEqual(await answers, [2, 3]);
  });

  it('overrules what was asked for through others, which never share its run', async () => {
    const bench = new Bench();
    const others = outcomes([bench.ask(ENHANCED, {}), bench.ask(LOCKDOWN, {})]);
    const own = bench.ask(LOCKDOWN, {});
    await bench.endAll();
    assert.deepEqual(await others, ['SUPERSEDED', 1]);
    assert.equal((await own).run, 2);
  });
});

describe('A sender that is gone', () => {
  it('gets nothing made any more but what has begun, and is told', async () => {
    const bench = new Bench();
    const [device, gone, other] = [{}, {}, {}];
    const [begun, waits] = [bench.ask(CLOSE, device, gone), bench.ask(ENHANCED, device, gone)];
    await bench.begun();
    const theirs = bench.ask(toggle('open'), device, other);
    assert.equal(bench.queue.cancel(gone), 1);
    await assert.rejects(
      waits,
      /^STOPPED: the flow that sent this request was stopped before its turn\. The firewall was not changed/,
    );
    await bench.endAll();
    assert.deepEqual([(await begun).run, (await theirs).run], [1, 2]);
    assert.deepEqual(bench.runs, [CLOSE, toggle('open')]);
  });

  it('leaves the run to those who share it', async () => {
    const bench = new Bench();
    const [device, gone, other] = [{}, {}, {}];
    const answers = outcomes([bench.ask(CLOSE, device, gone), bench.ask(CLOSE, device, other)]);
    assert.equal(bench.queue.cancel(gone), 1);
    await bench.endAll();
    assert.deepEqual(await answers, ['STOPPED', 1]);
  });

  it('takes along whoever asked through it, and what comes due by itself', async () => {
    const bench = new Bench();
    const [gone, node] = [{}, {}];
    const answers = outcomes([bench.ask(CLOSE, gone, node), bench.ask(SETTLE, gone), bench.ask(READ, {}, node)]);
    assert.equal(bench.queue.cancel(gone), 2);
    await bench.endAll();
    assert.deepEqual(await answers, ['STOPPED', 'STOPPED', 1]);
  });

  it('makes room for others', async () => {
    const bench = new Bench();
    const gone = {};
    const first = bench.ask(READ);
    await bench.begun();
    const full = Array.from({ length: 90 }, (_, at) => bench.ask(toggle('open', `${20_000 + at}/tcp`), gone));
    const dropped = outcomes(full);
    assert.equal(bench.queue.cancel(gone), 90);
    const next = bench.ask(ENHANCED);
    await bench.endAll();
    assert.equal((await next).run, 2);
    assert.deepEqual([...new Set(await dropped)], ['STOPPED']);
    await first;
  });
});
