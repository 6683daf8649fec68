import type { Node, NodeAPI, NodeDef } from 'node-red';
import { readable } from '../firewall/bounded';
import { answerMessages } from './answer';
import { useDevice } from './device';
import { fromStored } from './migrate';
import { defined, reasonOf } from './request';

type Definition = NodeDef & { device?: string } & Record<string, unknown>;

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('confirm-change', function (this: Node, stored: Definition) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    const device = useDevice(RED, this, def.device);
    answerMessages(RED, this, async (msg, asking) => {
      // For a page that was opened, the payload is its query; an id in it must be that of the pending change.
      const id = readable('payload', () => (msg.payload as { id?: unknown } | null | undefined)?.id);
      const reason = await reasonOf(RED, this, msg, def);
      const payload = await device().confirm(defined({ id, reason }), asking);
      return { payload, outcome: 'success', text: RED._('status.confirmed') };
    });
  });
};
