import type { Node, NodeAPI } from 'node-red';
import { type ChangingDef, changingNode } from './changing-node';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('toggle-service', function (this: Node, def: ChangingDef) {
    RED.nodes.createNode(this, def);
    changingNode(RED, this, def, {
      typed: ['service', 'action', 'from', ...(def.duration === '' ? [] : ['duration'])],
      numbers: ['duration'],
      // The editor's '' stands for "as the service needs", which a request says by naming no direction.
      fixed: {
        direction: def.direction === '' ? undefined : def.direction,
        interface: def.interface,
        systemService: def.systemService,
      },
      apply: (device, request) => device.toggleService(request),
    });
  });
};
