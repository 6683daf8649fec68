import type { Node, NodeAPI } from 'node-red';
import { type ChangingDef, changingNode } from './changing-node';
import { fromStored } from './migrate';
import { asNumber } from './request';

const PORTS = ['http', 'https'] as const;

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('change-web-ports', function (this: Node, stored: ChangingDef) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    const { mode, repairTo, fixRedirect, reload, keepOldOpen } = def;
    const repairs = mode === 'repair';
    changingNode(RED, this, def, {
      // An empty port stays unchanged, which a request expresses by omitting it; a repair determines the ports itself.
      typed: repairs ? [] : PORTS.filter((property) => def[property] !== ''),
      fixed: {
        ...{ mode, fixRedirect, reload },
        ...(repairs ? { repairTo } : { keepOldOpen: asNumber(keepOldOpen) }),
      },
      apply: (device, request, asking) => device.changeWebPorts(request, asking),
      done: ({ state: { webPorts } }) => {
        if (repairs) return RED._('status.repaired');
        const ports = [webPorts?.http, webPorts?.https].filter(Boolean).join(', ');
        return RED._('status.moved', { ports });
      },
    });
  });
};
