import type { Node, NodeAPI } from 'node-red';
import { answerMessages } from './answer';
import { type ChangingDef, changingNode } from './changing-node';
import { useDevice } from './device';
import { fromStored } from './migrate';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('restore-firewall', function (this: Node, stored: ChangingDef) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    if (def.action !== 'list') {
      const typed = def.action === 'restore' ? ['backup'] : [];
      changingNode(RED, this, def, {
        typed,
        fixed: { action: def.action },
        apply: (device, request, asking) => device.restore(request, asking),
        done: () => (def.action === 'restore' ? RED._('status.restored') : RED._('status.undone')),
      });
      return;
    }
    const device = useDevice(RED, this, def.device);
    answerMessages(RED, this, async (_, asking) => {
      const payload = await device().backups(asking);
      return { payload, outcome: 'success', text: RED._('status.backups', { count: payload.length }) };
    });
  });
};
