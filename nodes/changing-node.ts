/** What the nodes that change the firewall share. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { ChangeResult } from '../firewall/messages';
import { type Answer, answerMessages } from './answer';
import { type Device, resumeDevice, useDevice } from './device';
import { defined, evaluate } from './request';

/** A changing node as the flow stores it: every property may be missing, or of the wrong type, in a hand-written flow. */
export type ChangingDef = NodeDef & { device?: string } & Record<string, unknown>;

interface Change {
  /** Properties with a `…Type` companion, evaluated for each message. */
  typed: readonly string[];
  /** Those of them that are numbers. */
  numbers?: readonly string[];
  /** Properties that are what they are. */
  fixed: Record<string, unknown>;
  /** Part of what it does is left for later, and may have come due while flows were stopped. */
  leavesWork?: boolean;
  apply(device: Device, request: Record<string, unknown>): Promise<ChangeResult>;
}

/** Makes the node apply `change` at each message. */
export function changingNode(RED: NodeAPI, node: Node, def: ChangingDef, change: Change): void {
  const device = useDevice(RED, node, def.device);
  if (change.leavesWork) resumeDevice(node, device);
  const options = { dryRun: def.dryRun, onlyTighten: def.onlyTighten, force: def.force };
  answerMessages(RED, node, async (msg) => {
    const request: Record<string, unknown> = { ...change.fixed, ...options };
    for (const property of change.typed) {
      const input = {
        property,
        value: def[property],
        type: def[`${property}Type`],
        isNumber: change.numbers?.includes(property),
      };
      request[property] = await evaluate(RED, node, msg, input);
    }
    const result = await change.apply(device(), defined(request));
    return { payload: result, ...outcomeOf(RED, result) };
  });
}

function outcomeOf(RED: NodeAPI, { changed, dryRun }: ChangeResult): Pick<Answer, 'outcome' | 'text'> {
  if (dryRun) return { outcome: 'unchanged', text: RED._('status.dryRun') };
  if (changed) return { outcome: 'success', text: RED._('status.changed') };
  return { outcome: 'unchanged', text: RED._('status.unchanged') };
}
