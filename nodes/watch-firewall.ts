import type { Node, NodeAPI, NodeDef } from 'node-red';
import { asFirewallError } from '../firewall/errors';
import type { WatchTopic } from '../firewall/messages';
import type { WatchEvent } from '../firewall/results';
import { type Device, useDevice } from './device';
import { fromStored } from './migrate';
import { asNumber, defined } from './request';
import { statusOf } from './status';
import { translated } from './translated';

type Definition = NodeDef & { device?: string } & Record<string, unknown>;

/** What can be watched for, by the property that selects it. */
const TOPICS: Readonly<Record<string, WatchTopic>> = {
  changes: 'changed',
  drift: 'drift',
  webPorts: 'web-ports',
  blocked: 'blocked',
  pending: 'pending',
  reverted: 'reverted',
  leaseEnded: 'lease-ended',
};

/** A topic missing from a flow has the default of a new node. */
const isWatched = (def: Definition, property: string): boolean => (def[property] ?? property !== 'blocked') === true;

export = (RED: NodeAPI): void => {
  /** The event in a few words. */
  function summary(event: WatchEvent): string {
    switch (event.topic) {
      case 'changed':
        return event.payload.who === 'self' ? RED._('status.changed') : RED._('status.byOthers');
      case 'drift':
        return RED._('status.drift', { count: event.payload.differences.length });
      case 'web-ports':
        return RED._('status.webPorts');
      case 'blocked':
        return RED._('status.blocked', { count: event.payload.count });
      case 'pending':
        return RED._('status.pending');
      case 'reverted':
        return RED._('status.reverted');
      case 'lease-ended':
        return RED._('status.leaseEnded');
    }
  }

  RED.nodes.registerType('watch-firewall', function (this: Node, stored: Definition) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    const device = useDevice(RED, this, def.device);
    // Ready once the firewall has been read: what changes from then on is reported.
    const show = statusOf(RED, this, 'working');
    let shown = RED._('status.ready');
    let watched: Device | null = null;
    let stop = (): void => undefined;
    /** Why it could not start to watch, which is reported once and not for each deploy. */
    let reported = '';

    const fail = (cause: unknown): void => {
      const error = translated(RED, asFirewallError(cause));
      show('error', error.code);
      // With a message, so that a Catch node gets it.
      this.error(error, {});
    };
    const watch = (found: Device): void => {
      const topics = Object.keys(TOPICS).filter((property) => isWatched(def, property));
      const options = { topics: topics.map((property) => TOPICS[property]), blockedEvery: asNumber(def.blockedEvery) };
      let isRead = false;
      stop = found.watch(defined(options), {
        event: (event) => {
          shown = summary(event);
          show('ready', shown);
          // Later nodes may modify the message; that must not affect other watchers, nor the next comparison.
          this.send(RED.util.cloneMessage(event));
        },
        state: () => {
          if (!isRead) show('ready', shown);
          isRead = true;
        },
        trouble: (error) => (error ? fail(error) : show('ready', shown)),
      });
    };
    /**
     * Existing conditions are reported at once, so the receiving nodes must exist by then. A later deploy may remove the
     * node's configuration or bring it back, and leave the node as it is.
     */
    const start = (): void => {
      try {
        const found = device();
        if (found === watched) return;
        stop();
        show('working', RED._('status.working'));
        watch(found);
        [watched, reported] = [found, ''];
      } catch (cause) {
        stop();
        const { message } = asFirewallError(cause);
        if (message !== reported) fail(cause);
        [watched, reported] = [null, message];
      }
    };
    RED.events.on('flows:started', start);
    this.on('close', () => {
      RED.events.removeListener('flows:started', start);
      stop();
    });
  });
};
