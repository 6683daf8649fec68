import type { Node, NodeAPI } from 'node-red';
import { type ChangingDef, changingNode } from './changing-node';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('set-profile', function (this: Node, def: ChangingDef) {
    RED.nodes.createNode(this, def);
    changingNode(RED, this, def, {
      typed: ['profile'],
      fixed: { optionalServices: def.optionalServices, ownRules: def.ownRules },
      apply: (device, request) => device.setProfile(request),
    });
  });
};
