/** How every node of this package handles a message: do the work, respond in the same message, show and report the outcome. */
import type { Node, NodeAPI, NodeMessage, NodeMessageInFlow } from 'node-red';
import { asFirewallError, type FirewallError, messageOf } from '../firewall/errors';
import { precisely } from '../firewall/monotonic';
import type { Asking } from '../firewall/queue';
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

/** @param asking for every request to the device that the message leads to */
type Work = (msg: NodeMessageInFlow, asking: Asking) => Promise<Answer>;

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
    const asking: Asking = { sender: node, since: precisely(), source: sourceOf(RED, node) };
    inProgress += 1;
    show('working', working);
    const answer = await work(msg, asking).catch(failed);
    inProgress -= 1;
    if ('payload' in answer) sendWith(RED, node, msg, send, answer.payload);
    const { failure } = answer;
    if (failure) {
      const err = translated(RED, failure);
      showLast('error', err.code);
      report(node, msg, err, done);
    } else {
      showLast(answer.outcome, answer.text);
      complete(RED, node, done);
    }
  });
  return show;
}

const LONGEST_NAME = 100;

/** A node as the ledger names it. */
export function sourceOf(RED: NodeAPI, node: Node): NonNullable<Asking['source']> {
  const short = (name: unknown): string => (typeof name === 'string' ? name.slice(0, LONGEST_NAME) : '');
  let flowName: unknown = '';
  // With a call back it does not throw; it makes the call before it returns.
  RED.util.evaluateNodeProperty('NR_FLOW_NAME', 'env', node, {} as NodeMessage, (_, value) => {
    flowName = value;
  });
  return { kind: 'flow', flow: short(node.z), flowName: short(flowName), node: short(node.id), name: short(node.name) };
}

const failed = (cause: unknown): Answer => ({ outcome: 'error', text: '', failure: asFirewallError(cause) });

/**
 * Sends the message on with this payload. What was done is reported whatever the message is like: one from a function node
 * may be frozen or have a read-only payload, and a copy is sent instead. Node-RED copies a message for each wire but the
 * first, and one that is nested too deeply cannot be copied: only its payload is sent.
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
      if (msg.payload !== payload) throw new TypeError('payload is read-only');
      return msg;
    },
    () => ({ ...msg, payload }),
  ]);
  send(whole && (!isCopied(node) || canBeCopied(RED, whole)) ? whole : { ...named(msg), payload });
}

const isCopied = ({ wires = [] }: Node & { wires?: unknown[][] }): boolean => wires.flat().length > 1;

/** Apart from the payload, which is the package's own and can be copied. */
const canBeCopied = (RED: NodeAPI, msg: NodeMessage): boolean =>
  first([() => RED.util.cloneMessage({ ...msg, payload: null })]) !== null;

/** The first of these that does not throw; null if all do. */
function first<Value>(makers: readonly (() => Value)[]): Value | null {
  for (const make of makers) {
    try {
      return make();
    } catch {
      // The next one is meant for this case.
    }
  }
  return null;
}

/** The message's id, which is all that is said of a message that cannot be copied. */
const named = (msg: NodeMessageInFlow): { _msgid?: string } => first([() => ({ _msgid: msg._msgid })]) ?? {};

/**
 * Each Catch node gets a copy of the message, and a message from outside may be nested too deeply to be copied: the error
 * thrown then would crash Node-RED. In that case the error is reported without the contents of the message.
 */
function report(node: Node, msg: NodeMessageInFlow, err: FirewallError, done: (err: Error) => void): void {
  try {
    done(err);
  } catch {
    node.error(err, named(msg));
  }
}

/** A Complete node gets a copy as well. If it cannot get one, that is no failure of what was done. */
function complete(RED: NodeAPI, node: Node, done: () => void): void {
  try {
    done();
  } catch (cause) {
    node.warn(RED._('log.incomplete', { reason: messageOf(cause) }));
  }
}
