/** A storm of alarms at the example `lockdown-on-alarm`, in a real Node-RED at a real broker, and what it does to both. */
import { join } from 'node:path';
import type { Device } from './device';
import { GAUGE_PORT, type Gauge } from './gauge-answer';
import type { InsideProcess } from './inside-process';
import { example, NODE_RED_PORT, startNodeRed } from './node-red';
import type { Visits } from './visitor';

export interface StormOptions {
  seconds: number;
  perSecond: number;
}

export interface Storm extends Visits {
  published: number;
  /** Alarms that reached the flow; the broker leaves out what its queue has no room for. */
  received: number;
  /** Alarms that the node answered, and those it refused. */
  answered: number;
  refused: number;
  /** The ids of the changes that the answers told of. */
  changes: readonly string[];
  /** Before the storm and after it, without garbage; early in it and late, with it. */
  gauges: Readonly<Record<'before' | 'early' | 'late' | 'after', Gauge>>;
  /** While it lasted. */
  blockMs: number;
  waiting: number;
}

interface Counts {
  received: number;
  answered: number;
  refused: number;
  changes: readonly string[];
}

interface FlowNode {
  id: string;
  type: string;
  z: string;
  wires: string[][];
}

const TAB = '5afe0a1a00000001';
const [ALARMS, PROFILE, CATCH] = ['5afe0a1a00000005', '5afe0a1a00000008', '5afe0a1a0000000a'];
const TOPIC = 'glp/0/17q2x5k1/ev/alarm';
const NONE: Counts = { received: 0, answered: 0, refused: 0, changes: [] };

const counting = (what: string): string => `
const counts = global.get('counts');
${what}
return msg;`;
const CHANGED = `
counts.answered++;
if (msg.payload.changed && !counts.changes.includes(msg.payload.id)) counts.changes.push(msg.payload.id);`;

/** Puts a function node into the wire that leaves a node: a second wire would have Node-RED copy each message. */
function counted(flow: readonly FlowNode[], from: string, func: string): FlowNode[] {
  const before = flow.find(({ id }) => id === from) as FlowNode;
  const counter = { id: `${from}-count`, type: 'function', z: TAB, x: 0, y: 0, outputs: 1, func, wires: before.wires };
  return [...flow.filter(({ id }) => id !== from), { ...before, wires: [[counter.id]] }, counter];
}

async function stormyFlows(): Promise<unknown[]> {
  // As it is imported: what a debug node prints costs more than all the rest.
  let flow: FlowNode[] = (await example('lockdown-on-alarm')).map((node) => ({
    ...(node as FlowNode),
    console: false,
  }));
  flow = counted(flow, ALARMS, counting('counts.received++;'));
  flow = counted(flow, PROFILE, counting(CHANGED));
  flow = counted(flow, CATCH, counting('counts.refused++;'));
  const place = { z: TAB, x: 0, y: 0 };
  return [
    ...flow,
    { id: 'page-in', type: 'http in', ...place, url: '/page', method: 'get', wires: [['page-out']] },
    { id: 'page-out', type: 'http response', ...place, wires: [] },
    { id: 'counts-in', type: 'http in', ...place, url: '/counts', method: 'get', wires: [['counts-read']] },
    {
      ...{ id: 'counts-read', type: 'function', ...place, outputs: 1, wires: [['page-out']] },
      initialize: `global.set('counts', ${JSON.stringify(NONE)});`,
      func: `msg.payload = global.get('counts'); return msg;`,
    },
  ];
}

/** A device with a broker and a Node-RED that waits for alarms. */
export class StormySite {
  private constructor(
    private readonly device: Device,
    readonly nodeRed: InsideProcess,
    private readonly flows: string,
    private readonly gauges: string,
  ) {}

  static async start(device: Device): Promise<StormySite> {
    await device.startMosquitto();
    const nodeRed = await startNodeRed(device, await stormyFlows(), { preload: join(__dirname, 'gauge.js') });
    await nodeRed.until(/Connected to broker/);
    const local = async (port: number) => `http://127.0.0.1:${(await device.forward(port)).port}`;
    return new StormySite(device, nodeRed, await local(NODE_RED_PORT), await local(GAUGE_PORT));
  }

  async storm({ seconds, perSecond }: StormOptions): Promise<Storm> {
    const { device } = this;
    const before = await this.gauge('/settled');
    const visitor = await device.spawn([
      ...[device.node, device.inside(join(__dirname, 'visitor.js')), `http://127.0.0.1:${NODE_RED_PORT}/page`],
    ]);
    const visited = said<Visits>(visitor);
    const publisher = await device.spawn([
      ...[device.node, device.inside(join(__dirname, 'publisher.js')), TOPIC, String(perSecond), String(seconds)],
    ]);
    const ended = said<{ published: number }>(publisher);
    await this.received((seconds * perSecond) / 6);
    const early = await this.gauge();
    const { published } = await ended;
    const late = await this.gauge();
    const counts = await this.quiet();
    visitor.endInput();
    const visits = await visited;
    const last = await this.gauge();
    const after = await this.settled();
    const most = (key: 'blockMs' | 'waiting'): number => Math.max(early[key], late[key], last[key]);
    return {
      ...{ published, ...counts, ...visits },
      gauges: { before, early, late, after },
      ...{ blockMs: most('blockMs'), waiting: most('waiting') },
    };
  }

  /** Resolves when so many alarms have been received. */
  private async received(many: number): Promise<void> {
    while ((await this.counts()).received < many) await pause();
  }

  /** Resolves when each alarm that was received is answered, and no more come. */
  private async quiet(): Promise<Counts> {
    for (let last = await this.counts(); ; ) {
      await pause();
      const counts = await this.counts();
      const { received, answered, refused } = counts;
      if (received === last.received && received === answered + refused) return counts;
      last = counts;
    }
  }

  /** What is left when no more garbage is found: the last messages are let go of a moment after their answers. */
  private async settled(): Promise<Gauge> {
    for (let last = await this.gauge('/settled'); ; ) {
      await pause();
      const next = await this.gauge('/settled');
      if (next.heap > last.heap - 1) return next;
      last = next;
    }
  }

  private counts = async (): Promise<Counts> => (await (await fetch(`${this.flows}/counts`)).json()) as Counts;
  private gauge = async (path = '/'): Promise<Gauge> => (await (await fetch(this.gauges + path)).json()) as Gauge;
}

/** Between two looks at the counts. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));

/** The line of JSON that a program prints at its end. */
async function said<Answer>(program: InsideProcess): Promise<Answer> {
  let text = '';
  program.on('stdout', (chunk: string) => {
    text += chunk;
  });
  const { code } = await program.exited;
  if (code !== 0) throw new Error(`A program of the storm ended with ${code}.`);
  return JSON.parse(text) as Answer;
}
