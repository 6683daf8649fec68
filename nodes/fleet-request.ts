import type { Node, NodeAPI, NodeDef } from 'node-red';
import { readable } from '../firewall/bounded';
import type { FleetResult } from '../firewall/fleet/answer';
import { type Answer, answerMessages } from './answer';
import { resumeDevice, useDevice } from './device';
import { fromStored } from './migrate';
import { pendingStatus } from './pending-status';

type Definition = NodeDef & { device?: string; onlyTighten?: unknown };

/** Requests routinely arrive late or out of order: the operator gets the response, and nothing has to be done here. */
const EXPECTED = ['EXPIRED', 'SUPERSEDED'];

export = (RED: NodeAPI): void => {
  function shown({ outcome, error }: FleetResult): Pick<Answer, 'outcome' | 'text'> {
    switch (outcome) {
      case 'changed':
        return { outcome: 'success', text: RED._('status.changed') };
      case 'confirmed':
        return { outcome: 'success', text: RED._('status.confirmed') };
      case 'read':
        return { outcome: 'success', text: RED._('status.read') };
      case 'unchanged':
        return { outcome: 'unchanged', text: RED._('status.unchanged') };
      case 'dry-run':
        return { outcome: 'unchanged', text: RED._('status.dryRun') };
      case 'repeated':
        return { outcome: 'unchanged', text: RED._('status.repeated') };
      case 'failed':
        return { outcome: 'unchanged', text: error?.code ?? '' };
    }
  }

  RED.nodes.registerType('fleet-request', function (this: Node, stored: Definition) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    const device = useDevice(RED, this, def.device);
    resumeDevice(RED, this, device);
    const show = answerMessages(RED, this, async (msg, asking): Promise<Answer> => {
      const used = device();
      const envelope = readable('payload', () => msg.payload);
      const { result, error } = await used.fleet(envelope, { onlyTighten: def.onlyTighten === true }, asking);
      const { pending } = result;
      // After the response has been sent and shown.
      if (pending) setImmediate(() => showPending(used, { id: pending.id, pending }));
      const failure = error && !EXPECTED.includes(error.code) ? error : undefined;
      return { payload: result, failure, ...shown(result) };
    });
    const showPending = pendingStatus(RED, this, show);
  });
};
