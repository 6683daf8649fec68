/** Sets up nodes on fake devices, sends them messages and returns the outcome. */
import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import type { Node, NodeInitializer, NodeMessage, NodeStatus } from 'node-red';
import helper from 'node-red-node-test-helper';
import { openDevicesWith } from '../../nodes/device';

import changeWebPorts = require('../../nodes/change-web-ports');
import confirmChange = require('../../nodes/confirm-change');
import fleetRequest = require('../../nodes/fleet-request');
import learnPeers = require('../../nodes/learn-peers');
import readFirewall = require('../../nodes/read-firewall');
import restoreFirewall = require('../../nodes/restore-firewall');
import scheduleService = require('../../nodes/schedule-service');
import setProfile = require('../../nodes/set-profile');
import smartserver = require('../../nodes/smartserver');
import toggleService = require('../../nodes/toggle-service');
import watchFirewall = require('../../nodes/watch-firewall');

import { FakeFirewall } from './fake-firewall';

const core = createRequire(__filename);
const coreNodes: NodeInitializer[] = ['80-template', '15-change', '10-switch', '10-function'].map((name) =>
  core(`@node-red/nodes/core/function/${name}.js`),
);

/** The outcome of a message. */
export interface Outcome {
  /** The message sent on, if any. */
  sent: Message | null;
  /** The message a Catch node got, if any. */
  caught: Caught | null;
  statuses: NodeStatus[];
}
// biome-ignore lint/suspicious/noExplicitAny: payloads of messages are whatever flows make of them
export type Message = NodeMessage & { payload: any };
export type Caught = Message & { error: { message: string; code: string; source: { id: string } } };

/** Devices opened since `start`, in order. */
export let devices: FakeFirewall[] = [];
let restore: Parameters<typeof openDevicesWith>[0] | undefined;

/** A node as a flow stores it. */
export type Stored = { id: string; type: string; [property: string]: unknown };

const TAB = { id: 'flow', type: 'tab', label: 'Flow', env: [{ name: 'SERVICE', value: 'mqtt', type: 'str' }] };

/** What devices opened from now on do when asked to do what is due; null for nothing. */
let failsToResume: { failure: unknown } | null = null;
export const failResumingWith = (failure: unknown): void => {
  failsToResume = { failure };
};

/** Starts a flow on fake devices: the given nodes, a Catch node, a Complete node for all, and what they are wired to. */
export async function start(nodes: readonly Stored[]): Promise<void> {
  devices = [];
  restore = openDevicesWith((settings) => {
    const device = new FakeFirewall(settings);
    if (failsToResume) device.failure = failsToResume.failure;
    devices.push(device);
    return device;
  });
  await helper.load(
    [
      ...[
        smartserver,
        readFirewall,
        setProfile,
        toggleService,
        scheduleService,
        changeWebPorts,
        confirmChange,
        restoreFirewall,
        watchFirewall,
        learnPeers,
        fleetRequest,
      ],
      ...coreNodes,
    ],
    flowOf(nodes),
  );
  watchArrivals();
  // The test helper reports a status in a later tick; the first ones belong to the start.
  await new Promise(setImmediate);
}

/** Deploys other nodes in place of those that run, in one of the editor's three ways, and waits until they run. */
export async function deploy(nodes: readonly Stored[], type: 'full' | 'flows' | 'nodes'): Promise<void> {
  const started = once(helper._events, 'flows:started');
  await helper._redNodes.setFlows(flowOf(nodes), {}, type);
  await started;
  watchArrivals();
}

function flowOf(nodes: readonly Stored[]): object[] {
  // Node-RED takes a node without a position on the canvas for a config node.
  const place = { x: 0, y: 0, z: 'flow' };
  const own = nodes.map((node) => (node.type === 'smartserver' ? node : { ...place, wires: [['out']], ...node }));
  const scope = nodes.filter(({ type }) => type !== 'smartserver').map(({ id }) => id);
  return [
    TAB,
    ...own,
    { id: 'out', ...place, type: 'helper', wires: [] },
    { id: 'catch', ...place, type: 'catch', scope: null, uncaught: false, wires: [['caught']] },
    { id: 'caught', ...place, type: 'helper', wires: [] },
    { id: 'complete', ...place, type: 'complete', scope, wires: [['completed']] },
    { id: 'completed', ...place, type: 'helper', wires: [] },
  ];
}

export async function stop(): Promise<void> {
  await helper.unload();
  if (restore) openDevicesWith(restore);
  failsToResume = null;
  FakeFirewall.schedules = [];
}

export function nodeOf(id: string): Node {
  const node = helper.getNode(id);
  if (!node) throw new Error(`no node ${id}`);
  return node;
}

/** Collects what the node shows from now on. */
export function watchStatus(id: string): NodeStatus[] {
  const statuses: NodeStatus[] = [];
  const node: NodeJS.EventEmitter = nodeOf(id);
  node.on('call:status', (call: { args: [NodeStatus] }) => statuses.push(call.args[0]));
  return statuses;
}

/** Sends a message to the node and waits until it has finished with it, successfully or not. One message at a time. */
export async function send(id: string, message: object): Promise<Outcome> {
  const statuses = watchStatus(id);
  const outcome: Outcome = { sent: null, caught: null, statuses };
  const onSent = (msg: Message) => {
    outcome.sent = msg;
  };
  const onCaught = (msg: Caught) => {
    outcome.caught = msg;
  };
  arrivals.on('out', onSent).on('caught', onCaught);
  const done = once(arrivals, 'done');
  nodeOf(id).receive(message as NodeMessage);
  await done;
  arrivals.removeListener('out', onSent).removeListener('caught', onCaught);
  return outcome;
}

/** Emits each message that arrives at the end of the flow: as `out` or `caught`, and `done` when a node has finished. */
export const arrivals = new EventEmitter();

const watched = new WeakSet<Node>();

function watchArrivals(): void {
  const listen = (id: string, arrived: (msg: unknown) => void): void => {
    const node = nodeOf(id);
    if (watched.has(node)) return;
    watched.add(node);
    node.on('input', arrived);
  };
  listen('out', (msg) => arrivals.emit('out', msg));
  listen('caught', (msg) => {
    arrivals.emit('caught', msg);
    arrivals.emit('done');
  });
  listen('completed', () => arrivals.emit('done'));
}
