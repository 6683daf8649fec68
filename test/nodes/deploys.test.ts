/**
 * Requests, deploys of all three kinds, configurations that come and go, and lockdowns, at random: what closed nodes asked
 * for and had not begun is never made, and nothing that was requested before a lockdown is made after its answer. Repeat with
 * SEED; DEPLOY_INTERLEAVINGS sets how many are tried.
 */
import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { Random } from '../firewall/commands';
import { SEED } from '../seed';
import { arrivals, type Caught, deploy, devices, type Message, nodeOf, type Stored, start, stop } from './bench';
import { FakeFirewall } from './fake-firewall';

const COUNT = Number(process.env.DEPLOY_INTERLEAVINGS ?? 100);
const STEPS = 12;
const KINDS = ['full', 'flows', 'nodes'] as const;
const CONFIGS = ['one', 'two'];
const TOGGLES = ['a', 'b'];

/** What is deployed: who has which configuration, which of them there are, and what else differs from the last time. */
interface Deployed {
  configs: string[];
  devices: Record<string, string>;
  names: Record<string, string>;
}

const flowOf = ({ configs, devices: chosen, names }: Deployed): Stored[] => [
  ...configs.map((id) => ({ id, type: 'smartserver' })),
  ...TOGGLES.map((id) => ({
    ...{ id, type: 'toggle-service', service: 'payload', serviceType: 'msg', action: 'close' },
    ...{ name: names[id], device: chosen[id], wires: [[]] },
  })),
  { id: 'lock', type: 'set-profile', profile: 'lockdown', device: chosen.lock, wires: [['out']] },
];

/** One interleaving. */
class Interleaving {
  private readonly random: Random;
  private deployed: Deployed;
  private port = 10_000;
  /** The ports whose toggles have been sent and may still begin, with the node that each was sent to. */
  private readonly sent = new Map<string, Node>();
  /** Those that must not begin any more, and why. */
  private readonly forbidden = new Map<string, string>();
  private readonly begun = new Set<string>();
  private readonly watched = new WeakSet<Node>();

  constructor(seed: number) {
    this.random = new Random(seed);
    this.deployed = this.next();
  }

  async run(): Promise<void> {
    await start(flowOf(this.deployed));
    this.watchNodes();
    for (let step = 0; step < STEPS; step++) {
      const roll = this.random.below(10);
      if (roll < 5) this.toggle();
      else if (roll < 7) await this.deploy();
      else if (roll < 9) await this.lockdown();
      else await this.turns(this.random.below(400));
      this.check();
    }
    await this.lockdown();
    await this.turns(100);
    this.check();
  }

  private next(): Deployed {
    const any = (): string => this.random.pick(['', ...CONFIGS]);
    const name = (): string => `name ${this.random.below(3)}`;
    return {
      configs: CONFIGS.filter(() => this.random.below(3) > 0),
      devices: Object.fromEntries([...TOGGLES, 'lock'].map((id) => [id, any()])),
      names: Object.fromEntries(TOGGLES.map((id) => [id, name()])),
    };
  }

  private toggle(): void {
    const id = this.random.pick(TOGGLES);
    const node = nodeOf(id);
    for (let left = 1 + this.random.below(20); left > 0; left--) {
      const payload = `${this.port++}/tcp`;
      this.sent.set(payload, node);
      node.receive({ payload });
    }
  }

  /** A part of what is deployed changes, as it does when people edit. */
  private async deploy(): Promise<void> {
    const next = this.next();
    const {
      configs,
      devices: chosen,
      names,
    } = this.random.pick([
      this.deployed,
      { ...this.deployed, names: next.names },
      { ...this.deployed, configs: next.configs },
      next,
    ]);
    this.deployed = { configs, devices: chosen, names };
    await deploy(flowOf(this.deployed), this.random.pick(KINDS));
    this.watchNodes();
  }

  private watchNodes(): void {
    for (const node of TOGGLES.map(nodeOf)) {
      if (this.watched.has(node)) continue;
      this.watched.add(node);
      node.on('close', () => this.forbid('its node is closed', (_, one) => one === node));
    }
  }

  /** Locks down, and waits for the answer. */
  private async lockdown(): Promise<void> {
    const before = new Set(this.sent.keys());
    const answered = new Promise<boolean>((resolve) => {
      const end = (isMade: boolean): void => {
        arrivals.removeListener('out', sent).removeListener('caught', caught);
        resolve(isMade);
      };
      const sent = ({ payload }: Message): void => end(payload.action === 'set-profile lockdown');
      const caught = ({ error }: Caught): void => {
        if (error.source.id === 'lock') end(false);
      };
      arrivals.on('out', sent).on('caught', caught);
    });
    nodeOf('lock').receive({});
    // Its configuration may be missing.
    if (await answered) this.forbid('a lockdown that came later was answered', (port) => before.has(port));
  }

  private forbid(why: string, isMeant: (port: string, node: Node) => boolean): void {
    this.check();
    for (const [port, node] of this.sent) {
      if (!isMeant(port, node)) continue;
      this.sent.delete(port);
      this.forbidden.set(port, why);
    }
  }

  private check(): void {
    for (const { overlap, begun } of devices) {
      assert.ok(overlap <= 1);
      for (const { method, request } of begun) {
        const port = method === 'toggleService' ? String(request.service) : '';
        if (port === '' || this.begun.has(port)) continue;
        assert.equal(this.forbidden.get(port), undefined, port);
        this.begun.add(port);
        this.sent.delete(port);
      }
    }
  }

  private async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
  }
}

describe(`${COUNT} interleavings of requests, deploys and lockdowns (from seed ${SEED})`, function () {
  this.timeout(600_000);
  before(() => {
    FakeFirewall.turns = 50;
  });
  after(() => {
    FakeFirewall.turns = 0;
  });
  afterEach(stop);

  for (let at = 0; at < COUNT; at++) {
    it(`seed ${SEED + at}`, () => new Interleaving(SEED + at).run());
  }
});
