/** The status below a node: one vocabulary for all nodes. */
import type { Node, NodeAPI, NodeStatusFill, NodeStatusShape } from 'node-red';

/** How many characters fit below a node, without running into others. */
const LONGEST = 40;

/** The outcome of a message, or its progress. */
export type Outcome = 'ready' | 'working' | 'success' | 'unchanged' | 'waiting' | 'error';

/** Dots if all is well, rings for what needs attention; the text says it too, for those who cannot see the colour. */
const LOOKS: Readonly<Record<Outcome, { fill: NodeStatusFill; shape: NodeStatusShape }>> = {
  ready: { fill: 'grey', shape: 'dot' },
  working: { fill: 'blue', shape: 'ring' },
  success: { fill: 'green', shape: 'dot' },
  unchanged: { fill: 'grey', shape: 'dot' },
  waiting: { fill: 'yellow', shape: 'ring' },
  error: { fill: 'red', shape: 'ring' },
};

export type ShowStatus = (outcome: Outcome, text: string) => void;

/**
 * Shows that the node is ready, or still at work, and returns the function that shows what follows. Closing the node clears its status, and
 * a change that ends only afterwards does not set the status of the node that replaced it.
 */
export function statusOf(RED: NodeAPI, node: Node, first: 'ready' | 'working' = 'ready'): ShowStatus {
  let closed = false;
  let shown = '';
  const show: ShowStatus = (outcome, text) => {
    const next = `${outcome} ${text}`;
    // Each status is sent to every editor, and thousands of messages may have the same one.
    if (closed || next === shown) return;
    shown = next;
    node.status({ ...LOOKS[outcome], text: text.slice(0, LONGEST) });
  };
  node.on('close', () => {
    node.status({});
    closed = true;
  });
  show(first, first === 'ready' ? RED._('status.ready') : RED._('status.working'));
  return show;
}
