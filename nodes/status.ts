/** What a node shows below itself: one vocabulary for all nodes. */
import type { Node, NodeAPI, NodeStatusFill, NodeStatusShape } from 'node-red';

/** As many characters as fit below a node. */
const LONGEST = 20;

/** How a message ended, or that it has not yet. */
export type Outcome = 'ready' | 'working' | 'success' | 'unchanged' | 'waiting' | 'error';

/** Dots for fine, rings for what needs a look; the text says it too, for those who do not see the colour. */
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
 * Shows that the node is ready, and gives the function that shows what follows. Closing the node clears its status, and
 * a change that ends only afterwards leaves no ghost on the node that took its place.
 */
export function statusOf(RED: NodeAPI, node: Node): ShowStatus {
  let closed = false;
  let shown = '';
  const show: ShowStatus = (outcome, text) => {
    const next = `${outcome} ${text}`;
    // Each status is sent to every editor, and a node may have thousands of messages to say the same about.
    if (closed || next === shown) return;
    shown = next;
    node.status({ ...LOOKS[outcome], text: text.slice(0, LONGEST) });
  };
  node.on('close', () => {
    node.status({});
    closed = true;
  });
  show('ready', RED._('status.ready'));
  return show;
}
