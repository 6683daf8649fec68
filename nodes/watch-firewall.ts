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

/** What can be watched for, by the property that says whether it is. */
const TOPICS: Readonly<Record<string, WatchTopic>> = {
  changes: 'changed',
  drift: 'drift',
  webPorts: 'web-ports',
  blocked: 'blocked',
  pending: 'pending',
  reverted: 'reverted',
  leaseEnded: 'lease-ended',
};

/** A flow that says nothing about a topic watches for it, as a new node does. */
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
    const show = statusOf(RED, this);
    let shown = RED._('status.ready');
    let watched: Device | null = null;
    let stop = (): void => undefined;
    /** What keeps it from being started, so that no deploy tells it again. */
    let told = '';

    const fail = (cause: unknown): void => {
      const error = translated(RED, asFirewallError(cause));
      show('error', error.code);
      // With a message, so that a Catch node gets it.
      this.error(error, {});
    };
    const watch = (found: Device): void => {
      const topics = Object.keys(TOPICS).filter((property) => isWatched(def, property));
      const options = { topics: topics.map((property) => TOPICS[property]), blockedEvery: asNumber(def.blockedEvery) };
      stop = found.watch(defined(options), {
        event: (event) => {
          shown = summary(event);
          show('ready', shown);
          // What later nodes make of it is not to change what others are sent, nor what is compared with next time.
          this.send(RED.util.cloneMessage(event));
        },
        trouble: (error) => (error ? fail(error) : show('ready', shown)),
      });
    };
    /**
     * What holds already is told at once: to nodes that must be there by then. A later deploy may leave this node as it is, and
     * take its configuration away or bring it back.
     */
    const start = (): void => {
      try {
        const found = device();
        if (found === watched) return;
        stop();
        show('ready', shown);
        watch(found);
        [watched, told] = [found, ''];
      } catch (cause) {
        stop();
        const { message } = asFirewallError(cause);
        if (message !== told) fail(cause);
        [watched, told] = [null, message];
      }
    };
    RED.events.on('flows:started', start);
    this.on('close', () => {
      RED.events.removeListener('flows:started', start);
      stop();
    });
  });
};
