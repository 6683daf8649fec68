/**
 * Each node dragged onto the canvas, configured in its dialog with the keyboard alone, deployed and triggered: its effect
 * shows in the debug sidebar and at the device's ports.
 */
import assert from 'node:assert/strict';
import type { State } from '../../firewall/results';
import { Engine } from '../device/engine';
import { until } from '../firewall/until';
import type { Editor } from './browser';
import { Desk } from './desk';

const node = (id: string, type: string, x: number, y: number, fields: object, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x, y, wires: [wires] },
  ...fields,
});
const inject = (id: string, y: number, ...wires: string[]) =>
  node(id, 'inject', 150, y, { name: '', props: [], repeat: '', crontab: '', once: false, onceDelay: 0.1 }, ...wires);
/** Shows a payload as text: a name and a value for each of these properties. */
const debug = (id: string, y: number, ...properties: string[]) =>
  node(id, 'debug', 800, y, {
    ...{ name: id, active: true, tosidebar: true, console: false, tostatus: false, targetType: 'jsonata' },
    ...{ wires: [] },
    complete: properties.map((property) => `"${property} " & $string(payload.${property})`).join(' & ", " & '),
  });

/** The nodes that a node is placed between, and a change that can be made beforehand. */
const flows = [
  { id: 'tab', type: 'tab', label: 'Flow 1', disabled: false, info: '' },
  inject('start', 100),
  inject('first', 300, 'close'),
  node(
    'close',
    'toggle-service',
    450,
    300,
    { device: '', service: 'ssh', action: 'close', confirmWithin: 300 },
    'made',
  ),
  debug('made', 300, 'changed', 'state.pending.action'),
];

describe('with the keyboard alone', function () {
  this.timeout(90_000);
  let desk: Desk;
  let editor: Editor;

  afterEach(() => desk?.close());

  /** A device with its editor in the browser, with a selected node of the type between inject and debug. */
  async function place(type: string, ...properties: string[]): Promise<string> {
    desk = await Desk.open([...flows, debug('result', 100, ...properties)]);
    ({ editor } = desk);
    const id = await editor.drop(type, 190, 600);
    await editor.wire('start', id);
    await editor.wire(id, 'result');
    await editor.select(id);
    return id;
  }

  async function open(): Promise<void> {
    await editor.page.keyboard.press('Enter');
    await editor.dialogOpen();
  }

  /** Saves and deploys; a node that is marked as wrong is a failure. */
  async function deploy(id: string): Promise<void> {
    const { page } = editor;
    await page.keyboard.press('Control+Enter');
    await editor.dialogClosed();
    assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), true);
    await page.keyboard.press('Control+d');
    await page.waitForFunction('!RED.nodes.dirty()');
  }

  const run = (start: string, shown: string) => desk.run(start, shown);
  const probe = (...ports: number[]) => desk.probe(...ports);
  const read = async (): Promise<State> => (await Engine.start(desk.device)).read();
  const field = (name: string) => editor.page.getByRole('textbox', { name });
  const list = (name: string) => editor.page.getByRole('combobox', { name });

  it('read-firewall sends the profile, and then only what changes', async () => {
    const id = await place('read-firewall', 'name', 'closest');
    await open();
    await editor.type(field('Name'), 'which profile');
    await editor.pick(list('Send'), 'profile');
    await editor.tick(editor.page.getByRole('checkbox', { name: 'Only when something has changed' }));
    await deploy(id);
    assert.match(await run('start', 'result'), /name enhanced, closest enhanced/);
    await desk.press('start');
    await editor.page
      .locator(`[id="${id}"] .red-ui-flow-node-status-label`, { hasText: 'nothing to change' })
      .waitFor();
    await run('first', 'made');
    assert.match(await run('start', 'result'), /name null, closest enhanced/);
  });

  it('set-profile does what its table says about each service', async () => {
    const id = await place('set-profile', 'changed', 'state.profile.name');
    await open();
    const { page } = editor;
    await editor.pick(list('Profile'), 'lockdown');
    const rows = await page.locator('#smartserver-preview tbody tr:has(td)').evaluateAll((all) =>
      all.map((row) => ({
        name: row.querySelector('th')?.firstChild?.textContent?.trim(),
        cells: [...row.querySelectorAll('td')].map((cell) => cell.textContent?.trim()),
      })),
    );
    await editor.type(field('Revert unless confirmed'), '0');
    await editor.tick(page.getByRole('checkbox', { name: 'Only tighten' }));
    await deploy(id);
    assert.deepEqual(await probe(22, 443, 1880), ['in', 'in', 'filtered']);
    assert.match(await run('start', 'result'), /changed true, state\.profile\.name lockdown/);
    assert.deepEqual(await probe(22, 443, 1880), ['filtered', 'in', 'filtered']);
    const state = await read();
    assert.equal(rows.length, state.services.length + 1);
    for (const service of state.services) {
      const row = rows.find(({ name }) => name === service.label);
      const isTrue = (cell: string | undefined, actual: string) =>
        cell === actual || cell === 'unchanged' || cell === 'not used';
      assert.ok(
        isTrue(row?.cells[0], service.in) && isTrue(row?.cells[1], service.out),
        JSON.stringify([row, service]),
      );
    }
  });

  it('toggle-service closes SSH', async () => {
    const id = await place('toggle-service', 'action', 'changed', 'cut');
    await open();
    const { page } = editor;
    await editor.pick(list('Service'), 'mqtt');
    await editor.pick(list('Service'), 'ssh');
    await editor.pickFromMenu(page.getByRole('button', { name: 'Action – value type' }), 'str');
    await editor.pickFromMenu(page.getByRole('button', { name: 'Action open' }), 'close');
    await editor.type(field('Duration'), '10');
    await editor.pick(list('Duration: unit'), 'min');
    await editor.pick(list('Direction'), 'in');
    await editor.tabTo(editor.fold());
    await page.keyboard.press('Enter');
    await editor.tick(page.getByRole('checkbox', { name: 'Also terminate' }));
    await deploy(id);
    assert.deepEqual(await probe(22, 443), ['in', 'in']);
    assert.match(await run('start', 'result'), /action toggle-service close ssh, changed true, cut 0/);
    assert.deepEqual(await probe(22, 443), ['filtered', 'in']);
    assert.deepEqual(
      (await read()).leases.map(({ service }) => service),
      ['ssh'],
    );
  });

  it('toggle-service takes service and action from a message', async () => {
    const id = await place('toggle-service', 'action', 'changed');
    await open();
    const { page } = editor;
    const kind = (name: string) => page.getByRole('button', { name: `${name} – value type` });
    await editor.pick(list('Service'), '');
    await editor.pickFromMenu(kind('Name or ports'), 'jsonata');
    await editor.type(field('Name or ports'), '"44" & "5/tcp"');
    await editor.pickFromMenu(kind('Action'), 'jsonata');
    await editor.type(field('Action'), '"open"');
    await deploy(id);
    assert.match(await run('start', 'result'), /action toggle-service open 445\/tcp, changed true/);
    assert.deepEqual(await probe(445), ['in']);
  });

  it('schedule-service closes SSH but for the hours that are painted, and opens it by a message', async () => {
    const id = await place('schedule-service', 'service', 'open', 'by');
    await open();
    const { page } = editor;
    await editor.tabTo(page.getByRole('button', { name: 'Clear', exact: true }));
    await page.keyboard.press('Enter');
    await editor.tabTo(page.locator('#smartserver-week td[tabindex="0"]'));
    // Three days away from now, so that it is closed now.
    const today = (new Date().getUTCDay() + 6) % 7;
    for (let row = 0; row < (today + 3) % 7; row++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    for (const _ of [1, 2, 3]) await page.keyboard.press('Shift+ArrowRight');
    await editor.tabTo(editor.fold());
    await page.keyboard.press('Enter');
    await editor.pickFromMenu(page.getByRole('button', { name: 'Action – value type' }), 'str');
    await editor.tabTo(field('For how long'));
    await deploy(id);
    await until(async () => (await probe(22))[0] === 'filtered');
    assert.match(await run('start', 'result'), /service ssh, open true, by override/);
    assert.deepEqual(await probe(22), ['in']);
    assert.equal((await read()).schedules[0]?.id, id);
  });

  it('change-web-ports moves the pages', async () => {
    const id = await place('change-web-ports', 'changed', 'state.webPorts.https', 'state.webPorts.consistent');
    await open();
    await editor.type(field('Port for http://'), '1780');
    await editor.type(field('Port for https://'), '1443');
    await deploy(id);
    assert.match(
      await run('start', 'result'),
      /changed true, state\.webPorts\.https 1443, state\.webPorts\.consistent true/,
    );
    assert.deepEqual(await probe(80, 443, 1780, 1443), ['filtered', 'filtered', 'in', 'in']);
  });

  it('confirm-change confirms a change', async () => {
    const id = await place('confirm-change', 'confirmed', 'action');
    await open();
    await editor.type(field('Name'), 'it works');
    await deploy(id);
    assert.match(await run('first', 'made'), /changed true, state\.pending\.action toggle-service close ssh/);
    assert.match(await run('start', 'result'), /confirmed true, action toggle-service close ssh/);
    assert.equal((await read()).pending, null);
    assert.deepEqual(await probe(22), ['filtered']);
  });

  it('fleet-request carries out what an operator requests, and opens nothing', async () => {
    const asked = (fields: string) =>
      `{ "id": "asked-" & $millis(), "issued": $now(), "expires": $fromMillis($millis() + 60000), ${fields} }`;
    const sends = (id: string, y: number, fields: string) => ({
      ...inject(id, y),
      ...{ props: [{ p: 'payload' }], payload: asked(fields), payloadType: 'jsonata' },
    });
    desk = await Desk.open([
      ...flows,
      sends('lock', 420, '"action": "set-profile", "request": { "profile": "lockdown" }'),
      sends('open', 480, '"action": "toggle-service", "request": { "service": "ssh", "action": "open" }'),
      debug('result', 100, 'outcome', 'error.code'),
    ]);
    ({ editor } = desk);
    const id = await editor.drop('fleet-request', 190, 600);
    for (const start of ['lock', 'open']) await editor.wire(start, id);
    await editor.wire(id, 'result');
    await editor.select(id);
    await open();
    await editor.tick(editor.page.getByRole('checkbox', { name: 'Only tighten' }));
    await deploy(id);
    assert.match(await run('lock', 'result'), /outcome changed/);
    assert.match(await run('open', 'result'), /outcome failed, error\.code WOULD_OPEN/);
    assert.deepEqual(await probe(22, 443), ['filtered', 'in']);
  });

  it('restore-firewall undoes a change', async () => {
    const id = await place('restore-firewall', 'action', 'changed');
    await open();
    await editor.pick(list('Action'), 'list');
    await editor.pick(list('Action'), 'restore');
    await editor.type(field('Backup'), 'latest');
    await editor.pick(list('Action'), 'undo');
    await deploy(id);
    await run('first', 'made');
    assert.deepEqual(await probe(22), ['filtered']);
    assert.match(await run('start', 'result'), /action undo toggle-service close ssh, changed true/);
    await until(async () => (await probe(22))[0] === 'in');
  });

  it('watch-firewall reports what somebody else changes', async () => {
    desk = await Desk.open([...flows, debug('result', 100, 'who', 'removed.to.port')]);
    ({ editor } = desk);
    const id = await editor.drop('watch-firewall', 190, 600);
    await editor.wire(id, 'result');
    await editor.select(id);
    await open();
    const drift = editor.page.getByLabel('the firewall no longer matches the profile set last');
    await editor.tabTo(drift);
    await editor.page.keyboard.press('Space');
    assert.equal(await drift.isChecked(), false);
    await deploy(id);
    assert.equal((await editor.stored(id)).drift, false);
    await editor.page.locator(`[id="${id}"] .red-ui-flow-node-status-label`, { hasText: 'ready' }).waitFor();
    await desk.device.ufw('delete', 'allow', '22/tcp');
    const reported = editor.page.locator('.red-ui-debug-msg', { hasText: 'node: result' });
    await reported.waitFor();
    assert.match(await reported.innerText(), /who other, removed\.to\.port .*22/);
    assert.deepEqual(await desk.probe(22), ['filtered']);
  });

  it('smartserver adds a service, which toggle-service opens', async () => {
    const id = await place('toggle-service', 'action', 'changed');
    await open();
    const { page } = editor;
    await editor.tabTo(page.getByRole('button', { name: 'Add a SmartServer configuration' }));
    await page.keyboard.press('Enter');
    await editor.dialogOpen('#node-config-dialog-ok');
    const config = page.locator('.smartserver-firewall', { has: page.locator('#node-config-input-name') });
    await editor.type(config.locator('#node-config-input-name'), 'Plant');
    await editor.type(config.getByRole('textbox', { name: 'Web pages only from' }), '192.0.2.0/24');
    await editor.tabTo(config.getByRole('button', { name: 'add a service' }));
    await page.keyboard.press('Enter');
    const custom = page.locator('#smartserver-custom-services');
    await custom.locator('input:focus').waitFor();
    await page.keyboard.type('SCADA gateway');
    await editor.type(custom.getByRole('textbox', { name: 'Id in messages' }), 'scada-gateway');
    await editor.type(custom.getByRole('textbox', { name: 'Ports' }), '9100/tcp');
    // A surplus row is removed again.
    await editor.tabTo(config.getByRole('button', { name: 'add a service' }));
    await page.keyboard.press('Enter');
    await custom.locator('li').nth(1).locator('input:focus').waitFor();
    await editor.tabTo(custom.getByRole('button', { name: 'Delete this row' }).nth(1));
    await page.keyboard.press('Enter');
    await custom.locator('li').nth(1).waitFor({ state: 'detached' });
    await config.locator('.red-ui-editableList-addButton:focus').waitFor();
    await page.keyboard.press('Control+Enter');
    await editor.dialogClosed('#node-config-dialog-ok');
    await editor.pick(list('Service'), 'scada-gateway');
    await editor.pickFromMenu(page.getByRole('button', { name: 'Action – value type' }), 'str');
    await editor.pickFromMenu(page.getByRole('button', { name: 'Action open' }), 'open');
    // A TypedInput does not pass on the keys pressed on its buttons.
    await editor.tabTo(field('Duration'));
    await deploy(id);
    assert.deepEqual(await probe(9100), ['filtered']);
    assert.match(await run('start', 'result'), /action toggle-service open scada-gateway, changed true/);
    assert.deepEqual(await probe(9100), ['in']);
  });
});
