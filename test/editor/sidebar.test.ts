/** The sidebar in a real browser, served by a real Node-RED on the embedded device with the real ufw. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, before, describe, it } from 'mocha';
import type { Page } from 'playwright-core';
import { Engine } from '../device/engine';
import { example, startNodeRed } from '../device/node-red';
import { useDevice, useShared } from '../device/suite';
import { until } from '../firewall/until';
import { HEADS, KERNEL, tcp } from '../firewall/watch/log-lines';
import { Editor } from './browser';

/** Where to put pictures for review and for the README; unset, none are taken. */
const PICTURES = process.env.DIALOG_PICTURES;

const SIDEBAR = '.smartserver-firewall-sidebar';
const KEPT = join(resolve(__dirname, '..', '..', '..'), 'dist', 'pictures');
const DARK = join(resolve(__dirname, '..', '..', '..'), 'test', 'editor', 'dark.css');

const node = (id: string, type: string, fields: Record<string, unknown>, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x: 100, y: 100, wires: [wires] },
  ...fields,
});
const TAB = { id: 'tab', type: 'tab', label: 'Visits', disabled: false, info: '' };
const READ = node('reader', 'read-firewall', { device: '', output: 'state', onlyChanges: false, version: 1 });
const request = { device: '', dryRun: false, onlyTighten: false, force: false, cutConnections: false, version: 1 };

/** POST /toggle: the body is the request. POST /pend and POST /confirm. */
const ACTING = [
  node('in-toggle', 'http in', { url: '/toggle', method: 'post' }, 'toggler'),
  node(
    'toggler',
    'toggle-service',
    {
      ...request,
      name: 'open or close',
      ...{ service: 'payload.service', serviceType: 'msg', action: 'payload.action', actionType: 'msg' },
      ...{ direction: '', interface: '', from: '', fromType: 'str', systemService: false },
      ...{ duration: 'payload.duration', durationType: 'msg', confirmWithin: '' },
    },
    'answer',
  ),
  node('in-pend', 'http in', { url: '/pend', method: 'post' }, 'pender'),
  node(
    'pender',
    'toggle-service',
    {
      ...request,
      ...{ service: 'https', serviceType: 'str', action: 'limit', actionType: 'str', confirmWithin: '600' },
      ...{ direction: 'in', interface: '', from: '', fromType: 'str', systemService: false },
      ...{ duration: '0', durationType: 'num' },
    },
    'answer',
  ),
  node('in-confirm', 'http in', { url: '/confirm', method: 'post' }, 'confirmer'),
  node('confirmer', 'confirm-change', { device: '', version: 1 }, 'answer'),
  node('failing', 'catch', { scope: null, uncaught: false }, 'failed'),
  node(
    'failed',
    'change',
    {
      rules: [
        { t: 'set', p: 'payload', pt: 'msg', to: 'error', tot: 'msg' },
        { t: 'set', p: 'statusCode', pt: 'msg', to: '400', tot: 'num' },
      ],
    },
    'answer',
  ),
  { ...node('answer', 'http response', {}), wires: [] },
];

/** What the example for the web ports serves, as far as the sidebar looks at it. */
const CONFIRMS = node('in-link', 'http in', { url: '/firewall/confirm', method: 'get' }, 'answer');

const UFW_LOG = '/var/log/ufw.log';

/**
 * In the browser: which cells have several lines and are narrower than this, in px, or break a word (Japanese has no spaces between
 * them); and whether there is something to be scrolled to sideways.
 */
function narrow(sidebar: HTMLElement | SVGElement, least: number): string[] {
  const found: string[] = [];
  if (sidebar.scrollWidth > sidebar.clientWidth) found.push(`${sidebar.scrollWidth} of ${sidebar.clientWidth}`);
  for (const cell of sidebar.querySelectorAll<HTMLElement>('th, td, li')) {
    if (!cell.checkVisibility()) continue;
    const text = cell.innerText;
    const { width } = cell.getBoundingClientRect();
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const { currentNode } = texts;
      const linesOf = (range: Range) => new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
      const whole = document.createRange();
      whole.selectNodeContents(currentNode);
      if (linesOf(whole) > 1 && width < least) found.push(`${width}: ${currentNode.textContent}`);
      for (const { 0: word, index } of (currentNode.textContent ?? '').matchAll(/[A-Za-zÄÖÜäöüß]{2,}/g)) {
        const range = document.createRange();
        range.setStart(currentNode, index);
        range.setEnd(currentNode, index + word.length);
        if (linesOf(range) > 1) found.push(`${word} is broken: ${text}`);
      }
    }
  }
  return found;
}

/** A second device with a service whose name would be markup if it were not only text. */
const HOSTILE = '<img src=x onerror="window.hacked=1"> & __count__ $t(label.tab)';
const OTHER = {
  id: 'other',
  type: 'smartserver',
  name: 'Roof <b>plant</b>',
  customServices: [{ id: 'gateway', label: HOSTILE, ports: ['9100/tcp'], direction: 'in' }],
  version: 1,
};

describe('the sidebar', function () {
  this.timeout(120_000);
  const device = useDevice();
  let page: Page;
  let url: string;

  const editor = useShared(
    async () => {
      await startNodeRed(device, [TAB, READ, ...ACTING]);
      url = `http://127.0.0.1:${(await device.forward(1880)).port}/`;
      return Editor.open(url);
    },
    (one) => one.close(),
  );
  before(async () => {
    mkdirSync(KEPT, { recursive: true });
    page = editor.page;
    await showSidebar();
  });
  afterEach(() => assert.deepEqual(editor.takeComplaints(), []));

  const sidebar = () => page.locator(SIDEBAR);
  const row = (name: string) => sidebar().getByRole('row', { name }).first();
  const shows = (text: string | RegExp) => sidebar().getByText(text).first().waitFor();
  const picture = async (name: string, part = '#red-ui-editor', height = 1000) => {
    const box = PICTURES && (await page.locator(part).boundingBox());
    if (box) await page.screenshot({ path: `${PICTURES}/${name}.png`, clip: { ...box, height } });
  };

  async function showSidebar(): Promise<void> {
    await page.evaluate("RED.actions.invoke('smartserver-firewall:show-sidebar')");
    await sidebar().waitFor();
  }

  async function unfoldBackups(): Promise<void> {
    const backups = sidebar().getByText('Backups', { exact: true });
    if ((await sidebar().locator('details[open]', { has: backups }).count()) === 0) await backups.click();
  }

  async function post(path: string, body: unknown = {}): Promise<Record<string, unknown>> {
    const send = () =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    let response = await send();
    // Flows that were deployed a moment ago may still be starting.
    await until(async () => {
      if (response.status === 404) response = await send();
      return response.status !== 404;
    });
    const answer = (await response.json()) as Record<string, unknown>;
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer;
  }

  async function deploy(flows: readonly unknown[]): Promise<void> {
    const response = await fetch(`${url}flows`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(flows),
    });
    assert.equal(response.status, 204);
  }

  it('shows each service with its ports, and in words how far it is open', async () => {
    await shows('The firewall is on.');
    await shows(/Profile: Enhanced Security/);
    assert.match(await row('SSH').innerText(), /22\/tcp[\s\S]*To everybody[\s\S]*open/);
    await picture('sidebar');
  });

  it('follows what somebody changes with ufw by hand', async () => {
    const begun = Date.now();
    await device.ufw('deny', 'in', '2541/udp');
    await device.ufw('delete', 'allow', '22/tcp');
    await sidebar()
      .getByRole('row', { name: /SSH.*22\/tcp.*closed/s })
      .waitFor();
    process.stdout.write(`      followed ufw after ${Date.now() - begun} ms, the ufw commands included\n`);
    await shows(/No profile matches; the closest is Enhanced Security/);
    await shows('Differences from Enhanced Security');
    await device.ufw('allow', '22/tcp');
    await sidebar()
      .getByRole('row', { name: /SSH.*22\/tcp.*open/s })
      .waitFor();
  });

  it('counts down a pending change and a temporary opening, and lists the backups', async () => {
    await post('pend');
    await shows(
      /"limit Web pages \(HTTPS\)" is waiting for confirmation\. Unless confirmed, it is reverted in (9:\d\d|10:0[01])/,
    );
    await picture('sidebar-pending', '#red-ui-sidebar', 760);
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    const dark = await page.addStyleTag({ path: DARK });
    await picture('sidebar-dark');
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    await dark.evaluate((element) => element.parentNode?.removeChild(element));
    await post('confirm');
    await sidebar()
      .getByText(/is waiting for confirmation\. Unless/)
      .waitFor({ state: 'detached' });
    await post('toggle', { service: 'bacnet', action: 'open', duration: 1800 });
    await shows('Temporarily open or closed');
    assert.match(await row('BACnet').innerText(), /(29:\d\d|30:0[01])/);
    await sidebar().getByText('Backups', { exact: true }).click();
    await shows('open BACnet/IP');
    await picture('sidebar-lease');
  });

  it('shows what schedules say', async () => {
    const schedule = {
      ...{ id: 'sched', type: 'schedule-service', z: TAB.id, name: 'Mill', device: '', about: 'services', wires: [[]] },
      ...{ service: '9100/tcp', hours: [], exceptions: [], timeZone: 'UTC', whenRemoved: 'stay', version: 1 },
      ...{
        action: 'payload',
        actionType: 'msg',
        duration: 0,
        durationType: 'num',
        direction: '',
        interface: '',
        from: '',
      },
    };
    await deploy([TAB, READ, ...ACTING, schedule]);
    await shows('Schedules');
    assert.match(await row('Mill').innerText(), /by its hours[\s\S]*closed/);
    await picture('sidebar-schedules');
    await deploy([TAB, READ, ...ACTING]);
    await sidebar().getByText('Schedules', { exact: true }).waitFor({ state: 'detached' });
  });

  it('says in words what was undone, and leads to the page that confirms a change', async () => {
    await post('toggle', { service: 'bacnet', action: 'close', duration: 0 });
    const engine = await Engine.start(device);
    await engine.restore({ action: 'undo' });
    await shows('undo: close BACnet/IP');
    const { id } = await engine.toggleService({ service: 'bacnet', action: 'close', confirmWithin: 600 });
    await shows(/Send a message to a "confirm change" node/);
    await engine.confirm({ id });
    await deploy([TAB, READ, ...ACTING, CONFIRMS]);
    await editor.load();
    await showSidebar();
    const next = await engine.toggleService({ service: 'bacnet', action: 'open', confirmWithin: 600 });
    const link = sidebar().getByRole('link', { name: 'Open the page that confirms it' });
    assert.equal(await link.getAttribute('href'), `${url}firewall/confirm?id=${next.id}`);
    await engine.confirm({ id: next.id });
    await link.waitFor({ state: 'detached' });
    await engine.stop();
    await deploy([TAB, READ, ...ACTING]);
    await editor.load();
    await showSidebar();
  });

  it('has for each backup the flow that goes back to it', async () => {
    await post('toggle', { service: 'opcua', action: 'open', duration: 0 });
    await unfoldBackups();
    const opening = sidebar()
      .locator('tr', { hasText: /^open OPC UA/ })
      .first();
    await opening.getByText('Back to before this').click();
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    const flow = await opening.getByRole('textbox').inputValue();
    await page.keyboard.press('Control+i');
    await page.fill('#red-ui-clipboard-dialog-import-text', flow);
    // The editor looks at it when a key is released.
    await page.press('#red-ui-clipboard-dialog-import-text', 'End');
    await page.click('#red-ui-clipboard-dialog-ok');
    await page.click('#red-ui-workspace-chart', { position: { x: 300, y: 700 } });
    assert.deepEqual(await page.evaluate('RED.nodes.filterNodes({}).filter((node) => node.valid === false)'), []);
    await page.keyboard.press('Control+d');
    await page.waitForFunction('!RED.nodes.dirty()');
    assert.match(await row('OPC UA').innerText(), /open/);
    const [inject] = JSON.parse(flow) as [{ id: string }];
    await page.click(`[id="${inject.id}"] .red-ui-flow-node-button-button`);
    await sidebar()
      .getByRole('row', { name: /OPC UA.*closed/s })
      .waitFor();
    await deploy([TAB, READ, ...ACTING]);
    await editor.load();
    await showSidebar();
  });

  it('tells what was done last: when, by whom, why and with what result, and how to go back to before it', async () => {
    const entry = (text: string | RegExp) => sidebar().locator('.smartserver-timeline li', { hasText: text }).first();
    await post('toggle', { service: 'mqtt', action: 'close', duration: 0 });
    await shows('Last changes');
    const lines = (await entry(/^close MQTT broker/).innerText()).split('\n');
    assert.match(lines[1] ?? '', /^\d+\/\d+\/\d{4}, \d+:\d\d:\d\d [AP]M – ✓ done$/);
    assert.deepEqual(lines.slice(2), ['Flow Visits, node open or close', 'Back to before this']);
    const engine = await Engine.start(device);
    const reason = '<img src=x onerror="window.hacked=1"> __reason__ $t(label.device)';
    await engine.toggleService({ service: 'mqtt', action: 'open', reason });
    await entry(`Reason: ${reason}`).waitFor();
    assert.equal(await page.evaluate('window.hacked'), undefined);
    await assert.rejects(engine.toggleService({ service: 'cms-redis', action: 'open' }), { code: 'INTERNAL_SERVICE' });
    // What was refused has changed nothing that would be read again: it comes with what comes next.
    await device.ufw('allow', '9999/tcp');
    await entry('changed otherwise than through this package').waitFor();
    assert.match(await entry('changed otherwise').innerText(), /▲ noticed\nSomebody else, such as ufw by hand$/);
    assert.match(await entry(/refused: INTERNAL_SERVICE/).innerText(), /^open Local CMS \(Redis\)/);
    assert.equal(
      await entry(/refused: INTERNAL_SERVICE/)
        .locator('details')
        .count(),
      0,
    );
    // The newest first, three at once and the others folded.
    assert.equal(await sidebar().locator('.smartserver-timeline').first().locator('li').count(), 3);
    const earlier = sidebar().getByText(/^Earlier changes \(\d+\)$/);
    await editor.tabTo(earlier);
    await page.keyboard.press('Enter');
    const { entries } = await engine.history();
    const times = await sidebar().locator('.smartserver-timeline li small:nth-of-type(1)').allInnerTexts();
    assert.equal(times.length, Math.min(20, entries.length));
    const inBrowser = (moments: string[]) =>
      page.evaluate((all) => all.map((at) => new Date(at).toLocaleString()), moments);
    assert.deepEqual(
      times.map((text) => text.split(' – ')[0]),
      await inBrowser(entries.slice(0, 20).map(({ at }) => at)),
    );
    const closing = entry(/^close MQTT broker/);
    await closing.getByText('Back to before this').click();
    const flow = JSON.parse(await closing.getByRole('textbox').inputValue()) as { type: string; backup?: string }[];
    const made = entries.find(({ action }) => action === 'toggle-service close mqtt');
    assert.equal(flow.find(({ type }) => type === 'restore-firewall')?.backup, made?.id);
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    const dark = await page.addStyleTag({ path: DARK });
    await picture('sidebar-timeline');
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    await dark.evaluate((element) => element.parentNode?.removeChild(element));
    await earlier.click();
    await device.ufw('delete', 'allow', '9999/tcp');
    await engine.stop();
  });

  it('says what to do where nothing is known of blocked packets, and else shows them by hour and source', async () => {
    const part = sidebar().locator('.smartserver-blocked');
    const append = (...packets: string[]) =>
      device.run(['sh', '-c', `cat >> ${UFW_LOG}`], {
        input: packets.map((text) => `${HEADS.traditional}${text}\n`).join(''),
      });
    await part.getByText(/^NO_LOG: .*Install rsyslog, or enable the journal\./).waitFor();
    await append(tcp('203.0.113.9', 22));
    await part.getByText(/NO_LOG/).waitFor({ state: 'detached' });
    const counted = async (name: RegExp) =>
      Number((await part.getByRole('row', { name }).locator('td').first().innerText()).replace(/\D/g, ''));
    await page.evaluate(
      `RED.comms.subscribe('smartserver-firewall-blocked/#', () => { window.told = (window.told || 0) + 1; })`,
    );
    await append(tcp('198.51.100.4', 22), KERNEL.ipv6, KERNEL.out);
    await part.getByText('2001:db8::9').first().waitFor();
    await part.getByText('192.168.7.1 (outgoing)', { exact: true }).waitFor();
    assert.deepEqual(await Promise.all([/^All/, /^203\.0\.113\.9/, /^2001:db8::9/].map(counted)), [4, 1, 1]);
    await editor.tabTo(part.getByText('Hour by hour, as a table'));
    await page.keyboard.press('Enter');
    const hours = part.locator('details table tbody tr');
    assert.match((await hours.allInnerTexts()).join('\n'), /203\.0\.113\.9 \(1\)/);
    assert.match(
      (await part.getByRole('img').first().getAttribute('aria-label')) ?? '',
      /^At most \d+ an hour, from \d/,
    );
    // A flood from forged addresses: neither more rows nor more messages than at any time, and the keyboard stays where it is.
    const flood = Array.from({ length: 4000 }, (_, at) => tcp(`198.18.${at >> 8}.${at & 255}`, 22));
    const toldBefore = Number(await page.evaluate('window.told'));
    const begun = Date.now();
    await append(...flood, ...flood);
    await part.getByRole('row', { name: /^Others/ }).waitFor();
    await until(async () => (await counted(/^All/)) > 900);
    const seconds = (Date.now() - begun) / 1000;
    const messages = Number(await page.evaluate('window.told')) - toldBefore;
    assert.ok(messages <= 2 + seconds / 2, `${messages} in ${seconds} s`);
    process.stdout.write(`      ${messages} messages for 8000 packets of a flood in ${seconds} s\n`);
    assert.ok((await part.locator('table').first().locator('tbody tr').count()) <= 6);
    assert.equal(await page.evaluate('document.activeElement.dataset.key'), 'hours');
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    const dark = await page.addStyleTag({ path: DARK });
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    await picture('sidebar-blocked');
    await dark.evaluate((element) => element.parentNode?.removeChild(element));
    await page.keyboard.press('Enter');
    await device.ufw('logging', 'off');
    await part.getByText(/^NO_LOG: .*Enable it: sudo ufw logging low/).waitFor();
    await device.ufw('logging', 'low');
    await part.getByText(/NO_LOG/).waitFor({ state: 'detached' });
  });

  for (const language of ['en-US', 'de', 'ja']) {
    it(`can be read at 800 by 600 and at 300 pixels in the language ${language}: no column is narrow, no word is broken`, async () => {
      const other = await Editor.open(url, language);
      try {
        await other.page.setViewportSize({ width: 800, height: 600 });
        await other.page.evaluate("RED.actions.invoke('smartserver-firewall:show-sidebar')");
        const own = other.page.locator(SIDEBAR);
        await own.locator('.smartserver-blocked table').first().waitFor();
        for (const fold of await own.locator('details:not(td details, li details) > summary').all()) await fold.click();
        for (const width of [null, 300]) {
          if (width)
            await other.page.locator('#red-ui-sidebar').evaluate((one, px) => {
              one.style.width = `${px}px`;
            }, width);
          const found = await own.evaluate(narrow, 90);
          await own
            .locator('.smartserver-timeline')
            .first()
            .evaluate((one) => one.scrollIntoView());
          await other.page.screenshot({ path: join(KEPT, `sidebar-${width ?? 800}-${language}.png`) });
          assert.deepEqual(found, [], String(width));
        }
        assert.deepEqual(await other.violations(SIDEBAR), []);
        assert.deepEqual(other.takeComplaints(), []);
      } finally {
        await other.close();
      }
    });
  }

  it('says that Node-RED does not answer, and goes on when it does', async () => {
    await page.route('**/sidebar.css', (route) => route.abort());
    await page.evaluate("window.dispatchEvent(new Event('offline'))");
    await shows('Node-RED does not answer; it may be restarting.');
    assert.match(editor.takeComplaints().join('\n'), /sidebar\.css net::ERR_FAILED/);
    await page.unroute('**/sidebar.css');
    await page.evaluate("window.dispatchEvent(new Event('online'))");
    await sidebar().getByText('Node-RED does not answer; it may be restarting.').waitFor({ state: 'detached' });
  });

  it('shows only what needs attention, if that is wanted', async () => {
    await device.ufw('allow', '5432/tcp');
    const box = sidebar().getByLabel('Only what needs attention');
    await box.focus();
    await page.keyboard.press('Space');
    await shows(/^high: Local CMS \(PostgreSQL\) can be reached from outside\./);
    assert.equal(await sidebar().getByRole('row', { name: /^SSH/ }).count(), 0);
    assert.equal(await page.evaluate('document.activeElement.dataset.key'), 'only');
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    await device.ufw('delete', 'allow', '5432/tcp');
    await until(
      async () =>
        (await sidebar()
          .getByText(/PostgreSQL/)
          .count()) === 0,
    );
    await page.keyboard.press('Space');
    await row('SSH').waitFor();
  });

  it('shows who talks by service, as it was learned, and where there were too many', async () => {
    const tail = 'eth0 1795794282 1795794290 3 1 0000100 000000000000000100000000';
    const peers = [1, 2, 3, 4, 5, 6, 7].map((host) => `in 1628/udp 192.0.2.${host} ${tail}`);
    const learned = {
      ...{ version: 1, learning: null, seconds: 172_800, recent: null, flooded: ['in 47808/udp'] },
      peers: [...peers, `out 123/udp 2001:db8::7 ${tail}`],
    };
    const path = '/var/lib/smartserver-firewall/peers.json';
    await device.write(`${path}.new`, JSON.stringify(learned), 0o600);
    await device.ok('mv', `${path}.new`, path);
    // The trace that the engine leaves.
    await device.ok('touch', '/var/lib/smartserver-firewall');
    await sidebar().getByText('Who talks', { exact: true }).click();
    await shows(/Learning is off\. Learned for 2 days\./);
    const rows = sidebar().locator('details[open] tr');
    assert.match(
      await rows.filter({ hasText: 'LON' }).first().innerText(),
      /from 192\.0\.2\.1, .*192\.0\.2\.5 and 2 more/,
    );
    assert.match(await rows.filter({ hasText: 'to 2001:db8::7' }).innerText(), /2026/);
    assert.match(await rows.filter({ hasText: /^BACnet\/IP/ }).innerText(), /it is not known who is missing/);
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    await picture('sidebar-peers');
    await device.remove(path);
    await device.ok('touch', '/var/lib/smartserver-firewall');
    await sidebar().getByText('Who talks', { exact: true }).waitFor({ state: 'detached' });
  });

  it('moves neither focus nor scroll in ten updates', async () => {
    await page.setViewportSize({ width: 800, height: 600 });
    try {
      const focused = () => page.evaluate('document.activeElement.textContent.trim()');
      const scrolled = () => sidebar().evaluate((element) => element.scrollTop);
      const backups = () =>
        sidebar()
          .locator('tbody tr', { hasText: /(open|close) BACnet/ })
          .count();
      const internal = sidebar().getByText('Internal services', { exact: true });
      await internal.focus();
      await page.keyboard.press('Enter');
      /** Where on the page it is. */
      const above = () => internal.evaluate((element) => element.getBoundingClientRect().top);
      const before = await above();
      assert.ok((await scrolled()) > 0);
      for (let update = 0; update < 10; update += 1) {
        const known = await backups();
        await post('toggle', { service: 'bacnet', action: update % 2 ? 'open' : 'close', duration: 0 });
        await until(async () => (await backups()) > known);
        assert.equal(await focused(), 'Internal services');
        const now = await above();
        assert.ok(Math.abs(now - before) < 1, `${now}, before ${before}`);
      }
      await page.keyboard.press('Enter');
      assert.equal(await sidebar().locator('details').first().getAttribute('open'), null);
    } finally {
      await page.setViewportSize({ width: 1400, height: 1000 });
    }
    await sidebar()
      .getByText('Last changes')
      .evaluate((heading) => heading.scrollIntoView());
    await picture('sidebar-changes', '#red-ui-sidebar', 760);
  });

  it('lists a backup that is damaged as such', async () => {
    await unfoldBackups();
    const { id } = (await post('toggle', { service: 'bacnet', action: 'close', duration: 0 })) as { id: string };
    await device.write(`/var/lib/smartserver-firewall/backups/${id}.json`, '{');
    await post('toggle', { service: 'bacnet', action: 'open', duration: 0 });
    await shows(/damaged, cannot be restored: it holds no JSON object/);
  });

  it('says what is wrong, and what to do', async () => {
    await device.ok('iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '1880', '-j', 'ACCEPT');
    await device.ufw('allow', '5432/tcp');
    await shows(/^high: Node-RED can be reached from outside\./);
    await shows(/^high: Local CMS \(PostgreSQL\) can be reached from outside\./);
    await shows(/^high: LON over IP .* is open to everybody, .*ICSA-26-050-01/);
    await shows('Something needs attention.');
    await shows(/restore firewall/);
    await device.ufw('disable');
    await shows('The firewall is off: all traffic is allowed in and out.');
    await shows(/To switch it on, send a message to a “set profile” node/);
    const off = await sidebar().innerText();
    assert.doesNotMatch(off, /Default policies|Internal services reachable/);
    await sidebar().evaluate((element) => element.scrollTo(0, 0));
    await page.screenshot({ path: join(KEPT, 'sidebar-off.png') });
    assert.deepEqual(await editor.violations(SIDEBAR), []);
    await device.ufw('--force', 'enable');
    await shows('The firewall is on.');
  });

  it('says why the firewall cannot be read, and shows nothing outdated beside it', async () => {
    await device.ok('mv', '/etc/ufw/user.rules', '/etc/ufw/away');
    await shows('The firewall cannot be read.');
    await shows(/UFW_FILES_UNREADABLE: .*restore-firewall/);
    assert.equal(await sidebar().getByRole('table').count(), 0);
    await device.ok('mv', '/etc/ufw/away', '/etc/ufw/user.rules');
    await shows('The firewall is on.');
  });

  it('lists the devices if there are several, and treats their texts as text', async () => {
    await deploy([TAB, READ, OTHER, { ...READ, id: 'second', device: 'other' }]);
    const list = sidebar().getByLabel('SmartServer');
    await list.waitFor();
    assert.deepEqual(await list.locator('option').allInnerTexts(), [
      'SmartServer (factory settings)',
      'Roof <b>plant</b>',
    ]);
    await list.selectOption({ label: 'Roof <b>plant</b>' });
    await shows(HOSTILE);
    assert.equal(await page.evaluate('window.hacked'), undefined);
    assert.equal(await sidebar().locator('img').count(), 0);
  });

  it('says what settings are wrong', async () => {
    await deploy([TAB, { ...OTHER, managementFrom: 'everywhere' }]);
    await shows(/INVALID_INPUT: managementFrom/);
  });

  it('stands beside a flow that acts on an alarm', async () => {
    await deploy(await example('lockdown-on-alarm'));
    await editor.load();
    await page.locator('.red-ui-flow-node-label', { hasText: 'lockdown' }).first().waitFor();
    await page.mouse.click(1000, 950);
    await picture('flow', '#red-ui-workspace', 410);
    await showSidebar();
    await shows('The firewall is on.');
  });

  it('says what to do where no node runs', async () => {
    await deploy([TAB]);
    await shows(/No SmartServer node is running\. Drag one/);
    await picture('sidebar-empty');
    await editor.load();
    await showSidebar();
    await shows(/No SmartServer node is running/);
    await deploy([TAB, READ]);
    await shows('The firewall is on.');
  });
});
