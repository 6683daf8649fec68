/**
 * The pages that the examples serve, as a technician's phone, a tablet and a desk show them, light and dark: nothing has to be
 * scrolled to sideways, and axe-core finds nothing.
 */
import assert from 'node:assert/strict';
import { Engine } from '../device/engine';
import { example } from '../device/node-red';
import { useShared } from '../device/suite';
import { until } from '../firewall/until';
import { Desk } from './desk';
import { misfits } from './fits';

/** The tab of fleet-operator, and its node that records what devices say. */
const FLEET = 'f1ee70e700000001';
const RECORD = 'f1ee70e70000000e';
/** POST /heard: what a device of the fleet has told the broker, for the function that records it. */
const HEARD = [
  { id: 'post', type: 'http in', z: FLEET, url: '/heard', method: 'post', x: 100, y: 100, wires: [['topic', 'ok']] },
  {
    ...{ id: 'topic', type: 'function', z: FLEET, x: 300, y: 100, wires: [[RECORD]], outputs: 1, libs: [] },
    func: 'return { topic: msg.payload.topic, payload: JSON.stringify(msg.payload.said), retain: false };',
  },
  { id: 'ok', type: 'http response', z: FLEET, statusCode: '204', x: 300, y: 160, wires: [] },
];

describe('the page', function () {
  this.timeout(120_000);
  const desk = useShared(
    async () => {
      const flows = await Promise.all(['firewall-report', 'daily-drift-report', 'fleet-operator'].map(example));
      // An example is a list of nodes.
      return Desk.open([...(flows.flat() as object[]), ...HEARD]);
    },
    (one) => one.close(),
  );

  /** What is wrong with the page at some size, in some style. */
  async function faults(path: string, name: string): Promise<string[]> {
    const page = await desk.editor.window(desk.url + path);
    try {
      return await misfits(desk.editor, page, name);
    } finally {
      await page.close();
    }
  }

  it('/firewall says what gets in and what goes out, what waits and what ends, and fits', async () => {
    const engine = await Engine.start(desk.device);
    await engine.toggleService({ service: 'bacnet', action: 'open', duration: 3600 });
    await engine.toggleService({ service: 'ssh', action: 'close', confirmWithin: 3600 });
    await desk.device.ufw('allow', 'from', '2001:db8:1234:5678:9abc:def0:1234:5678', 'to', 'any', 'port', '5432');
    const text = await desk.editor.textOf(`${desk.url}firewall`);
    const [, into = '', out = ''] = /What gets in([\s\S]*)What goes out([\s\S]*)Rules/.exec(text) ?? [];
    for (const [service, isIn] of [
      ['SSH', true],
      ['Time (NTP)', false],
      ['Certificates, licensing, maps and updates', false],
    ] as const) {
      assert.equal(into.includes(service), isIn, service);
      assert.equal(out.includes(service), !isIn, service);
    }
    assert.match(
      text,
      /Waiting for confirmation: toggle-service close ssh\. Unless it is confirmed, it is reverted at \w+/,
    );
    assert.match(text, /Temporarily changed, until \w{3},? \d+ \w+ 2\d{3},? (at )?\d\d:\d\d \S+: bacnet/);
    assert.match(text, /high: Local CMS \(PostgreSQL\) can be reached from outside/);
    assert.deepEqual(await faults('firewall', 'page-firewall'), []);
  });

  it('/firewall/report says the same as text', async () => {
    const text = await desk.editor.textOf(`${desk.url}firewall/report`);
    const [, into = '', out = ''] = /What gets in([\s\S]*)What goes out([\s\S]*)/.exec(text) ?? [];
    assert.match(into, /: Web pages \(HTTPS\)/);
    assert.doesNotMatch(into, /Time \(NTP\)/);
    assert.match(out, /open: Time \(NTP\)/);
    assert.match(text, /^Default policies: /m);
    assert.match(text, /^Waiting for confirmation until /m);
    assert.match(text, /^Temporarily changed, until /m);
  });

  it('/firewall warns when the firewall is off, and says how to switch it on', async () => {
    await desk.device.ufw('disable');
    for (const path of ['firewall', 'firewall/report']) {
      const text = await desk.editor.textOf(desk.url + path);
      assert.match(text, /the firewall is off: all traffic is allowed in and out\. To switch it on, apply a profile/i);
      assert.doesNotMatch(text, /can be reached from outside/);
    }
    assert.deepEqual(await faults('firewall', 'page-firewall-off'), []);
  });

  it('/fleet shows many devices with long names, what they were asked for and why it failed, and fits', async () => {
    const hear = async (topic: string, said: object): Promise<void> => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${desk.url}heard`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ topic, said }),
      });
      assert.equal(response.status, 204);
    };
    for (const name of ['roof', 'plant-room-of-the-northern-building-on-the-second-floor-1', 'lobby']) {
      await hear(`smartserver/device/${name}/firewall/state`, { online: true, profile: 'enhanced', group: 'north' });
      await hear(`smartserver/device/${name}/firewall/result`, {
        id: 'a',
        outcome: 'failed',
        error: 'LOCKOUT: '.repeat(20),
      });
    }
    await until(async () => /3 devices, 3 of them online/.test(await desk.editor.textOf(`${desk.url}fleet`)));
    assert.match(await desk.editor.textOf(`${desk.url}fleet`), /As of \w{3},? \d+ \w+ 2\d{3}/);
    assert.deepEqual(await faults('fleet', 'page-fleet'), []);
  });
});
