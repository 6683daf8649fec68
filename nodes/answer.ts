/** How every node of this package handles a message: do the work, respond in the same message, show and report the outcome. */
import type { Node, NodeAPI, NodeMessageInFlow } from 'node-red';
import { asFirewallError, type FirewallError } from '../firewall/errors';
import { type Outcome, type ShowStatus, statusOf } from './status';
import { translated } from './translated';

export interface Answer {
  outcome: Outcome;
  /** The status text, translated. */
  text: string;
  /** Replaces `msg.payload`; absent if the node sends nothing. */
  payload?: unknown;
  /** What went wrong although there is a response: also reported to a Catch node. */
  failure?: FirewallError | undefined;
}

type Work = (msg: NodeMessageInFlow) => Promise<Answer>;

/**
 * Answers each message with the result of `work`. Whatever `work` throws goes to `done`, so no message can crash
 * Node-RED, and a Catch node gets it.
 * @returns a function that shows a status of the node.
 */
export function answerMessages(RED: NodeAPI, node: Node, work: Work): ShowStatus {
  const show = statusOf(RED, node);
  const working = RED._('status.working');
  let inProgress = 0;
  // One finished message is not worth showing while others are in progress.
  const showLast: ShowStatus = (outcome, text) => {
    if (inProgress === 0) show(outcome, text);
  };
  node.on('input', async (msg, send, done) => {
    inProgress += 1;
    show('working', working);
    try {
      const answer = await work(msg).finally(() => {
        inProgress -= 1;
      });
      if ('payload' in answer) {
        msg.payload = answer.payload;
        send(msg);
      }
      if (answer.failure) throw answer.failure;
      showLast(answer.outcome, answer.text);
      done();
    } catch (cause) {
      const err = translated(RED, asFirewallError(cause));
      showLast('error', err.code);
      report(node, msg, err, done);
    }
  });
  return show;
}

/**
 * Each Catch node gets a copy of the message, and a message from outside may be nested too deeply to be copied: the error
 * thrown then would crash Node-RED. In that case the error is reported without the contents of the message.
 */
function report(node: Node, msg: NodeMessageInFlow, err: FirewallError, done: (err: Error) => void): void {
  try {
    done(err);
  } catch {
    node.error(err, { _msgid: msg._msgid });
  }
}
