/** What all nodes that change the firewall have in common. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { Asking } from '../firewall/queue';
import type { ChangeResult } from '../firewall/results';
import { type Answer, answerMessages } from './answer';
import { type Device, resumeDevice, useDevice } from './device';
import { pendingStatus } from './pending-status';
import { asNumber, defined, evaluate } from './request';

/** A changing node as stored in a flow: in a hand-written flow any property may be missing or of the wrong type. */
export type ChangingDef = NodeDef & { device?: string } & Record<string, unknown>;

interface Change {
  /** Properties with a `…Type` companion, evaluated for each message. */
  typed: readonly string[];
  /** Those of them that are numbers. */
  numbers?: readonly string[];
  /** Properties used as they are. */
  fixed: Record<string, unknown>;
  apply(device: Device, request: Record<string, unknown>, asking: Asking): Promise<ChangeResult>;
}

/** Makes the node apply `change` for each message. */
export function changingNode(RED: NodeAPI, node: Node, def: ChangingDef, change: Change): void {
  const device = useDevice(RED, node, def.device);
  // A deadline of an earlier change may have passed while flows were stopped.
  resumeDevice(RED, node, device);
  const { dryRun, onlyTighten, cutConnections, force } = def;
  const options = { dryRun, onlyTighten, cutConnections, force, confirmWithin: asNumber(def.confirmWithin) };
  const outcomeOf = outcomesOf(RED);
  const show = answerMessages(RED, node, async (msg, asking) => {
    const request: Record<string, unknown> = { ...change.fixed, ...options };
    for (const property of change.typed) {
      const input = {
        property,
        value: def[property],
        type: def[`${property}Type`],
        isNumber: change.numbers?.includes(property),
      };
      request[property] = (await evaluate(RED, node, msg, input)).value;
    }
    const used = device();
    const result = await change.apply(used, defined(request), asking);
    // After the response has been sent and shown.
    setImmediate(() => showPending(used, result));
    return { payload: result, ...outcomeOf(result) };
  });
  const showPending = pendingStatus(RED, node, show);
}

/** The outcome of a change in a few words, which are looked up once rather than for each message of a storm. */
function outcomesOf(RED: NodeAPI): (result: ChangeResult) => Pick<Answer, 'outcome' | 'text'> {
  const dry = { outcome: 'unchanged', text: RED._('status.dryRun') } as const;
  const done = { outcome: 'success', text: RED._('status.changed') } as const;
  const nothing = { outcome: 'unchanged', text: RED._('status.unchanged') } as const;
  return ({ changed, dryRun }) => (dryRun ? dry : changed ? done : nothing);
}
