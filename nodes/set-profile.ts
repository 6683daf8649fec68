import type { Node, NodeAPI } from 'node-red';
import { type ChangingDef, changingNode } from './changing-node';
import { fromStored } from './migrate';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('set-profile', function (this: Node, stored: ChangingDef) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    changingNode(RED, this, def, {
      typed: ['profile'],
      fixed: { optionalServices: def.optionalServices, ownRules: def.ownRules, overrideOthers: def.overrideOthers },
      apply: (device, request, asking) => device.setProfile(request, asking),
    });
  });
};
