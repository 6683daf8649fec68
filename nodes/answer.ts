/** How every node of this package handles a message: work, answer in the same message, show and report the outcome. */
import type { Node, NodeAPI, NodeMessageInFlow } from 'node-red';
import { asFirewallError, type FirewallError } from '../firewall/errors';
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

type Work = (msg: NodeMessageInFlow) => Promise<Answer>;

/**
 * Answers each message with what `work` makes of it. Whatever `work` throws goes to `done`, so no message can end
 * Node-RED, and a Catch node gets it.
 * @returns what shows a status of the node's.
 */
export function answerMessages(RED: NodeAPI, node: Node, work: Work): ShowStatus {
  const show = statusOf(RED, node);
  node.on('input', async (msg, send, done) => {
    try {
      show('working', RED._('status.working'));
      const answer = await work(msg);
      if ('payload' in answer) {
        msg.payload = answer.payload;
        send(msg);
      }
      if (answer.failure) throw answer.failure;
      show(answer.outcome, answer.text);
      done();
    } catch (cause) {
      const err = translated(RED, asFirewallError(cause));
      show('error', err.code);
      done(err);
    }
  });
  return show;
}
