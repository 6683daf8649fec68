/** How every node of this package handles a message: work, answer in the same message, show and report the outcome. */
import type { Node, NodeAPI, NodeMessage, NodeMessageInFlow } from 'node-red';
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
    const answer = await work(msg, asking).catch(failed);
    atWork -= 1;
    if ('payload' in answer) sendWith(RED, node, msg, send, answer.payload);
    const { failure } = answer;
    if (failure) {
      const err = translated(RED, failure);
      tell('error', err.code);
      report(node, msg, err, done);
    } else {
      tell(answer.outcome, answer.text);
      complete(RED, node, done);
    }
  });
  return show;
}

const failed = (cause: unknown): Answer => ({ outcome: 'error', text: '', failure: asFirewallError(cause) });

/**
 * Sends the message on with this payload. What was done was done, and is told whatever the message is like: one that a
 * function node has made may be frozen, or have a payload that is not written to, and then a copy goes on. Node-RED copies a
 * message for each wire but the first, which one that is nested too deep does not survive: of that only the payload goes on.
 */
function sendWith(
  RED: NodeAPI,
  node: Node,
  msg: NodeMessageInFlow,
  send: (msg: NodeMessage) => void,
  payload: unknown,
): void {
  const whole = first([
    () => {
      msg.payload = payload;
      if (msg.payload !== payload) throw new TypeError('payload is not written to');
      return msg;
    },
    () => ({ ...msg, payload }),
  ]);
  send(whole && (!isCopied(node) || canBeCopied(RED, whole)) ? whole : { ...named(msg), payload });
}

const isCopied = ({ wires = [] }: Node & { wires?: unknown[][] }): boolean => wires.flat().length > 1;

/** The payload aside, which is the package's own and can be. */
const canBeCopied = (RED: NodeAPI, msg: NodeMessage): boolean =>
  first([() => RED.util.cloneMessage({ ...msg, payload: null })]) !== null;

/** Of these the first that can be made; null where none can. */
function first<Value>(makers: readonly (() => Value)[]): Value | null {
  for (const make of makers) {
    try {
      return make();
    } catch {
      // The next one is there for this.
    }
  }
  return null;
}

/** The message's id, which is all that is told of a message that cannot be copied. */
const named = (msg: NodeMessageInFlow): { _msgid?: string } => first([() => ({ _msgid: msg._msgid })]) ?? {};

/**
 * Each Catch node gets a copy of the message, and one from outside may be nested too deep for that: the error thrown then
 * would end Node-RED. It is reported without what is in the message.
 */
function report(node: Node, msg: NodeMessageInFlow, err: FirewallError, done: (err: Error) => void): void {
  try {
    done(err);
  } catch {
    node.error(err, named(msg));
  }
}

/** A Complete node gets a copy too. That there is none is no failure of what was done. */
function complete(RED: NodeAPI, node: Node, done: () => void): void {
  try {
    done();
  } catch (cause) {
    node.warn(RED._('log.incomplete', { reason: (cause as Error).message }));
  }
}
