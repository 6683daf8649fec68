import type { Node, NodeAPI } from 'node-red';
import { secondsIn } from '../firewall/duration';
import type { ChangeResult } from '../firewall/results';
import { type ChangingDef, changingNode } from './changing-node';
import { fromStored } from './migrate';
import { localTime, shortNames } from './names';

/** What a change's `action` says: what was asked for, and the ids of the services. */
const ACTION = /^toggle-service (\w+) (.*)$/;

export = (RED: NodeAPI): void => {
  /** What became of the services, and until when. */
  function done({ action, added, removed, stillOpen, state }: ChangeResult, duration: unknown): string {
    const [, asked, names = ''] = ACTION.exec(action) ?? [];
    const ids = names.split(', ');
    const service = shortNames(RED, ids);
    if (stillOpen.length > 0) return RED._('status.stillOpen', { service });
    if (asked === 'toggle' && ids.length > 1) return RED._('status.toggled', { service });
    const lets = ({ action: does }: ChangeResult['added'][number]): boolean => does === 'allow' || does === 'limit';
    const opens = added.length > 0 ? added.some(lets) : !removed.some(lets);
    const isTemporary = Number(typeof duration === 'string' ? secondsIn(duration) : duration) > 0;
    const lease = isTemporary && state.leases.find((one) => one.service === ids[0]);
    if (asked === 'limit') return RED._('status.limited', { service });
    if (asked === 'close' || (asked === 'toggle' && !opens)) {
      if (lease) return RED._('status.closedUntil', { service, time: localTime(lease.until) });
      return RED._('status.closed', { service });
    }
    if (lease) return RED._('status.openUntil', { service, time: localTime(lease.until) });
    return RED._('status.open', { service });
  }

  RED.nodes.registerType('toggle-service', function (this: Node, stored: ChangingDef) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    changingNode(RED, this, def, {
      typed: ['service', 'action', 'from', ...(def.duration === '' ? [] : ['duration'])],
      // The editor's '' stands for "as the service requires", which a request expresses by omitting the direction.
      fixed: {
        direction: def.direction === '' ? undefined : def.direction,
        interface: def.interface,
        systemService: def.systemService,
        afterwards: def.afterwards,
      },
      apply: (device, request, asking) => device.toggleService(request, asking),
      done: (result, { duration }) => done(result, duration),
    });
  });
};
