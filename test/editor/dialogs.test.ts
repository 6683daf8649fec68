/** The edit dialogs in a real browser: each opens, takes values, and has them again after a deploy and a reload. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type NodeRed, startNodeRed } from './node-red';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const QUIET =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
/** Where to put a picture of each dialog, to look at; none without it. */
const PICTURES = process.env.DIALOG_PICTURES;

describe('the dialogs', function () {
  this.timeout(120_000);
  let red: NodeRed;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  before(async () => {
    assert.ok(CHROMIUM, 'Chromium is missing: sudo apt-get install -y --no-install-recommends chromium');
    red = await startNodeRed();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET.split(' ') });
    page = await browser.newPage({ viewport: { width: 1400, height: 1000 }, locale: 'en-US' });
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (err) => complaints.push(String(err)));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(red.url) && !request.url().startsWith('data:')) complaints.push(request.url());
    });
    await openEditor();
  });
  after(async () => {
    await browser?.close();
    await red?.stop();
  });
  afterEach(() => {
    assert.deepEqual(complaints.splice(0), []);
  });

  async function openEditor(): Promise<void> {
    await page.goto(red.url);
    await page.waitForSelector('.red-ui-palette-node[data-palette-type="read-firewall"]', { state: 'attached' });
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' });
  }

  /** Drags a node from the palette to the canvas; gives its id. */
  async function drop(type: string, y: number): Promise<string> {
    const entry = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
    await entry.scrollIntoViewIfNeeded();
    await entry.hover();
    await page.mouse.down();
    await page.mouse.move(500, y, { steps: 5 });
    await page.mouse.up();
    return page.evaluate('RED.view.selection().nodes[0].id');
  }

  async function open(id: string): Promise<void> {
    await page.locator(`[id="${id}"] .red-ui-flow-node`).dblclick();
    await page.waitForSelector('.red-ui-tray #node-dialog-ok');
    await trayAtRest();
  }

  /** Trays slide in and out; what moves cannot be clicked. */
  const trayAtRest = () => page.waitForFunction('document.getAnimations().length === 0 && $(":animated").length === 0');

  async function close(button: string): Promise<void> {
    await trayAtRest();
    await page.click(button);
    await page.waitForSelector(button, { state: 'detached' });
    await trayAtRest();
  }

  async function deploy(): Promise<void> {
    await page.click('#red-ui-header-button-deploy:not(.disabled)');
    await page.waitForFunction('!RED.nodes.dirty()');
  }

  const picture = async (name: string) => {
    if (PICTURES) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
  };

  /** Compares these properties of the node with what the editor would store. */
  async function assertStored(id: string, expected: object): Promise<void> {
    const stored: Record<string, unknown> = await page.evaluate(`RED.nodes.convertNode(RED.nodes.node("${id}"))`);
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, stored[key]])), expected);
  }

  const choose = (property: string, type: string) =>
    page
      .click(`#node-input-${property} + .red-ui-typedInput-container .red-ui-typedInput-type-select`)
      .then(() => page.click(`.red-ui-typedInput-options:visible a[value="${type}"]`));
  const typed = (property: string) =>
    page.locator(`#node-input-${property} + .red-ui-typedInput-container .red-ui-typedInput-input`);

  /** Saves the dialog, deploys, loads the editor anew and opens the dialog again. */
  async function roundTrip(id: string): Promise<void> {
    await close('#node-dialog-ok');
    await deploy();
    await openEditor();
    await open(id);
  }

  it('of read-firewall keeps what is set', async () => {
    const id = await drop('read-firewall', 150);
    await open(id);
    await picture('read-firewall');
    await page.selectOption('#node-input-output', 'profile');
    await page.getByLabel('Only when something differs').check();
    await roundTrip(id);
    assert.equal(await page.inputValue('#node-input-output'), 'profile');
    assert.equal(await page.isChecked('#node-input-onlyChanges'), true);
    await close('#node-dialog-cancel');
  });

  it('of set-profile has a profile from the list, or one from a message', async () => {
    const id = await drop('set-profile', 220);
    await open(id);
    await picture('set-profile');
    assert.equal(await page.inputValue('#smartserver-profile-choice'), 'enhanced');
    assert.equal(await page.isVisible('#smartserver-profile-other'), false);
    await page.getByLabel('Profile', { exact: true }).selectOption({ label: 'Lockdown' });
    assert.match((await page.textContent('#smartserver-profile-about')) ?? '', /Everything else is closed/);
    await page.selectOption('#node-input-optionalServices', 'close');
    await page.selectOption('#node-input-ownRules', 'remove');
    for (const box of ['dryRun', 'onlyTighten', 'force']) await page.check(`#node-input-${box}`);
    await roundTrip(id);
    assert.equal(await page.inputValue('#smartserver-profile-choice'), 'lockdown');
    const saved = { profile: 'lockdown', profileType: 'str', optionalServices: 'close', ownRules: 'remove' };
    await assertStored(id, { ...saved, dryRun: true, onlyTighten: true, force: true });

    await page.selectOption('#smartserver-profile-choice', '');
    await choose('profile', 'msg');
    await page.getByRole('textbox', { name: 'Its name' }).fill('payload.profile');
    await picture('set-profile-message');
    await roundTrip(id);
    assert.equal(await page.inputValue('#smartserver-profile-choice'), '');
    assert.equal(await typed('profile').inputValue(), 'payload.profile');
    await assertStored(id, { profile: 'payload.profile', profileType: 'msg' });
    await close('#node-dialog-cancel');
  });

  it('of toggle-service has a service from the list with its ports and what closing it means', async () => {
    const id = await drop('toggle-service', 290);
    await open(id);
    await picture('toggle-service');
    assert.equal(await page.inputValue('#smartserver-service-choice'), 'ssh');
    const groups = await page
      .locator('#smartserver-service-choice optgroup')
      .evaluateAll((all) => all.map((one) => one.getAttribute('label')));
    assert.deepEqual(groups, ['Incoming services', 'Outgoing services', 'Internal services (no rules wanted)']);
    await page.getByLabel('Service', { exact: true }).selectOption('bacnet');
    const about = (await page.textContent('#smartserver-service-about')) ?? '';
    assert.match(about, /^bacnet, 47808\/udp, 41797\/udp\. Open only if enabled .* When closed: BACnet devices/);
    await page.click('#node-input-action + .red-ui-typedInput-container .red-ui-typedInput-option-trigger');
    await page.click('.red-ui-typedInput-options:visible a[value="limit"]');
    await page.selectOption('#node-input-direction', 'both');
    await page.getByLabel('Interface').fill('eth0');
    await page.getByRole('textbox', { name: 'Only from' }).fill('192.168.1.0/24');
    await page.check('#node-input-onlyTighten');
    await roundTrip(id);
    assert.equal(await page.inputValue('#smartserver-service-choice'), 'bacnet');
    await assertStored(id, {
      service: 'bacnet',
      serviceType: 'str',
      action: 'limit',
      actionType: 'str',
      direction: 'both',
      interface: 'eth0',
      from: '192.168.1.0/24',
      fromType: 'str',
      onlyTighten: true,
      version: 1,
    });

    await page.selectOption('#smartserver-service-choice', '');
    await typed('service').fill('9100/tcp');
    await choose('action', 'msg');
    await typed('action').fill('payload.action');
    await choose('from', 'env');
    await typed('from').fill('PLANT');
    await picture('toggle-service-other');
    await roundTrip(id);
    assert.equal(await typed('service').inputValue(), '9100/tcp');
    await assertStored(id, {
      service: '9100/tcp',
      serviceType: 'str',
      action: 'payload.action',
      actionType: 'msg',
      from: 'PLANT',
      fromType: 'env',
    });
    await close('#node-dialog-cancel');
  });

  it('of change-web-ports shows the ports, or who follows whom in a repair', async () => {
    const id = await drop('change-web-ports', 430);
    await open(id);
    await picture('change-web-ports');
    await typed('http').fill('1780');
    await typed('https').fill('1443');
    await page.fill('#node-input-keepOldOpen', '600');
    assert.equal(await page.isVisible('#node-input-repairTo'), false);
    await roundTrip(id);
    const saved = {
      http: '1780',
      httpType: 'num',
      https: '1443',
      httpsType: 'num',
      keepOldOpen: '600',
      mode: 'change',
    };
    await assertStored(id, saved);
    assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), true);
    assert.match((await page.textContent('#smartserver-mode-about')) ?? '', /move together, or not at all/);
    await picture('change-web-ports-filled');
    await page.getByLabel('What to do').selectOption('repair');
    for (const property of ['http', 'https']) assert.equal(await typed(property).isVisible(), false);
    assert.equal(await page.isVisible('#node-input-keepOldOpen'), false);
    assert.match((await page.textContent('#smartserver-mode-about')) ?? '', /After a factory restore/);
    await page.selectOption('#node-input-repairTo', 'firewall');
    await picture('change-web-ports-repair');
    await roundTrip(id);
    await assertStored(id, { ...saved, mode: 'repair', repairTo: 'firewall' });
    await page.selectOption('#node-input-mode', 'change');
    await choose('http', 'env');
    await page.getByRole('textbox', { name: 'HTTP port' }).fill('PAGES');
    await choose('https', 'msg');
    await page.getByRole('textbox', { name: 'HTTPS port' }).fill('payload.https');
    await page.selectOption('#node-input-reload', 'none');
    for (const box of ['dryRun', 'onlyTighten', 'force']) await page.check(`#node-input-${box}`);
    await page.uncheck('#node-input-fixRedirect');
    await roundTrip(id);
    assert.equal(await typed('https').inputValue(), 'payload.https');
    const ports = { http: 'PAGES', httpType: 'env', https: 'payload.https', httpsType: 'msg' };
    const options = { reload: 'none', fixRedirect: false, dryRun: true, onlyTighten: true, force: true, version: 1 };
    await assertStored(id, { ...ports, ...options, mode: 'change', repairTo: 'firewall' });
    await close('#node-dialog-cancel');
  });

  it('of change-web-ports marks a node whose ports cannot be right, with a reason, but not in a repair', async () => {
    const id = await drop('change-web-ports', 500);
    const valid = () => page.evaluate(`RED.nodes.node("${id}").valid`);
    const label = () => page.evaluate(`RED.utils.getNodeLabel(RED.nodes.node("${id}"))`);
    const reasons = () => page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`).then(String);
    const fill = async (http: string, https: string, seconds: string) => {
      await open(id);
      await typed('http').fill(http);
      await typed('https').fill(https);
      await page.fill('#node-input-keepOldOpen', seconds);
      await close('#node-dialog-ok');
    };
    assert.deepEqual([await valid(), await label()], [true, 'change web ports']);
    await fill('0', '65536', '604801');
    assert.equal((await reasons()).split('A port from 1 to 65535').length, 3, await reasons());
    assert.ok((await reasons()).includes('Whole seconds, at most 604800'), await reasons());
    await fill('', '1443.5', '0');
    assert.ok((await reasons()).includes('A port from 1 to 65535'), await reasons());
    await fill('1443', '01443', '0');
    assert.ok((await reasons()).includes('HTTP and HTTPS need different ports'), await reasons());
    await open(id);
    await picture('change-web-ports-same');
    await page.selectOption('#node-input-mode', 'repair');
    await close('#node-dialog-ok');
    assert.deepEqual([await valid(), await label()], [true, 'repair web ports']);
    await open(id);
    await page.selectOption('#node-input-mode', 'change');
    await close('#node-dialog-ok');
    assert.equal(await valid(), false);
    await fill('', '1443', '600');
    assert.deepEqual([await valid(), await label()], [true, 'web ports 1443']);
    await fill('1780', '1443', '600');
    assert.deepEqual([await valid(), await label()], [true, 'web ports 1780, 1443']);
    await page.evaluate(`RED.nodes.remove("${id}"), RED.view.redraw(true)`);
  });

  it('of toggle-service marks a node whose service, interface or source cannot be right, with a reason', async () => {
    const id = await drop('toggle-service', 360);
    await open(id);
    await page.selectOption('#smartserver-service-choice', '');
    await typed('service').fill('22; id');
    await page.getByLabel('Interface').fill('../eth0');
    await typed('from').fill('here');
    await close('#node-dialog-ok');
    const errors = String(await page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`));
    for (const reason of ['Name a service, or ports', 'An interface such as eth0', 'An IP address or a subnet']) {
      assert.ok(errors.includes(reason), errors);
    }
    await page.evaluate(`RED.nodes.remove("${id}"), RED.view.redraw(true)`);
  });

  it('of toggle-service keeps for how long, until when and what besides', async () => {
    const id = await drop('toggle-service', 360);
    await open(id);
    assert.equal(await page.isVisible('#node-input-systemService'), true);
    await page.getByRole('textbox', { name: 'For so long (s)' }).fill('1800');
    await page.getByLabel('Also start or stop the SSH program itself').check();
    await page.getByLabel('Confirm within (s)').fill('90');
    await page.getByLabel('Also end connections that are already open').check();
    await picture('toggle-service-while');
    await roundTrip(id);
    await assertStored(id, {
      ...{ duration: '1800', durationType: 'num', systemService: true, confirmWithin: '90', cutConnections: true },
    });
    await page.selectOption('#smartserver-service-choice', 'mqtt');
    assert.equal(await page.isVisible('#node-input-systemService'), false);
    await choose('duration', 'msg');
    await typed('duration').fill('payload.seconds');
    await roundTrip(id);
    await assertStored(id, { duration: 'payload.seconds', durationType: 'msg' });
    await page.getByLabel('Confirm within (s)').fill('700000');
    await close('#node-dialog-ok');
    const errors = String(await page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`));
    assert.match(errors, /Whole seconds, at most 604800/);
    await page.evaluate(`RED.nodes.remove("${id}"), RED.view.redraw(true)`);
  });

  it('of confirm-change has nothing to get wrong', async () => {
    const id = await drop('confirm-change', 430);
    await open(id);
    await picture('confirm-change');
    await page.getByLabel('Name').fill('the link was opened');
    await roundTrip(id);
    await assertStored(id, { name: 'the link was opened', version: 1 });
    await close('#node-dialog-cancel');
    await page.evaluate(`RED.nodes.remove("${id}"), RED.view.redraw(true)`);
  });

  it('of restore-firewall shows what goes with the action, and says what it does', async () => {
    const id = await drop('restore-firewall', 430);
    await open(id);
    await picture('restore-firewall');
    const visible = (name: string) => page.isVisible(`#node-input-${name}`);
    const backup = typed('backup');
    assert.deepEqual([await backup.isVisible(), await visible('confirmWithin')], [false, true]);
    await page.getByLabel('Action').selectOption('list');
    assert.deepEqual([await backup.isVisible(), await visible('confirmWithin')], [false, false]);
    await page.getByLabel('Action').selectOption('restore');
    assert.deepEqual([await backup.isVisible(), await visible('confirmWithin')], [true, true]);
    assert.match((await page.textContent('#smartserver-action-about')) ?? '', /by the id of its backup/);
    await backup.fill('../../etc/passwd');
    await picture('restore-firewall-restore');
    await close('#node-dialog-ok');
    const errors = String(await page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`));
    assert.match(errors, /The id of a backup, or latest/);
    await open(id);
    await choose('backup', 'msg');
    await typed('backup').fill('payload.backup');
    await roundTrip(id);
    await assertStored(id, { action: 'restore', backup: 'payload.backup', backupType: 'msg' });
    assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), true);
    await close('#node-dialog-cancel');
    await page.evaluate(`RED.nodes.remove("${id}"), RED.view.redraw(true)`);
  });

  it('of the configuration keeps each setting', async () => {
    const id = await drop('read-firewall', 430);
    await open(id);
    await page.click('#node-input-btn-device-add');
    await page.waitForSelector('#node-config-dialog-ok');
    await trayAtRest();
    await picture('smartserver');
    const fill = (property: string, value: string) => page.fill(`#node-config-input-${property}`, value);
    await fill('name', 'Plant');
    await page.selectOption('#node-config-input-privilege', 'sudo');
    await fill('managementFrom', '192.168.1.0/24');
    await fill('keepBackups', '7');
    await fill('etcUfw', '/srv/ufw');
    const add = (list: string) =>
      page
        .locator('.red-ui-editableList', { has: page.locator(list) })
        .locator('.red-ui-editableList-addButton')
        .click();
    await add('#smartserver-service-ports');
    await page.locator('#smartserver-service-ports').getByLabel('Service').selectOption('opcua');
    await page.locator('#smartserver-service-ports').getByLabel('Port').fill('55001/tcp');
    await add('#smartserver-custom-services');
    const further = page.locator('#smartserver-custom-services');
    await further.getByLabel('Id').fill('scada-gateway');
    await further.getByLabel('Name').fill('SCADA gateway');
    await further.getByLabel('Ports').fill('9100/tcp, 9101:9109/udp');
    await further.getByLabel('Direction').selectOption('both');
    const profiles = page.getByRole('textbox', { name: 'Further profiles' });
    await profiles.fill('[{ "name": "plant", "open": [{ "service": "https" }] }]');
    await picture('smartserver-filled');
    await close('#node-config-dialog-ok');
    const device = await page.inputValue('#node-input-device');
    await roundTrip(id);
    assert.equal(await page.inputValue('#node-input-device'), device);
    const expected = {
      name: 'Plant',
      privilege: 'sudo',
      servicePorts: { opcua: '55001/tcp' },
      customServices: [
        { id: 'scada-gateway', label: 'SCADA gateway', ports: ['9100/tcp', '9101:9109/udp'], direction: 'both' },
      ],
      customProfiles: [{ name: 'plant', open: [{ service: 'https' }] }],
      managementFrom: '192.168.1.0/24',
      keepBackups: '7',
      etcUfw: '/srv/ufw',
      defaultUfw: '/etc/default/ufw',
      version: 1,
    };
    await assertStored(device, expected);
    assert.equal(await page.evaluate(`RED.nodes.node("${device}").valid`), true);

    // Opened and saved again without a change, nothing is lost.
    await page.click('#node-input-btn-device-edit');
    await page.waitForSelector('#node-config-dialog-ok');
    await trayAtRest();
    assert.equal(await further.getByLabel('Ports').inputValue(), '9100/tcp, 9101:9109/udp');
    await profiles.fill('[ half');
    await close('#node-config-dialog-ok');
    await assertStored(device, { ...expected, customProfiles: '[ half' });
    assert.equal(await page.evaluate(`RED.nodes.node("${device}").valid`), false);
    await close('#node-dialog-cancel');
  });
});
