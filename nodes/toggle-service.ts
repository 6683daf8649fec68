import type { Node, NodeAPI } from 'node-red';
import { type ChangingDef, changingNode } from './changing-node';
import { fromStored } from './migrate';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('toggle-service', function (this: Node, stored: ChangingDef) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    changingNode(RED, this, def, {
      typed: ['service', 'action', 'from', ...(def.duration === '' ? [] : ['duration'])],
      numbers: ['duration'],
      // The editor's '' stands for "as the service requires", which a request expresses by omitting the direction.
      fixed: {
        direction: def.direction === '' ? undefined : def.direction,
        interface: def.interface,
        systemService: def.systemService,
      },
      apply: (device, request, asking) => device.toggleService(request, asking),
    });
  });
};
