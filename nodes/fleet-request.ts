import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { FleetOutcome, FleetResult } from '../firewall/fleet/messages';
import { type Answer, answerMessages } from './answer';
import { resumeDevice, useDevice } from './device';
import { waitingOf } from './waiting';

type Definition = NodeDef & { device?: string; onlyTighten?: unknown };

/** Requests come late and in another order as a matter of course: the operator is told, and nobody here has to do anything. */
const EXPECTED = ['EXPIRED', 'SUPERSEDED'];

/** What the node shows, by its label. */
const LABELS: Readonly<Record<Exclude<FleetOutcome, 'failed'>, string>> = {
  changed: 'status.changed',
  unchanged: 'status.unchanged',
  'dry-run': 'status.dryRun',
  confirmed: 'status.confirmed',
  repeated: 'status.repeated',
  read: 'status.read',
};

export = (RED: NodeAPI): void => {
  function shown({ outcome, error }: FleetResult): Pick<Answer, 'outcome' | 'text'> {
    if (outcome === 'failed') return { outcome: 'unchanged', text: error?.code ?? '' };
    const isNews = outcome !== 'unchanged' && outcome !== 'dry-run' && outcome !== 'repeated';
    return { outcome: isNews ? 'success' : 'unchanged', text: RED._(LABELS[outcome]) };
  }

  RED.nodes.registerType('fleet-request', function (this: Node, def: Definition) {
    RED.nodes.createNode(this, def);
    const device = useDevice(RED, this, def.device);
    resumeDevice(RED, this, device);
    const show = answerMessages(RED, this, async (msg): Promise<Answer> => {
      const used = device();
      const { result, error } = await used.fleet(msg.payload, { onlyTighten: def.onlyTighten === true });
      const { pending } = result;
      // After the answer has been sent and shown.
      if (pending) setImmediate(() => wait(used, { id: pending.id, pending }));
      const failure = error && !EXPECTED.includes(error.code) ? error : undefined;
      return { payload: result, failure, ...shown(result) };
    });
    const wait = waitingOf(RED, this, show);
  });
};
