/**
 * The pages that the examples serve, as a technician's phone, a tablet and a desk show them, light and dark: nothing has to be
 * scrolled to sideways, and axe-core finds nothing.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { say } from '../../firewall/errors';
import { actionIn, LANGUAGES } from '../../firewall/language';
import { reportPage } from '../../firewall/report-page/page';
import type { Evidence } from '../../firewall/results';
import { Engine } from '../device/engine';
import { example } from '../device/node-red';
import { useShared } from '../device/suite';
import { until } from '../firewall/until';
import { Desk } from './desk';
import { isDark, misfits, PICTURES } from './fits';

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

/** What would run, end an element or attribute, or turn the line around, in every text that may come from outside. */
const HOSTILE =
  '</title></style></svg><script>window.ran=1</script><img src=x onerror="window.ran=1"><svg onload=window.ran=1>"\'`{{x}}\u202e\u2066\u0000\u0085\n' +
  'W'.repeat(300);

/** A real device's report, with such a text wherever somebody else than this package may have put one. */
function hostile({ state, directions, who, history, device }: Evidence): Evidence {
  const services = state.services.map((service) => ({ ...service, label: `${service.label} ${HOSTILE}` }));
  const peer = { address: HOSTILE, direction: 'in' as const, interface: null, count: 1 };
  const place = { address: HOSTILE, through: HOSTILE };
  const nobody = { kind: 'nobody' as const, only: [], except: [], isLimited: false };
  const seen = { firstSeen: state.readAt, lastSeen: HOSTILE };
  const [last] = history.entries;
  assert.ok(last && state.rules[0] && state.findings[0]);
  const source = { kind: 'flow' as const, flow: HOSTILE, flowName: HOSTILE, node: HOSTILE, name: HOSTILE };
  const told = { ...last, action: HOSTILE, reason: HOSTILE, note: HOSTILE, source };
  return {
    state: {
      ...{
        ...state,
        said: [say`${HOSTILE}`],
        services,
        peers: { [HOSTILE]: [{ ...peer, ...seen }] },
        operatorKeys: [HOSTILE],
      },
      rules: state.rules.map((rule) => ({ ...rule, comment: HOSTILE, from: { ...rule.from, address: HOSTILE } })),
      findings: [{ ...state.findings[0], text: HOSTILE, remedy: HOSTILE, reference: HOSTILE, service: HOSTILE }],
      pending: { id: '1', action: HOSTILE, confirmBy: HOSTILE },
      leases: [{ service: HOSTILE, until: state.readAt }],
      ...{ otherOwners: [HOSTILE], unreadable: [HOSTILE], leftovers: [HOSTILE] },
      webPorts: { http: 80, https: 443, redirectsTo: null, consistent: false, problems: [HOSTILE] },
      profile: { ...state.profile, closest: HOSTILE },
    },
    directions,
    who: { ...who, ssh: { in: { kind: 'some', only: [place], except: [place], isLimited: true }, out: nobody } },
    history: { ...history, entries: [told], fault: { path: HOSTILE, line: 1, seq: 1, what: HOSTILE, said: [] } },
    device: { name: HOSTILE, zone: 'Europe/Berlin', versions: { ...device.versions, ufw: HOSTILE } },
  };
}

/** Whatever reaches over the edge of the page, or of its picture. */
function cutOff(): string[] {
  const edge = document.documentElement.clientWidth + 1;
  return [...document.querySelectorAll('body *')]
    .filter((one) => {
      const frame = one.closest('figure svg');
      const right = one.getBoundingClientRect().right;
      return right > edge || (frame && one !== frame && right > frame.getBoundingClientRect().right + 1);
    })
    .map((one) => `${one.tagName} ${one.textContent?.slice(0, 40)}`);
}

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

  before(async () => {
    await desk.device.ufw('allow', 'from', '2001:db8:1234:5678:9abc:def0:1234:5678', 'to', 'any', 'port', '5432');
    await desk.device.ufw('allow', 'from', '10.20.0.0/16', 'to', 'any', 'port', '1883', 'proto', 'tcp');
    await desk.device.ufw('allow', '9100/tcp', 'comment', '<script>alert(1)</script>');
    const engine = await Engine.start(desk.device);
    await engine.toggleService({
      service: 'bacnet',
      action: 'open',
      duration: 3600,
      reason: 'commissioning of <b>AHU 3</b>',
    });
    await engine.toggleService({ service: 'ssh', action: 'close', confirmWithin: 3600 });
    await engine.stop();
  });

  /** What is wrong with the page at some size, in some style. */
  async function faults(path: string, name: string): Promise<string[]> {
    const page = await desk.editor.window(desk.url + path);
    try {
      return await misfits(desk.editor, page, name);
    } finally {
      await page.close();
    }
  }

  it('/firewall says who gets in to what and what goes out, what waits and what ends, and fits', async () => {
    const engine = await Engine.start(desk.device);
    const { state, directions, history } = await engine.evidence();
    await engine.stop();
    const page = await desk.editor.window(`${desk.url}firewall`);
    const tableOf = async (heading: string): Promise<string> =>
      page.locator(`section:has(> h2:text-is("${heading}"))`).innerText();
    const [into, out] = [await tableOf('Services that can be reached'), await tableOf('Services that reach others')];
    for (const { id, label } of state.services) {
      const goes = directions[id] ?? [];
      assert.equal(into.includes(label), goes.includes('in'), `in: ${id}`);
      assert.equal(out.includes(label), goes.includes('out'), `out: ${id}`);
    }
    assert.doesNotMatch(into, /Time \(NTP\)|Certificates, licensing/);
    const pictures = await page.locator('figure svg desc').allTextContents();
    for (const { id, label, in: incoming } of state.services) {
      if (directions[id]?.includes('in') && incoming !== 'closed') assert.ok(pictures[0]?.includes(`→ ${label}`), id);
    }
    for (const flow of [
      /Anyone → Rule \d+ \(9100\/tcp\)/,
      /Anyone \(eth0\) → MQTT broker \(TLS\)/,
      /Anyone \(lo\) → Rule \d+ \(every port\)/,
      /2001:db8:1234:5678:9abc:def0:1234:5678 → Local CMS \(PostgreSQL\)/,
    ]) {
      assert.match(pictures[0] ?? '', flow);
    }
    assert.match(into, /Local CMS \(PostgreSQL\)[^)]*open to some[^)]*2001:db8:1234:5678:9abc:def0:1234:5678/);
    assert.doesNotMatch(into, /Some, see the rules/);
    const found = await tableOf('Findings');
    for (const { text, remedy, severity } of state.findings) {
      for (const said of [text, remedy, severity]) assert.ok(found.includes(said), said);
    }
    const planned = await tableOf('Pending and temporary');
    assert.match(
      planned,
      /Waiting for confirmation: close SSH remote shell\s+Goes back at \d+ \w+ 2\d{3}, \d\d:\d\d:\d\d \S+ unless/,
    );
    assert.match(planned, /BACnet\/IP\s+Temporarily changed, until \d+ \w+ 2\d{3}/);
    const told = await tableOf('History');
    for (const { action, reason } of history.entries) {
      assert.ok(told.includes(actionIn('en', action, state.services)), action);
      assert.ok(told.includes(reason), reason);
    }
    assert.match(await tableOf('Rules'), /“<script>alert\(1\)<\/script>”/);
    await page.close();
    assert.deepEqual(await faults('firewall', 'page-firewall'), []);
  });

  it('/firewall has the JSON that it shows in it, whose hash is the one it names', async () => {
    const page = await desk.editor.window(`${desk.url}firewall`);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.save a')]);
    const text = await readFile(await download.path());
    assert.equal(createHash('sha256').update(text).digest('hex'), await page.locator('#sha256').innerText());
    const { document, state, device } = JSON.parse(text.toString('utf8'));
    assert.equal(document, 'smartserver-firewall-report');
    const engine = await Engine.start(desk.device);
    const now = await engine.read();
    await engine.stop();
    // Deadlines are reckoned by the clock anew each time, to the millisecond.
    const passing = ['readAt', 'until', 'confirmBy'];
    const lasting = (value: object) =>
      JSON.parse(JSON.stringify(value, (key, one) => (passing.includes(key) ? '' : one)));
    assert.deepEqual(lasting(state), lasting(now));
    assert.match(device.versions.ufw, /^ufw 0\.\d+/);
    await page.close();
  });

  for (const language of LANGUAGES) {
    it(`the report in ${language} is read off-line and on paper; nothing hostile in it runs or breaks its layout`, async () => {
      const engine = await Engine.start(desk.device);
      const evidence = hostile(await engine.evidence());
      await engine.stop();
      const file = join(PICTURES, `report-${language}.html`);
      await mkdir(PICTURES, { recursive: true });
      await writeFile(file, reportPage(evidence, language));
      const page = await desk.editor.window('data:text/html,');
      await page.context().setOffline(true);
      await page.setContent(await readFile(file, 'utf8'));
      const found = await misfits(desk.editor, page, `report-${language}`, () => page.evaluate(cutOff));
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      if (await isDark(page)) found.push('dark on paper');
      await page.pdf({ path: join(PICTURES, `report-${language}.pdf`), format: 'A4' });
      assert.deepEqual(found, []);
      assert.equal(await page.evaluate('window.ran'), undefined);
      assert.equal(await page.locator('script, img, iframe, link, object, b[onclick], [onload], [onerror]').count(), 0);
      assert.equal(await page.locator('figure svg').count(), 2);
      await page.close();
    });
  }

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
    for (const [path, said] of [
      ['firewall', /Off\s+Everything is let in and out\. To switch the firewall on, apply a profile/],
      ['firewall/report', /the firewall is off: all traffic is allowed in and out\. To switch it on, apply a profile/i],
    ] as const) {
      const text = await desk.editor.textOf(desk.url + path);
      assert.match(text, said);
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
