import type { Node, NodeAPI } from 'node-red';
import { type ChangingDef, changingNode } from './changing-node';
import { resumeDevice } from './device';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('change-web-ports', function (this: Node, def: ChangingDef) {
    RED.nodes.createNode(this, def);
    const { mode, repairTo, fixRedirect, reload, keepOldOpen } = def;
    const repairs = mode === 'repair';
    changingNode(RED, this, def, {
      // An empty port stays as it is, which a request says by naming none; a repair finds the ports itself.
      typed: repairs ? [] : ['http', 'https'].filter((property) => def[property] !== ''),
      fixed: {
        ...{ mode, fixRedirect, reload },
        // The editor's form gives numbers as text.
        ...(repairs
          ? { repairTo }
          : { keepOldOpen: typeof keepOldOpen === 'string' ? Number(keepOldOpen) : keepOldOpen }),
      },
      apply: (device, request) => device.changeWebPorts(request),
    });
    // Old ports that were to close while Node-RED was down close now.
    resumeDevice(RED, this, def.device);
  });
};
