import type { Node, NodeAPI } from 'node-red';
import type { ChangeResult } from '../firewall/results';
import { type ChangingDef, changingNode } from './changing-node';
import { fromStored } from './migrate';
import { localTime, shortNames } from './names';

/** What a change's `action` says: the name of the profile. */
const ACTION = /^set-profile (.*)$/;

export = (RED: NodeAPI): void => {
  const labels: ReadonlyMap<string, string> = new Map([
    ['enhanced', RED._('profile.enhanced')],
    ['standard', RED._('profile.standard')],
    ['lockdown', RED._('profile.lockdown')],
  ]);

  function done({ action, lease, openToAll }: ChangeResult): string {
    const [, name = ''] = ACTION.exec(action) ?? [];
    const profile = labels.get(name) ?? name;
    if (openToAll.length > 0) {
      const services = shortNames(RED, [...new Set(openToAll.map(({ service }) => service))]);
      return RED._('status.profileOpen', { services });
    }
    return lease
      ? RED._('status.profileUntil', { profile, time: localTime(lease.until) })
      : RED._('status.profileSet', { profile });
  }

  RED.nodes.registerType('set-profile', function (this: Node, stored: ChangingDef) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    changingNode(RED, this, def, {
      typed: ['profile', ...['duration', 'buses'].filter((one) => def[one] !== undefined && def[one] !== '')],
      fixed: {
        ...{ optionalServices: def.optionalServices, ownRules: def.ownRules },
        ...{ overrideOthers: def.overrideOthers, peers: def.peers },
      },
      apply: (device, request, asking) => device.setProfile(request, asking),
      done,
    });
  });
};
