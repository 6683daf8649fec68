/**
 * Whoever reaches the broker can forge an alarm: hostile events for the example `lockdown-on-alarm` in a real Node-RED.
 * Whatever they are, no packet gets through afterwards that did not before, and Node-RED keeps running.
 */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import type { State } from '../../firewall/results';
import { parseRuleFile, rulesOf } from '../../firewall/rules/rule-file';
import { parseSettings } from '../../firewall/rules/ufw-settings';
import type { InsideProcess } from '../device/inside-process';
import { example, startNodeRed } from '../device/node-red';
import { OUTSIDE, targetsOf } from '../device/probe-services';
import { useDevice, useEngine } from '../device/suite';
import { everything, restore } from '../firewall/stable';
import { type Side, widening } from '../firewall/tuple-widening';

const TAB = '5afe0a1a00000001';
const BROKER = '5afe0a1a0000000c';
const place = { z: TAB, x: 1, y: 1 };
/** Through the example's broker node, and so in the order in which the example receives the messages. */
const flows = [
  {
    ...{ id: 'heard', type: 'mqtt in', ...place, topic: 'end/#', qos: '1', datatype: 'utf8', broker: BROKER },
    ...{ nl: false, rap: true, rh: 0, inputs: 0, wires: [['tell']] },
  },
  {
    id: 'tell',
    type: 'debug',
    ...place,
    active: true,
    console: true,
    complete: 'payload',
    targetType: 'msg',
    wires: [],
  },
  { id: 'in', type: 'http in', ...place, url: '/read', method: 'get', wires: [['reader']] },
  { id: 'reader', type: 'read-firewall', ...place, output: 'state', wires: [['out']] },
  { id: 'out', type: 'http response', ...place, wires: [] },
];

/** One event: its topic and its contents. */
type Event = readonly [topic: string, payload: string, ...options: string[]];

const ALARMS = 'glp/0/17q2x5k1/ev/alarm';
const MB = 2 ** 20;
const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** What Node-RED does not take for an alarm. */
const NO_ALARMS: readonly Event[] = [
  [ALARMS, '{"cat":"warning","message":"alarm","severity":"alarm"}'],
  [ALARMS, '{"cat":"error","severity":null}'],
  [ALARMS, '{"cat":null}'],
  [ALARMS, '{"CAT":"alarm","Cat":"alarm"}'],
  [ALARMS, '{"cat":{"cat":"alarm"}}'],
  [ALARMS, '{"cat":{"toString":"alarm"}}'],
  [ALARMS, '{"payload":{"cat":"alarm"},"profile":"standard"}'],
  [ALARMS, '[{"cat":"alarm"}]'],
  [ALARMS, '"alarm"'],
  [ALARMS, 'null'],
  [ALARMS, ''],
  [ALARMS, 'cat=alarm'],
  [ALARMS, '{"cat":"alarm"'],
  [ALARMS, `{"cat":"warning","data":"${'x'.repeat(5 * MB)}"}`],
  [ALARMS, 'y'.repeat(5 * MB)],
  [ALARMS, deep(100_000)],
  ['glp/0/17q2x5k1/ev/warning', '{"cat":"alarm"}'],
  ['glp/0/a/b/ev/alarm', '{"cat":"alarm"}'],
  ['glp/0//ev/alarm', '{"cat":"alarm"}'],
  ['glp/1/17q2x5k1/ev/alarm', '{"cat":"alarm"}'],
];

/** What it takes for one, with more in it than there should be. */
const FORGED: readonly Event[] = [
  [ALARMS, '{"cat":"alarm","severity":"none","acknowledged":true,"active":false}'],
  [ALARMS, '{"cat":["alarm"],"severity":{"$gt":0}}'],
  [ALARMS, '{"cat":"alarm","__proto__":{"profile":"standard","onlyTighten":false,"force":true}}'],
  [ALARMS, '{"__proto__":{"cat":"alarm"},"constructor":{"prototype":{"force":true}},"cat":"alarm"}'],
  [ALARMS, '{"cat":"alarm","profile":"standard","payload":{"profile":"standard"},"topic":"x","force":true}'],
  [ALARMS, `{"cat":"alarm","data":"${'z'.repeat(5 * MB)}"}`],
  [ALARMS, `{"cat":"alarm","data":${deep(20_000)}}`],
  ['glp/0/$(reboot); ufw disable/ev/alarm', '{"cat":"alarm"}'],
  ['glp/0/../ev/alarm', '{"cat":"alarm"}'],
  [`glp/0/${'s'.repeat(60_000)}/ev/alarm`, '{"cat":"alarm"}'],
  ['glp/0/__proto__/ev/alarm', '{"cat":"alarm"}'],
];

const RETAINED: Event = [ALARMS, '{"cat":"alarm","retained":true}', '-r'];

describe('Forged alarms', function () {
  this.timeout(120_000);
  const device = useDevice();
  const engine = useEngine(device);
  let nodeRed: InsideProcess;
  let url: string;
  let published = 0;

  before(async () => {
    await device.startMosquitto();
    await start();
  });

  async function start(): Promise<void> {
    nodeRed = await startNodeRed(device, [...flows, ...(await example('lockdown-on-alarm'))]);
    await nodeRed.until(/Connected to broker/);
    url = `http://127.0.0.1:${(await device.forward(1880)).port}`;
  }

  const read = async (): Promise<State> => (await (await fetch(`${url}/read`)).json()) as State;

  /** Publishes an event and returns the state once the flow has finished with it. */
  async function publish([topic, payload, ...options]: Event): Promise<State> {
    await device.write('/run/event', payload);
    const to = (name: string, ...rest: string[]) => device.ok('mosquitto_pub', '-q', '1', '-t', name, ...rest);
    await to(topic, '-f', '/run/event', ...options);
    published += 1;
    await to('end', '-m', `event ${published} is over`);
    await nodeRed.until(new RegExp(`event ${published} is over`));
    // Its response comes after that of a change requested earlier.
    return read();
  }

  /** What the rules and the policies let through. */
  async function side(): Promise<Side> {
    const rules = await Promise.all(
      (['ipv4', 'ipv6'] as const).map(async (family) => {
        const path = family === 'ipv4' ? '/etc/ufw/user.rules' : '/etc/ufw/user6.rules';
        return rulesOf(parseRuleFile(await device.read(path), family, path));
      }),
    );
    const { policies } = parseSettings({
      defaultUfw: await device.read('/etc/default/ufw'),
      ufwConf: await device.read('/etc/ufw/ufw.conf'),
    });
    return { rules: rules.flat(), policies };
  }

  /** What the neighbour can reach, of everything there is to probe. */
  async function openDoors(): Promise<Set<string>> {
    const doors = (await read()).services
      .flatMap(({ ports }) => ports)
      .flatMap((spec) => OUTSIDE.flatMap((on) => (['ipv4', 'ipv6'] as const).flatMap((of) => targetsOf(spec, of, on))));
    const answers = await device.neighbour.probe(doors);
    return new Set(doors.filter((_, at) => answers[at] === 'in').map((door) => JSON.stringify(door)));
  }

  const named = ([topic, payload]: Event): string => `${topic.slice(0, 60)} ${payload.slice(0, 100)}`;

  for (const profile of ['enhanced', 'standard']) {
    it(`that are not alarms leave ${profile} as it is; the others lock it down, and open nothing`, async () => {
      await engine.setProfile({ profile });
      const [before, open, through] = [await everything(device), await openDoors(), await side()];
      for (const event of NO_ALARMS) assert.equal((await publish(event)).profile.name, profile, named(event));
      assert.deepEqual(await everything(device), before);
      for (const event of FORGED) {
        await restore(device, before);
        const { profile: after, policies } = await publish(event);
        assert.deepEqual(
          [after.name, policies.incoming, policies.outgoing],
          ['lockdown', 'deny', 'deny'],
          named(event),
        );
        assert.equal(widening(through, await side()), null, named(event));
      }
      const left = await openDoors();
      assert.deepEqual(
        [...left].filter((door) => !open.has(door)),
        [],
      );
      assert.ok(left.size < open.size);
    });
  }

  it('change nothing if the rules are stricter than a lockdown', async () => {
    await engine.setProfile({ profile: 'lockdown' });
    // Everything that a lockdown allows, including the web pages.
    for (const rule of ['deny in on eth0', 'deny in on eth1', 'deny out 25/tcp']) {
      await device.ufw('prepend', ...rule.split(' '));
    }
    const [before, open] = [await everything(device), await openDoors()];
    for (const event of [...FORGED, RETAINED]) {
      await publish(event);
      assert.deepEqual(await everything(device), before, named(event));
    }
    assert.deepEqual(await openDoors(), open);
    assert.match(await device.ok('ss', '-Hltnp', 'sport = :1880'), new RegExp(`pid=${nodeRed.pid},`));
  });

  it('retained by the broker lock down once more when Node-RED comes back, and open nothing', async () => {
    await publish(RETAINED);
    await nodeRed.kill();
    await engine.setProfile({ profile: 'standard', ownRules: 'remove' });
    const through = await side();
    await start();
    assert.equal((await publish(['glp/0/x/ev/warning', '{}'])).profile.name, 'lockdown');
    assert.equal(widening(through, await side()), null);
  });
});
