/** What all nodes that change the firewall have in common. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { messageOf } from '../firewall/errors';
import { givenProfile, LONGEST_REASON } from '../firewall/given';
import type { Asking } from '../firewall/queue';
import type { ChangeResult } from '../firewall/results';
import { type Answer, answerMessages } from './answer';
import { type Device, resumeDevice, useDevice } from './device';
import { pendingStatus } from './pending-status';
import { asNumber, defined, evaluate, reasonOf } from './request';

/** A changing node as stored in a flow: in a hand-written flow any property may be missing or of the wrong type. */
export type ChangingDef = NodeDef & { device?: string } & Record<string, unknown>;

interface Change {
  /** Properties with a `…Type` companion, evaluated for each message. */
  typed: readonly string[];
  /** Properties used as they are. */
  fixed: Record<string, unknown>;
  apply(device: Device, request: Record<string, unknown>, asking: Asking): Promise<ChangeResult>;
  /** What was done, in a few words: the status of a change that was made. */
  done(result: ChangeResult, request: Record<string, unknown>): string;
}

/** Makes the node apply `change` for each message. */
export function changingNode(RED: NodeAPI, node: Node, def: ChangingDef, change: Change): void {
  const device = useDevice(RED, node, def.device);
  // A deadline of an earlier change may have passed while flows were stopped.
  resumeDevice(RED, node, device);
  const { dryRun, onlyTighten, keepPeers, cutConnections, force } = def;
  const confirmWithin = asNumber(def.confirmWithin);
  const options = { dryRun, onlyTighten, keepPeers, cutConnections, force, confirmWithin };
  const outcomeOf = outcomesOf(RED);
  const show = answerMessages(RED, node, async (msg, asking) => {
    const request: Record<string, unknown> = { ...change.fixed, ...options };
    for (const property of change.typed) {
      const input = { property, value: def[property], type: def[`${property}Type`] };
      request[property] = (await evaluate(RED, node, msg, input)).value;
    }
    const reason = reasonOf(RED, node, msg, def);
    request.reason = isLockdown(request) ? await reason.then(shortened, warned(node)) : await reason;
    const used = device();
    const result = await change.apply(used, defined(request), asking);
    // After the response has been sent and shown.
    setImmediate(() => showPending(used, result));
    return { payload: result, ...outcomeOf(result, () => change.done(result, request)) };
  });
  const showPending = pendingStatus(RED, node, show);
}

/** Why a lockdown is asked for must not hold it up, whatever stands in the message for it. */
const shortened = (reason: unknown): unknown => {
  if (typeof reason === 'string') return reason.slice(0, LONGEST_REASON);
  return typeof reason === 'number' ? reason : undefined;
};
const warned =
  (node: Node) =>
  (error: unknown): void =>
    node.warn(messageOf(error));

const isLockdown = ({ profile }: Record<string, unknown>): boolean =>
  typeof profile === 'string' && givenProfile(profile) === 'lockdown';

/** The outcome of a change in a few words; what many messages of a storm share is looked up once. */
function outcomesOf(RED: NodeAPI): (result: ChangeResult, done: () => string) => Pick<Answer, 'outcome' | 'text'> {
  const nothing = { outcome: 'unchanged', text: RED._('status.unchanged') } as const;
  return (result, done) => {
    if (result.dryRun) return { outcome: 'unchanged', text: dryRunText(RED, result) };
    return result.changed ? { outcome: 'success', text: done() } : nothing;
  };
}

/** What would change. */
function dryRunText(RED: NodeAPI, { impact, added, removed, policies, files }: ChangeResult): string {
  const cut = new Set(impact.flatMap(({ peers }) => peers.map(({ address }) => address))).size;
  if (cut > 0) return RED._('status.wouldCutOff', { number: cut });
  const [more, fewer] = [added.length, removed.length];
  if (more > 0 && fewer > 0) return RED._('status.wouldBoth', { added: more, removed: fewer });
  if (more === 1) return RED._('status.wouldAddOne');
  if (more > 0) return RED._('status.wouldAdd', { number: more });
  if (fewer === 1) return RED._('status.wouldRemoveOne');
  if (fewer > 0) return RED._('status.wouldRemove', { number: fewer });
  const isSame = files.length === 0 && Object.keys(policies).length === 0;
  return isSame ? RED._('status.unchanged') : RED._('status.wouldChange');
}
