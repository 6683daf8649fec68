/** What is published of a device for the editor, and when. What the sidebar makes of it is tested in the browser. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import type { NodeAPI } from 'node-red';
import { FirewallError, say } from '../../firewall/errors';
import type { Seen } from '../../firewall/firewall';
import type { ListedEntry } from '../../firewall/ledger/entry';
import type { OutlookReport, RuleReport, State, WatchEvent } from '../../firewall/results';
import type { WatchObserver } from '../../firewall/watch/watch';
import { type LiveBlocked, type LiveDevice, type LiveOutlook, showDevice } from '../../nodes/live';
import { version } from '../../nodes/version';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const rule = (port: string) => ({ to: { port } }) as unknown as RuleReport;
const stateWith = (profile: string, ...rules: RuleReport[]) =>
  ({ readAt: String(Math.random()), profile, rules, services: [], peers: null }) as unknown as State;

/** A device that answers what it is told to, and what is published of it. */
function shown() {
  const published: { topic: string; outlook: LiveOutlook; isKept: boolean }[] = [];
  const devices: LiveDevice[] = [];
  const blocked: LiveBlocked[] = [];
  const questions: unknown[] = [];
  let hearing: WatchObserver | undefined;
  const waiting: ((answer: Promise<OutlookReport>) => void)[] = [];
  let tell: (seen: Seen) => void = () => undefined;
  const RED = {
    _: (key: string) => key,
    comms: {
      publish: (topic: string, live: LiveOutlook & LiveDevice & LiveBlocked, isKept: boolean) => {
        if (topic.startsWith('smartserver-firewall-outlook/')) published.push({ topic, outlook: live, isKept });
        else if (topic.startsWith('smartserver-firewall-blocked/')) blocked.push(live);
        else devices.push(live);
      },
    },
  } as unknown as NodeAPI;
  const stop = showDevice(RED, { id: 'one', name: '' }, () => ({
    observe: (observer) => {
      tell = observer;
      return () => undefined;
    },
    watch: (options, observer) => {
      if (JSON.stringify(options).includes('blocked')) hearing = observer;
      return () => undefined;
    },
    backups: async () => [],
    outlook: (question) => {
      questions.push(question);
      return new Promise((resolve) => waiting.push(resolve));
    },
  }));
  const seen = (state: State) => tell({ state, confirmed: null, said: [] });
  const answer = async (report: Promise<OutlookReport>) => {
    waiting.shift()?.(report);
    await turn();
  };
  return { published, devices, blocked, questions, waiting, stop, seen, answer, hearing: () => hearing };
}

const of = (text: string, by = version(), timeline: OutlookReport['timeline'] = null): Promise<OutlookReport> =>
  Promise.resolve({ version: by, text, problem: null, timeline });

describe('What dialogs work previews out from', () => {
  it('is read when something has changed, once at a time, and once more where it changed meanwhile', async () => {
    const { published, waiting, seen, answer, stop } = shown();
    await turn();
    seen(stateWith('a'));
    seen(stateWith('a', rule('1')));
    seen(stateWith('a', rule('2')));
    assert.equal(waiting.length, 1);
    await answer(of('first'));
    assert.equal(waiting.length, 1);
    await answer(of('second'));
    seen(stateWith('a', rule('2')));
    assert.equal(waiting.length, 0, 'nothing has changed');
    assert.deepEqual(
      published.map(({ topic, outlook, isKept }) => [topic, outlook.text, isKept]),
      ['first', 'second'].map((text) => ['smartserver-firewall-outlook/one', text, true]),
    );
    stop();
    assert.deepEqual(published.pop(), {
      ...{ topic: 'smartserver-firewall-outlook/one', outlook: { text: null, problem: 'unread' }, isKept: false },
    });
  });

  it('is not taken from a program of another version, and why there is none is said', async () => {
    const { published, seen, answer } = shown();
    await turn();
    const outdated = new FirewallError('OUTDATED', { what: say`it does not know outlook.` });
    const broken = new FirewallError('UFW_NOT_FOUND', { what: say`ufw is gone.` });
    const answers = [() => of('x', '0.9.0'), () => Promise.reject(outdated), () => Promise.reject(broken)];
    for (const [at, report] of answers.entries()) {
      seen(stateWith(String(at)));
      await answer(report());
    }
    assert.deepEqual(
      published.map(({ outlook }) => outlook),
      (['outdated', 'outdated', 'unread'] as const).map((problem) => ({ text: null, problem })),
    );
  });

  it('is published no more once the device is not shown', async () => {
    const { published, seen, answer, stop } = shown();
    await turn();
    seen(stateWith('a'));
    stop();
    await answer(of('late'));
    assert.deepEqual(
      published.map(({ outlook }) => outlook.problem),
      ['unread'],
    );
  });
});

describe('What was done last', () => {
  const entry = (seq: number, more: Partial<ListedEntry> = {}): ListedEntry => ({
    ...{ seq, at: '2026-11-28T00:00:00.000Z', source: { kind: 'timer' }, type: 'change', id: '', repeated: 0 },
    ...{ action: 'set-profile lockdown', reason: '', result: 'done', hash: String(seq).repeat(64) },
    ...more,
  });

  it('is published with the state, and asked for only from what is known on', async () => {
    const { devices, questions, seen, answer, stop } = shown();
    await turn();
    seen(stateWith('a'));
    await answer(of('first', version(), [entry(2, { reason: `x\u202e${'y'.repeat(500)}` }), entry(1)]));
    const last = () => devices[devices.length - 1]?.timeline as ListedEntry[];
    assert.deepEqual(
      last().map(({ seq }) => seq),
      [2, 1],
    );
    assert.match(last()[0]?.reason ?? '', /^x\?y{198}$/);
    seen(stateWith('b'));
    await answer(of('second'));
    assert.equal(last().length, 2);
    assert.deepEqual(questions, [{ known: '' }, { known: '2'.repeat(64) }]);
    stop();
  });

  it('is said to be unknown where the program is of another version, and stays where it could not be read', async () => {
    const { devices, seen, answer, stop } = shown();
    await turn();
    seen(stateWith('a'));
    const busy = () => Promise.reject(new FirewallError('BUSY', { what: say`busy.` }));
    const last = () => devices[devices.length - 1]?.timeline;
    await answer(busy());
    assert.equal(last(), 'unread');
    seen(stateWith('b'));
    await answer(Promise.reject(new FirewallError('OUTDATED', { what: say`it does not know outlook.` })));
    assert.equal(last(), 'outdated');
    seen(stateWith('c'));
    await answer(of('read', version(), [entry(1)]));
    seen(stateWith('d'));
    await answer(busy());
    assert.deepEqual(last(), [entry(1)]);
    stop();
  });
});

describe('What was blocked', () => {
  const packet = (source: string | null): WatchEvent => ({
    topic: 'blocked',
    payload: { source, destination: null, port: 22, protocol: 'tcp', direction: 'in', interface: 'eth0', count: 1 },
  });

  it('is published at once, and then, however much it is, as seldom and as briefly as ever', async () => {
    const { blocked, hearing, stop } = shown();
    await turn();
    assert.deepEqual([blocked.length, blocked[0]?.sources, blocked[0]?.trouble], [1, [], null]);
    for (let at = 0; at < 20_000; at += 1) hearing()?.event(packet(`2001:db8::${at.toString(16)}`));
    await turn();
    assert.equal(blocked.length, 1);
    hearing()?.trouble(new FirewallError('NO_LOG', { what: say`ufw's logging is off.` }));
    assert.equal(blocked.length, 2);
    assert.equal(blocked[1]?.trouble?.code, 'NO_LOG');
    const total = blocked[1]?.sources.flatMap(({ counts }) => counts).reduce((sum, count) => sum + count, 0);
    assert.deepEqual([blocked[1]?.sources.length, total], [5, 20_000]);
    assert.ok(JSON.stringify(blocked[1]).length < 1500);
    stop();
    assert.equal(blocked.pop()?.gone, true);
  });
});
