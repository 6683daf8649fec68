/** How every node of this package handles a message: work, answer in the same message, show and report the outcome. */
import type { Node, NodeAPI, NodeMessageInFlow } from 'node-red';
import { asFirewallError, type FirewallError } from '../firewall/errors';
import { precisely } from '../firewall/monotonic';
import type { Asking } from '../firewall/queue';
import { type Outcome, type ShowStatus, statusOf } from './status';
import { translated } from './translated';

export interface Answer {
  outcome: Outcome;
  /** The status text, translated. */
  text: string;
  /** Replaces `msg.payload`; a node that stays silent has none. */
  payload?: unknown;
  /** What went wrong although there is an answer: a Catch node hears of it too. */
  failure?: FirewallError | undefined;
}

/** @param asking to be handed on to the device, with whatever is asked of it */
type Work = (msg: NodeMessageInFlow, asking: Asking) => Promise<Answer>;

/**
 * Answers each message with what `work` makes of it. Whatever `work` throws goes to `done`, so no message can end
 * Node-RED, and a Catch node gets it.
 * @returns what shows a status of the node's.
 */
export function answerMessages(RED: NodeAPI, node: Node, work: Work): ShowStatus {
  const show = statusOf(RED, node);
  const working = RED._('status.working');
  let atWork = 0;
  // While others are at work, that one message is done is no news.
  const tell: ShowStatus = (outcome, text) => {
    if (atWork === 0) show(outcome, text);
  };
  node.on('input', async (msg, send, done) => {
    const asking = { by: node, since: precisely() };
    atWork += 1;
    show('working', working);
    try {
      const answer = await work(msg, asking).finally(() => {
        atWork -= 1;
      });
      if ('payload' in answer) {
        msg.payload = answer.payload;
        send(msg);
      }
      if (answer.failure) throw answer.failure;
      tell(answer.outcome, answer.text);
      done();
    } catch (cause) {
      const err = translated(RED, asFirewallError(cause));
      tell('error', err.code);
      report(node, msg, err, done);
    }
  });
  return show;
}

/**
 * Each Catch node gets a copy of the message, and one from outside may be nested too deep for that: the error thrown then
 * would end Node-RED. It is reported without what is in the message.
 */
function report(node: Node, msg: NodeMessageInFlow, err: FirewallError, done: (err: Error) => void): void {
  try {
    done(err);
  } catch {
    node.error(err, { _msgid: msg._msgid });
  }
}
