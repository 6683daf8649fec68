/** How every node of this package handles a message: work, answer in the same message, show and report the outcome. */
import type { Node, NodeAPI, NodeMessageInFlow } from 'node-red';
import { FirewallError } from '../firewall/errors';
import { printable } from '../firewall/messages';
import { type Outcome, statusOf } from './status';

export interface Answer {
  outcome: Outcome;
  /** The status text, translated. */
  text: string;
  /** Replaces `msg.payload`; a node that stays silent has none. */
  payload?: unknown;
}

/**
 * Answers each message with what `work` makes of it. Whatever `work` throws goes to `done`, so no message can end
 * Node-RED, and a Catch node gets it.
 */
export function answerMessages(RED: NodeAPI, node: Node, work: (msg: NodeMessageInFlow) => Promise<Answer>): void {
  const show = statusOf(RED, node);
  node.on('input', async (msg, send, done) => {
    try {
      show('working', RED._('status.working'));
      const answer = await work(msg);
      if ('payload' in answer) {
        msg.payload = answer.payload;
        send(msg);
      }
      show(answer.outcome, answer.text);
      done();
    } catch (cause) {
      const err = asFirewallError(cause);
      show('error', err.code);
      done(err);
    }
  });
}

/** Whatever was thrown, with a code. */
export function asFirewallError(cause: unknown): FirewallError {
  if (cause instanceof FirewallError) return cause;
  const said = cause instanceof Error ? cause.message : cause;
  return new FirewallError(
    'INTERNAL',
    {
      what: `this should not happen: ${printable(said)}.`,
      state: 'What state the firewall is in is not known.',
      remedy: 'Read the firewall before changing anything, and report this error.',
    },
    cause,
  );
}
