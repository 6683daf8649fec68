/** Each example imported from the editor's menu, deployed and run in the browser, its outcome verified at the device. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { AlarmList, alarmsLike } from '../device/alarm-list';
import { Engine } from '../device/engine';
import { cables } from '../device/network';
import { useFresh } from '../device/suite';
import { EXAMPLE_NAMES, exampleFlow, folderOf } from '../examples';
import { STATE } from '../firewall/stable';
import { until } from '../firewall/until';
import { HEADS, tcp } from '../firewall/watch/log-lines';
import { Client } from '../fleet/client';
import { Office, TESTER } from '../fleet/office';
import { Desk } from './desk';

interface ExampleNode {
  id: string;
  type: string;
  name: string;
}

/** Runs in the browser, in place of the dialog of a tab. A password is kept apart from the other variables. */
const fillIn = `(id, variables) => {
  const tab = RED.nodes.workspace(id);
  tab.env = tab.env.map(({ name, type, value }) =>
    type === 'cred' ? { name, type } : { name, type, value: variables[name] || value });
  tab.credentials = { PASSWORD: variables.PASSWORD };
  RED.nodes.dirty(true);
}`;

/** Imports an example from the menu, fills in the variables of its tab, and deploys it. */
async function startOn(desk: Desk, name: string, variables: Record<string, string> = {}): Promise<ExampleNode[]> {
  const flow: ExampleNode[] = exampleFlow(name);
  const { page } = desk.editor;
  await page.click('#red-ui-header-button-sidemenu');
  await page.click('#menu-item-import');
  const dialog = page.locator('#red-ui-clipboard-dialog');
  await dialog.waitFor();
  await page.click('#red-ui-tab-red-ui-clipboard-dialog-import-tab-examples a');
  await dialog.getByText('@smartserver/node-red-firewall').click();
  await dialog.getByText(folderOf(name), { exact: true }).click();
  // The tree is still unfolding, and a click may be lost.
  await until(async () => {
    await dialog.getByText(name, { exact: true }).click();
    return page.isEnabled('#red-ui-clipboard-dialog-ok');
  });
  await page.click('#red-ui-clipboard-dialog-ok');
  await page.waitForFunction(`RED.nodes.node("${flow[1]?.id}")`);
  // An example comes with a tab of its own, next to the one that is shown.
  await page.click('#red-ui-workspace-chart', { position: { x: 600, y: 600 } });
  await page.keyboard.press('Control+]');
  await page.waitForFunction(`RED.workspaces.active() === "${flow[0]?.id}"`);
  if (Object.keys(variables).length > 0)
    await page.evaluate(`(${fillIn})('${flow[0]?.id}', ${JSON.stringify(variables)})`);
  await page.keyboard.press('Control+d');
  await page.waitForFunction('!RED.nodes.dirty()');
  // An example must not contain a node that is marked as invalid or has no type.
  assert.deepEqual(await page.evaluate('RED.nodes.filterNodes({}).filter((node) => node.valid === false)'), []);
  return flow;
}

describe('the example', function () {
  this.timeout(90_000);
  const desk = useFresh(
    () => Desk.open([]),
    (one) => one.close(),
  );
  let flow: ExampleNode[];

  async function start(name: string, variables: Record<string, string> = {}): Promise<void> {
    flow = await startOn(desk, name, variables);
  }

  const idOf = (name: string) => flow.find((node) => node.type === 'inject' && node.name === name)?.id ?? name;
  const run = (from: string, shown: string) => desk.run(idOf(from), shown);
  const read = async () => (await Engine.start(desk.device)).read();

  it('block-after-failed-logons blocks an address after five failed log-ons', async () => {
    // What sshd would write; the real one is on the device with systemd, in test/end-to-end/failed-logons.test.ts.
    const { device } = desk;
    await device.write('/run/sshd.log', '');
    await device.write('/run/journalctl', '#!/bin/sh\nexec tail -n +1 -F /run/sshd.log\n', 0o755);
    await device.ok('mount', '--bind', '/run/journalctl', '/usr/bin/journalctl');
    await start('block-after-failed-logons');
    assert.deepEqual(await desk.probe(22), ['in']);
    const line = `Failed password for root from ${cables.eth0.neighbour.ipv4} port 40000 ssh2\n`;
    await device.write('/run/sshd.log', line.repeat(5));
    await desk.editor.page.locator('.red-ui-debug-msg', { hasText: 'node: Blocked' }).first().waitFor();
    assert.deepEqual(await desk.probe(22), ['filtered']);
  });

  it('firewall-report shows the firewall as a page, and in the sidebar', async () => {
    await start('firewall-report');
    assert.match(await run('Read now', 'Firewall'), /readAt/);
    assert.match(
      await desk.editor.textOf(`${desk.url}firewall`),
      /The firewall is on\.[\s\S]*Profile\s+Enhanced Security[\s\S]*SSH remote/,
    );
  });

  it('daily-drift-report reports once a day, on a page, and at once when the firewall drifts from the profile', async () => {
    await start('daily-drift-report');
    assert.match(await run('Every day at 6', 'Daily report'), /The firewall is on/);
    await run('Apply this profile', 'What changed');
    const reported = desk.editor.page.locator('.red-ui-debug-msg', { hasText: 'node: Drift' });
    await desk.device.ufw('delete', 'allow', '22/tcp');
    await reported.waitFor();
    assert.match(await reported.first().innerText(), /matches the profile enhanced:[\s\S]*ssh \(in\): closed/);
    assert.match(
      await desk.editor.textOf(`${desk.url}firewall/report`),
      /The firewall matches no profile[\s\S]*ssh \(in\)/,
    );
  });

  it('daily-history posts what was done in the last day, by whom, and says where an address is missing', async () => {
    const got = '/run/history-got.json';
    const server = `require('http').createServer((asked, answer) => {
      const file = require('fs').createWriteStream('${got}.part');
      asked.pipe(file).on('finish', () => { require('fs').renameSync('${got}.part', '${got}'); answer.end(); });
    }).listen(18999)`;
    const receiver = await desk.device.spawn([desk.device.node, '-e', server]);
    const engine = await Engine.start(desk.device);
    await engine.toggleService({ service: '9100/tcp', action: 'open', reason: 'a visit' });
    await engine.stop();
    await start('daily-history');
    assert.match(await run('Every day at 0:05', 'Error'), /HISTORY_URL is empty/);
    await desk.editor.page.evaluate(`(${fillIn})('1ed6e70a00000001', { HISTORY_URL: 'http://127.0.0.1:18999/' })`);
    await desk.editor.page.keyboard.press('Control+d');
    await desk.editor.page.waitForFunction('!RED.nodes.dirty()');
    assert.match(await run('Every day at 0:05', 'Answer'), /200/);
    const { entries } = JSON.parse(await desk.device.read(got));
    assert.deepEqual([entries[0].reason, entries[0].services, entries[0].type], ['a visit', [], 'change']);
    receiver.kill('SIGKILL');
  });

  it('learn-who-talks reports who is new, and what keeps it from learning', async () => {
    // As it was learned on this device before.
    const line = 'in 1628/udp 192.0.2.77 eth0 1795794282 1795794290 3 1 0000100 000000000000000100000000';
    const learned = { version: 1, learning: null, seconds: 86_400, peers: [line], flooded: [], recent: null };
    await desk.device.ok('mkdir', '-p', '-m', '700', STATE);
    await desk.device.write(`${STATE}/peers.json`, JSON.stringify(learned), 0o600);
    await start('learn-who-talks');
    assert.match(await run('Every day at 6', 'New peers'), /lon from 192\.0\.2\.77, first seen 2026-/);
    assert.match(await run('Every day at 6', 'New peers'), /nobody new/);
    // A device without systemd.
    assert.match(await run('Learn for two weeks', 'Error'), /NO_TRACKING/);
    assert.match(await run('Stop learning', 'Learning'), /object/);
  });

  it('fleet-device takes requests from the broker and reports its state', async () => {
    const office = await Office.on(desk.device, ['plant']);
    await desk.device.write('/run/fleet-ca.crt', office.ca);
    await start('fleet-device', office.settingsFor('plant', 'north', 'localhost'));
    const tester = await Client.open(office, TESTER);
    await tester.subscribe('smartserver/device/plant/firewall/+');
    const state = await tester.until(({ text }) => JSON.parse(text).online === true);
    assert.equal(JSON.parse(state.text).group, 'north');
    const times = { issued: new Date().toISOString(), expires: new Date(Date.now() + 60_000).toISOString() };
    const request = { id: 'up', ...times, action: 'set-profile', request: { profile: 'lockdown' } };
    await tester.publish('smartserver/group/north/firewall/request', request);
    await tester.until(({ text }) => JSON.parse(text).outcome === 'changed');
    await tester.until(({ text }) => JSON.parse(text).lastRequest?.id === 'up');
    assert.deepEqual(await desk.probe(22, 443), ['filtered', 'in']);
    await tester.close();
  });

  it('fleet-operator sends requests by its buttons, and shows a table', async () => {
    const office = await Office.on(desk.device, ['plant']);
    await start('fleet-operator', office.operatorSettings);
    const plant = await Client.open(office, 'plant');
    await plant.subscribe('smartserver/all/firewall/request');
    const state = { online: true, profile: 'enhanced', lastRequest: null };
    await plant.publish('smartserver/device/plant/firewall/state', state, { retain: true });
    await desk.editor.page.locator('.red-ui-flow-node-status-label', { hasText: 'connected' }).first().waitFor();
    await desk.press(idOf('Lock down all'));
    await plant.until(({ text }) => JSON.parse(text).request.profile === 'lockdown');
    await until(async () => /plant[\s\S]*online[\s\S]*waiting/.test(await desk.editor.textOf(`${desk.url}fleet`)));
    await plant.close();
  });

  it('lockdown-on-alarm closes everything but the web pages on an alarm from the broker', async () => {
    await start('lockdown-on-alarm');
    assert.deepEqual(await desk.probe(22, 443), ['in', 'in']);
    const publish = ['mosquitto_pub', '-h', '127.0.0.1', '-q', '1', '-t', 'glp/0/x/ev/alarm', '-m', '{"cat":"alarm"}'];
    await desk.editor.page.locator('.red-ui-flow-node-status-label', { hasText: 'connected' }).waitFor();
    await desk.device.ok(...publish);
    await until(async () => (await desk.probe(22))[0] === 'filtered');
    assert.deepEqual(await desk.probe(22, 443), ['filtered', 'in']);
    assert.match(await run('Try it: an alarm', 'What changed'), /set-profile lockdown/);
  });

  it('lockdown-on-polled-alarms closes everything but the web pages on a new alarm in the device’s list', async () => {
    const { device } = desk;
    await device.ok('nginx', '-s', 'stop');
    const list = await AlarmList.start(device);
    await list.tell(await alarmsLike({ state: 'Active' }));
    await start('lockdown-on-polled-alarms');
    assert.deepEqual(await desk.probe(22, 443), ['in', 'in']);
    assert.match(await run('Every minute', 'What changed'), /set-profile lockdown/);
    assert.deepEqual(await desk.probe(22, 443), ['filtered', 'in']);
    await list.tell({ body: '' });
    assert.equal(await run('Every minute', 'No list received'), '""');
  });

  it('move-web-ports moves the pages, waits for somebody to confirm on the linked page, and moves them back', async () => {
    await start('move-web-ports');
    const links = await run('Move now', 'Open this to confirm');
    const [, id] = /https:\/\/[\d.]+:1443\/node-red\/firewall\/confirm\?id=(\w+-\w+)/.exec(links) ?? [];
    assert.ok(id && links.includes(`https://${cables.eth0.device.ipv4}:1443/`), links);
    assert.deepEqual(await desk.probe(443, 1443), ['in', 'in']);
    // What shows a preview of a link opens it, and presses no button.
    const page = await desk.editor.window(`${desk.url}firewall/confirm?id=${id}`);
    await page.getByText('The web pages have been moved to port 1443.').waitFor();
    assert.equal((await read()).pending?.id, id);
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('Confirmed: the change stays.').waitFor();
    await page.close();
    assert.equal((await read()).pending, null);
    assert.match(await run('Move back', 'The new address'), /https:\/\/[\d.]+\//);
    assert.equal((await read()).webPorts?.redirectsTo, 443);
    assert.deepEqual(await desk.probe(443), ['in']);
  });

  it('ssh-evening-morning keeps SSH by its hours, and opens and closes it by hand', async () => {
    await start('ssh-evening-morning');
    // It says by itself what it has found.
    await desk.editor.page.locator('.red-ui-debug-msg', { hasText: 'node: SSH now' }).waitFor();
    assert.match(await run('Close until the next change', 'SSH now'), /open: false/);
    assert.deepEqual(await desk.probe(22, 443), ['filtered', 'in']);
    assert.match(await run('Open until the next change', 'SSH now'), /open: true/);
    assert.deepEqual(await desk.probe(22, 443), ['in', 'in']);
    await run('As scheduled', 'SSH now');
    const [{ open, by } = assert.fail()] = (await read()).schedules;
    assert.deepEqual([by, await desk.probe(22)], ['schedule', [open ? 'in' : 'filtered']]);
  });

  it('ssh-for-a-visit opens SSH temporarily, and closes it', async () => {
    await desk.device.ufw('delete', 'allow', '22/tcp');
    await start('ssh-for-a-visit');
    assert.deepEqual(await desk.probe(22), ['filtered']);
    assert.match(await run('Approve a visit', 'SSH is open until'), /"\d{4}-\d\d-\d\dT/);
    assert.deepEqual(await desk.probe(22), ['in']);
    assert.equal(await run('Visit is over', 'Sessions ended'), '0');
    assert.deepEqual(await desk.probe(22), ['filtered']);
    assert.deepEqual((await read()).leases, []);
  });

  it('firewall-on-the-phone opens SSH from a page that asks for a password', async () => {
    await desk.device.ufw('delete', 'allow', '22/tcp');
    await start('firewall-on-the-phone', { PASSWORD: 'only for this test' });
    const httpCredentials = { username: 'technician', password: 'only for this test' };
    const page = await desk.editor.window(`${desk.url}firewall/phone`, { httpCredentials });
    await page.getByRole('button', { name: 'Open SSH for 30 min' }).click();
    await page.getByRole('heading', { name: 'SSH is open' }).waitFor();
    await page.close();
    assert.deepEqual(await desk.probe(22), ['in']);
  });

  it('lockdown-for-an-hour locks down, and lifts that', async () => {
    await desk.device.ufw('allow', '9100/tcp');
    await start('lockdown-for-an-hour');
    assert.match(await run('An alarm', 'Until when'), /until/);
    assert.deepEqual(await desk.probe(22, 9100, 443), ['filtered', 'filtered', 'in']);
    assert.deepEqual(
      (await read()).leases.map(({ service }) => service),
      ['profile lockdown'],
    );
    assert.match(await run('The alarm is over', 'Lifted'), /set-profile enhanced/);
    assert.deepEqual(await desk.probe(22, 9100), ['in', 'in']);
    assert.deepEqual((await read()).leases, []);
  });

  it('switch-and-led follows its switch, and whoever else opens and closes SSH', async () => {
    await start('switch-and-led');
    // The LED also hears of changes by itself, so that the latest message counts, not the next one.
    const led = desk.editor.page.locator('.red-ui-debug-msg', { hasText: 'node: LED' }).last();
    const shows = (open: boolean) =>
      until(async () => (await led.locator('.red-ui-debug-msg-payload').innerText()) === String(open));
    await shows(true);
    await desk.press(idOf('Switch off'));
    await shows(false);
    assert.deepEqual(await desk.probe(22), ['filtered']);
    await desk.device.ufw('allow', '22/tcp');
    await shows(true);
    await desk.press(idOf('Switch off'));
    await shows(false);
    await desk.press(idOf('Switch on'));
    await shows(true);
    assert.deepEqual(await desk.probe(22), ['in']);
  });

  it('undo-button undoes, repairs and lists', async () => {
    await start('undo-button');
    const engine = await Engine.start(desk.device);
    await engine.toggleService({ service: 'ssh', action: 'close' });
    assert.deepEqual(await desk.probe(22), ['filtered']);
    assert.match(await run('Undo', 'What changed'), /undo/);
    assert.deepEqual(await desk.probe(22), ['in']);
    await engine.toggleService({ service: 'ssh', action: 'close' });
    await desk.device.ufw('allow', '22/tcp');
    assert.match(await run('Repair', 'What changed'), /restore latest/);
    assert.deepEqual(await desk.probe(22), ['filtered']);
    assert.match(await run('List the backups', 'Backups'), /\[ object, object/);
  });

  it('web-ports-daily-check reports when web server and firewall disagree, and repairs on request', async () => {
    await start('web-ports-daily-check');
    assert.match(await run('Every day at 6', 'In order'), /https/);
    // As after a factory restore: the firewall is back at 80 and 443, the web server is not.
    await (await Engine.start(desk.device)).changeWebPorts({ http: 1780, https: 1443 });
    await desk.device.ufw('allow', '443/tcp');
    for (const rule of ['1443', '1443/tcp']) await desk.device.ufw('delete', 'allow', rule);
    assert.deepEqual(await desk.probe(443, 1443), ['in', 'filtered']);
    assert.match(await run('Every day at 6', 'Problems'), /The web pages cannot be reache/);
    await run('Repair now', 'What changed');
    assert.deepEqual(await desk.probe(443, 1443), ['filtered', 'in']);
    await run('Every day at 6', 'In order');
  });
});

describe('the example for a dashboard', function () {
  this.timeout(90_000);
  const desk = useFresh(
    () => Desk.open([], { dashboard: true }),
    (one) => one.close(),
  );
  const start = (name: string) => startOn(desk, name);

  it('dashboard-switch-and-led opens and closes SSH by its switch, and shows what anybody changes and what is blocked', async () => {
    await start('dashboard-switch-and-led');
    const page = await desk.editor.window(`${desk.url}dashboard`);
    const control = page.locator('.nrdb-ui-switch').getByRole('checkbox');
    const led = page.locator('.nrdb-ui-template span').last();
    const colour = () => led.evaluate((element) => getComputedStyle(element).backgroundColor);
    /** The switch and the LED show this, and the neighbour meets it. */
    const shows = async (open: boolean) => {
      await page.getByText(open ? 'SSH is open' : 'SSH is closed').waitFor();
      await until(async () => (await control.isChecked()) === open);
      assert.deepEqual(await desk.probe(22), [open ? 'in' : 'filtered']);
    };
    const result = page.locator('.nrdb-ui-text-value');
    const says = (text: string) => result.filter({ hasText: text }).waitFor();
    await shows(true);
    const red = await colour();
    await control.click();
    await says('SSH closed');
    await shows(false);
    assert.notEqual(await colour(), red);
    await control.click();
    await says('SSH open');
    await shows(true);
    assert.equal(await colour(), red);
    await desk.device.ufw('delete', 'allow', '22/tcp');
    await shows(false);
    await desk.device.ufw('allow', '22/tcp');
    await shows(true);
    // The switch followed without being used: no change was requested after its own two.
    assert.equal(await result.innerText(), 'SSH open');
    const engine = await Engine.start(desk.device);
    assert.equal((await engine.backups()).length, 2);
    // What is refused is not shown as if it had happened.
    await engine.toggleService({ service: 'ssh', action: 'close', confirmWithin: 600 });
    await shows(false);
    await control.click();
    await says('PENDING_CHANGE: ');
    await shows(false);
    // What is blocked and logged is in the chart, which is a picture to the browser.
    const chart = page.locator('.nrdb-ui-chart canvas').first();
    /** The points have a colour of their own. */
    const points = () =>
      chart.evaluate((canvas: HTMLCanvasElement) => {
        const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
        const context = copy.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
        context.drawImage(canvas, 0, 0);
        const { data } = context.getImageData(0, 0, copy.width, copy.height);
        return Array.from(data).filter((red, at) => at % 4 === 0 && red === 0x0d && data[at + 1] === 0x74).length;
      });
    await chart.waitFor();
    assert.equal(await points(), 0);
    await desk.device.run(['sh', '-c', 'cat >> /var/log/ufw.log'], {
      input: `${HEADS.traditional}${tcp('203.0.113.9', 22)}\n`,
    });
    await until(async () => (await points()) > 0);
    await page.close();
  });
});

describe('the examples in the browser', () => {
  it('are all there are', () => {
    const run = [...readFileSync(__filename, 'utf8').matchAll(/await start\('([\w-]+)'/g)].map((match) => match[1]);
    assert.deepEqual(run.sort(), [...EXAMPLE_NAMES].sort());
  });
});
