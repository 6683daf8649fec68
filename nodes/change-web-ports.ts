import type { Node, NodeAPI } from 'node-red';
import { type ChangingDef, changingNode } from './changing-node';

const PORTS = ['http', 'https'] as const;

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('change-web-ports', function (this: Node, def: ChangingDef) {
    RED.nodes.createNode(this, def);
    const { mode, repairTo, fixRedirect, reload, keepOldOpen } = def;
    const repairs = mode === 'repair';
    changingNode(RED, this, def, {
      // An empty port stays as it is, which a request says by naming none; a repair finds the ports itself.
      typed: repairs ? [] : PORTS.filter((property) => def[property] !== ''),
      numbers: PORTS,
      fixed: {
        ...{ mode, fixRedirect, reload },
        // The editor's form gives numbers as text.
        ...(repairs
          ? { repairTo }
          : { keepOldOpen: typeof keepOldOpen === 'string' ? Number(keepOldOpen) : keepOldOpen }),
      },
      // Old ports that were to close while Node-RED was down.
      leavesWork: true,
      apply: (device, request) => device.changeWebPorts(request),
    });
  });
};
