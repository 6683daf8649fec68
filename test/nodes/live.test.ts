/** What is published of a device for the editor's dialogs, and when. The sidebar's own is tested in the browser. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import type { NodeAPI } from 'node-red';
import { FirewallError, say } from '../../firewall/errors';
import type { Seen } from '../../firewall/firewall';
import type { OutlookReport, RuleReport, State } from '../../firewall/results';
import { type LiveOutlook, showDevice } from '../../nodes/live';
import { version } from '../../nodes/version';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const rule = (port: string) => ({ to: { port } }) as unknown as RuleReport;
const stateWith = (profile: string, ...rules: RuleReport[]) =>
  ({ readAt: String(Math.random()), profile, rules, services: [], peers: null }) as unknown as State;

/** A device that answers what it is told to, and what is published of it. */
function shown() {
  const published: { topic: string; outlook: LiveOutlook; isKept: boolean }[] = [];
  const waiting: ((answer: Promise<OutlookReport>) => void)[] = [];
  let tell: (seen: Seen) => void = () => undefined;
  const RED = {
    comms: {
      publish: (topic: string, outlook: LiveOutlook, isKept: boolean) => {
        if (topic.startsWith('smartserver-firewall-outlook/')) published.push({ topic, outlook, isKept });
      },
    },
  } as unknown as NodeAPI;
  const stop = showDevice(RED, { id: 'one', name: '' }, () => ({
    observe: (observer) => {
      tell = observer;
      return () => undefined;
    },
    watch: () => () => undefined,
    backups: async () => [],
    outlook: () => new Promise((resolve) => waiting.push(resolve)),
  }));
  const seen = (state: State) => tell({ state, confirmed: null, said: [] });
  const answer = async (report: Promise<OutlookReport>) => {
    waiting.shift()?.(report);
    await turn();
  };
  return { published, waiting, stop, seen, answer };
}

const of = (text: string, by = version()): Promise<OutlookReport> =>
  Promise.resolve({ version: by, text, problem: null });

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
