/** The edit dialogs in a real browser: each opens, takes values, and keeps them across a deploy and a reload. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { madePair } from '../../firewall/fleet/signature';
import { useShared } from '../device/suite';
import { until } from '../firewall/until';
import { Editor } from './browser';
import { putFlows, startNodeRed } from './node-red';

const TAB = { id: 'tab', type: 'tab', label: 'Flow 1', disabled: false, info: '' };
/** A configuration that adds a port, a service and a profile. */
const PLANT = {
  id: 'plant',
  type: 'smartserver',
  name: 'Plant',
  privilege: 'auto',
  servicePorts: { opcua: '55001/tcp' },
  customServices: [{ id: 'scada-gateway', label: 'SCADA gateway', ports: ['9100/tcp'], direction: 'both' }],
  customProfiles: [
    {
      ...{ name: 'plant', incoming: 'deny', outgoing: 'allow' },
      open: [{ service: 'scada-gateway', direction: 'both', from: '', interface: 'eth0' }],
    },
  ],
  managementFrom: '192.168.1.0/24',
  keepBackups: 20,
  etcUfw: '/etc/ufw',
  defaultUfw: '/etc/default/ufw',
  webSite: '/etc/nginx/sites-available/apollo.conf',
  stateDir: '/var/lib/smartserver-firewall',
  version: 1,
};

const REASON = { reason: 'why', reasonType: 'msg' };
const OPTIONS = {
  ...REASON,
  ...{ confirmWithin: '90', cutConnections: true, onlyTighten: true, dryRun: true, force: true, keepPeers: true },
  version: 1,
};
/** A node of each type, with no property at its default. */
const UNUSUAL = [
  {
    ...{ type: 'read-firewall', output: 'service', service: 'who', serviceType: 'flow', onlyChanges: true },
    ...{ csaf: 'documents', csafType: 'msg', since: 'from', sinceType: 'msg', by: 'who', byType: 'flow' },
    ...{ concerning: 'about', concerningType: 'global', language: 'ja', version: 1 },
  },
  {
    type: 'set-profile',
    profile: 'name',
    profileType: 'msg',
    optionalServices: 'open',
    ownRules: 'remove',
    ...{
      overrideOthers: true,
      duration: 'seconds',
      durationType: 'msg',
      buses: 'choice',
      busesType: 'msg',
      peers: true,
    },
    ...OPTIONS,
  },
  {
    ...{ type: 'toggle-service', service: 'SERVICE', serviceType: 'env', action: 'todo', actionType: 'flow' },
    ...{ direction: 'both', interface: 'eth1', from: 'peer', fromType: 'global', systemService: true },
    ...{ duration: 'payload * 60', durationType: 'jsonata', afterwards: 'closed', ...OPTIONS },
  },
  {
    ...{ type: 'change-web-ports', mode: 'repair', http: '1780', httpType: 'msg', https: '1443', httpsType: 'flow' },
    ...{ keepOldOpen: '600', repairTo: 'firewall', reload: 'none', fixRedirect: false, ...OPTIONS },
  },
  {
    ...{
      type: 'schedule-service',
      about: 'profile',
      service: 'mqtt, 9100/tcp',
      profile: 'plant',
      otherwise: 'standard',
    },
    hours: [{ days: ['mon', 'sat'], from: '19:15', to: '07:00' }],
    exceptions: [{ date: '2026-12-24', hours: [{ from: '08:00', to: '12:00' }] }],
    ...{ timeZone: 'Asia/Tokyo', direction: 'both', interface: 'eth1', from: '10.0.0.0/8', whenRemoved: 'close' },
    ...{
      cutConnections: true,
      action: 'wanted',
      actionType: 'flow',
      duration: 'seconds',
      durationType: 'msg',
      ...REASON,
      version: 1,
    },
  },
  { type: 'confirm-change', ...REASON, version: 1 },
  { type: 'restore-firewall', action: 'restore', backup: 'id', backupType: 'msg', ...OPTIONS },
  {
    ...{ type: 'watch-firewall', changes: false, drift: false, webPorts: false, blocked: true, pending: false },
    ...{ reverted: false, leaseEnded: false, blockedEvery: '5', version: 1 },
  },
  { type: 'fleet-request', onlyTighten: true, version: 1 },
  {
    type: 'learn-peers',
    action: 'wanted',
    actionType: 'flow',
    duration: 'days',
    durationType: 'msg',
    ...REASON,
    version: 1,
  },
].map((node, at) => ({
  ...{ id: `unusual${at}`, z: 'tab', x: 200, y: 80 + at * 60, wires: [[]], name: `no. ${at}`, device: PLANT.id },
  ...node,
}));

describe('the dialogs', function () {
  this.timeout(120_000);
  const red = useShared(startNodeRed, (one) => one.stop());
  const editor = useShared(
    () => Editor.open(red.url),
    (one) => one.close(),
  );
  let page: Page;

  before(() => {
    ({ page } = editor);
  });
  beforeEach(() => start([TAB]));
  afterEach(() => {
    assert.deepEqual(editor.takeComplaints(), []);
  });

  /** Reloads the editor with these flows. */
  async function start(flows: readonly object[]): Promise<void> {
    await putFlows(red.url, flows);
    await editor.load();
  }

  /** Compares these properties of the node with what the editor would store. */
  async function assertStored(id: string, expected: object): Promise<void> {
    const stored = await editor.stored(id);
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, stored[key]])), expected);
  }

  const choose = async (property: string, type: string) => {
    const field = `:is(#node-input-${property}, #smartserver-${property}-amount)`;
    await page.click(`${field} + .red-ui-typedInput-container .red-ui-typedInput-type-select`);
    await page.click(`.red-ui-typedInput-options:visible a[value="${type}"]`);
  };

  /** Saves the dialog, deploys, reloads the editor and opens the dialog again. */
  async function roundTrip(id: string): Promise<void> {
    await editor.closeWith('#node-dialog-ok');
    await editor.deploy();
    await editor.load();
    await editor.edit(id);
  }

  it('of read-firewall keeps what is set', async () => {
    const id = await editor.drop('read-firewall', 150);
    await editor.edit(id);
    assert.equal(await page.isVisible('#smartserver-advisories'), true);
    await page.selectOption('#node-input-output', 'findings');
    await choose('csaf', 'msg');
    await editor.typed('csaf').fill('payload.csaf');
    await roundTrip(id);
    assert.equal(await editor.typed('csaf').inputValue(), 'payload.csaf');
    await assertStored(id, { output: 'findings', csaf: 'payload.csaf', csafType: 'msg' });
    await page.selectOption('#node-input-output', 'profile');
    assert.equal(await page.isVisible('#smartserver-advisories'), false);
    await page.getByLabel('Only when something has changed').check();
    await roundTrip(id);
    assert.equal(await page.inputValue('#node-input-output'), 'profile');
    assert.equal(await page.isChecked('#node-input-onlyChanges'), true);
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of set-profile has a profile from the list, or one from a message', async () => {
    const id = await editor.drop('set-profile', 220);
    await editor.edit(id);
    assert.equal(await page.inputValue('#smartserver-profile-choice'), 'enhanced');
    assert.equal(await page.isVisible('#smartserver-profile-other'), false);
    await page.selectOption('#node-input-optionalServices', 'close');
    await page.selectOption('#node-input-ownRules', 'remove');
    await page.getByLabel('Profile', { exact: true }).selectOption({ label: 'Lockdown' });
    assert.match((await page.textContent('#smartserver-profile-about')) ?? '', /Everything else is closed/);
    for (const name of ['optionalServices', 'ownRules'])
      assert.equal(await page.isVisible(`#node-input-${name}`), false);
    await editor.fold().click();
    for (const box of ['dryRun', 'onlyTighten', 'force', 'peers', 'keepPeers']) await page.check(`#node-input-${box}`);
    await choose('buses', 'msg');
    await editor.typed('buses').fill('payload.buses');
    await roundTrip(id);
    await assertStored(id, { buses: 'payload.buses', busesType: 'msg', peers: true, keepPeers: true });
    assert.equal(await page.inputValue('#smartserver-profile-choice'), 'lockdown');
    const saved = { profile: 'lockdown', profileType: 'str', optionalServices: 'close', ownRules: 'remove' };
    await assertStored(id, { ...saved, dryRun: true, onlyTighten: true, force: true });

    await page.selectOption('#smartserver-profile-choice', '');
    await choose('profile', 'msg');
    await page.getByRole('textbox', { name: 'Profile name' }).fill('payload.profile');
    await roundTrip(id);
    assert.equal(await page.inputValue('#smartserver-profile-choice'), '');
    assert.equal(await editor.typed('profile').inputValue(), 'payload.profile');
    await assertStored(id, { profile: 'payload.profile', profileType: 'msg' });
    await editor.closeWith('#node-dialog-cancel');
  });

  /** What the table of `set-profile` says of a service: its two cells. */
  const previewed = (service: string) =>
    page.locator('#smartserver-preview tr', { hasText: service }).locator('td').allTextContents();

  it('of set-profile shows what a profile does, in words and signs, as its options are chosen', async () => {
    const id = await editor.drop('set-profile', 220);
    await editor.edit(id);
    assert.deepEqual(await previewed('SSH remote shell'), [' open', ' closed']);
    assert.deepEqual(await previewed('MQTT broker (unencrypted)'), [' unchanged', ' unchanged']);
    assert.deepEqual(await previewed('Everything else'), [' closed', ' closed']);
    await page.selectOption('#node-input-optionalServices', 'open');
    assert.deepEqual(await previewed('MQTT broker (unencrypted)'), [' open', ' closed']);
    await page.selectOption('#smartserver-profile-choice', 'standard');
    assert.deepEqual(await previewed('Everything else'), [' closed', ' open']);
    await page.selectOption('#smartserver-profile-choice', 'lockdown');
    assert.deepEqual(await previewed('SSH remote shell'), [' closed', ' closed']);
    assert.deepEqual(await previewed('Web pages (HTTPS)'), [' open', 'not used']);
    const signs = await page
      .locator('#smartserver-preview td i')
      .evaluateAll((all) => [...new Set(all.map((sign) => `${sign.className} ${sign.parentElement?.textContent}`))]);
    assert.deepEqual(signs.sort(), ['fa fa-ellipsis-h  unchanged', 'fa fa-lock  closed', 'fa fa-unlock-alt  open']);
    await page.selectOption('#smartserver-profile-choice', '');
    await choose('profile', 'msg');
    assert.equal(await page.isVisible('#smartserver-preview'), false);
    assert.match((await page.textContent('#smartserver-profile-about')) ?? '', /The flow supplies the profile’s name/);
    await choose('profile', 'str');
    await editor.typed('profile').fill('enhanced SECURITY');
    await editor.typed('profile').blur();
    assert.deepEqual(await previewed('SSH remote shell'), [' open', ' closed']);
    assert.equal(await page.textContent('#smartserver-reason-profile'), '');
    await editor.typed('profile').fill('nowhere');
    await editor.typed('profile').blur();
    assert.match((await page.textContent('#smartserver-profile-about')) ?? '', /UNKNOWN_PROFILE.*Use one of enhanced/);
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of toggle-service has a service from the list with its ports and what closing it means', async () => {
    const id = await editor.drop('toggle-service', 290);
    await editor.edit(id);
    assert.equal(await page.inputValue('#smartserver-service-choice'), 'ssh');
    const groups = await page
      .locator('#smartserver-service-choice optgroup')
      .evaluateAll((all) => all.map((one) => one.getAttribute('label')));
    assert.deepEqual(groups, [
      'Incoming: others connect to the device',
      'Outgoing: the device connects to others',
      'Internal: used only within the device',
    ]);
    await page.getByLabel('Service', { exact: true }).selectOption('bacnet');
    const about = (await page.textContent('#smartserver-service-about')) ?? '';
    assert.match(
      about,
      /^In messages: bacnet\. Ports: 47808\/udp, 41797\/udp\. Used only if enabled .* When closed: BACnet devices/,
    );
    await choose('action', 'str');
    await page.click('#node-input-action + .red-ui-typedInput-container .red-ui-typedInput-option-trigger');
    await page.click('.red-ui-typedInput-options:visible a[value="limit"]');
    await page.selectOption('#node-input-direction', 'both');
    await page.getByLabel('Only on interface').fill('eth0');
    await page.getByRole('textbox', { name: 'Only for address' }).fill('192.168.1.0/24');
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
    await editor.typed('service').fill('9100/tcp');
    await choose('action', 'msg');
    await editor.typed('action').fill('payload.action');
    await choose('from', 'env');
    await editor.typed('from').fill('PLANT');
    await roundTrip(id);
    assert.equal(await editor.typed('service').inputValue(), '9100/tcp');
    await assertStored(id, {
      service: '9100/tcp',
      serviceType: 'str',
      action: 'payload.action',
      actionType: 'msg',
      from: 'PLANT',
      fromType: 'env',
    });
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of change-web-ports shows the ports, or what a repair goes by', async () => {
    const id = await editor.drop('change-web-ports', 430);
    await editor.edit(id);
    await editor.typed('http').fill('1780');
    await editor.typed('https').fill('1443');
    await page.fill('#smartserver-keepOldOpen-amount', '600');
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
    assert.match((await page.textContent('#smartserver-mode-about')) ?? '', /changed together, or not at all/);
    await page.getByLabel('Action').selectOption('repair');
    for (const property of ['http', 'https']) assert.equal(await editor.typed(property).isVisible(), false);
    assert.equal(await page.isVisible('#smartserver-keepOldOpen-amount'), false);
    assert.match((await page.textContent('#smartserver-mode-about')) ?? '', /a factory restore resets the firewall/);
    await page.selectOption('#node-input-repairTo', 'firewall');
    await roundTrip(id);
    await assertStored(id, { ...saved, mode: 'repair', repairTo: 'firewall' });
    await page.selectOption('#node-input-mode', 'change');
    await choose('http', 'env');
    await page.getByRole('textbox', { name: 'Port for http://' }).fill('PAGES');
    await choose('https', 'msg');
    await page.getByRole('textbox', { name: 'Port for https://' }).fill('payload.https');
    await page.selectOption('#node-input-reload', 'none');
    await editor.fold().click();
    for (const box of ['dryRun', 'onlyTighten', 'force']) await page.check(`#node-input-${box}`);
    await page.uncheck('#node-input-fixRedirect');
    await roundTrip(id);
    assert.equal(await editor.typed('https').inputValue(), 'payload.https');
    const ports = { http: 'PAGES', httpType: 'env', https: 'payload.https', httpsType: 'msg' };
    const options = { reload: 'none', fixRedirect: false, dryRun: true, onlyTighten: true, force: true, version: 1 };
    await assertStored(id, { ...ports, ...options, mode: 'change', repairTo: 'firewall' });
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of change-web-ports marks a node with invalid ports and says why, but not for a repair', async () => {
    const id = await editor.drop('change-web-ports', 500);
    const valid = () => page.evaluate(`RED.nodes.node("${id}").valid`);
    const label = () => page.evaluate(`RED.utils.getNodeLabel(RED.nodes.node("${id}"))`);
    const reasons = () => page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`).then(String);
    const fill = async (http: string, https: string, seconds: string) => {
      await editor.edit(id);
      await editor.typed('http').fill(http);
      await editor.typed('https').fill(https);
      await page.fill('#smartserver-keepOldOpen-amount', seconds);
      await editor.closeWith('#node-dialog-ok');
    };
    assert.deepEqual([await valid(), await label()], [true, 'change web ports']);
    await fill('0', '65536', '604801');
    assert.equal((await reasons()).split('A port from 1 to 65535').length, 3, await reasons());
    assert.ok((await reasons()).includes('A duration of at most one week'), await reasons());
    await fill('', '1443.5', '0');
    assert.ok((await reasons()).includes('A port from 1 to 65535'), await reasons());
    await fill('1443', '01443', '0');
    assert.ok((await reasons()).includes('http:// and https:// need different ports'), await reasons());
    await editor.edit(id);
    await page.selectOption('#node-input-mode', 'repair');
    await editor.closeWith('#node-dialog-ok');
    assert.deepEqual([await valid(), await label()], [true, 'repair web ports']);
    await editor.edit(id);
    await page.selectOption('#node-input-mode', 'change');
    await editor.closeWith('#node-dialog-ok');
    assert.equal(await valid(), false);
    await fill('', '1443', '600');
    assert.deepEqual([await valid(), await label()], [true, 'web ports 1443']);
    await fill('1780', '1443', '600');
    assert.deepEqual([await valid(), await label()], [true, 'web ports 1780, 1443']);
  });

  it('of toggle-service marks a node with an invalid service, interface or source, and says why', async () => {
    const id = await editor.drop('toggle-service', 360);
    await editor.edit(id);
    await page.selectOption('#smartserver-service-choice', '');
    await editor.typed('service').fill('22; id');
    await page.getByLabel('Only on interface').fill('../eth0');
    await editor.typed('from').fill('here');
    await editor.closeWith('#node-dialog-ok');
    const errors = String(await page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`));
    for (const reason of [
      'Enter a service, or ports',
      'An interface such as eth0',
      'An address such as 192.168.1.20',
    ]) {
      assert.ok(errors.includes(reason), errors);
    }
  });

  it('of toggle-service keeps the duration, the time to confirm and the other options', async () => {
    const id = await editor.drop('toggle-service', 360);
    await editor.edit(id);
    assert.equal(await page.isVisible('#node-input-systemService'), true);
    await page.getByRole('textbox', { name: 'Duration' }).fill('1800');
    await page.getByLabel('Also start or stop the SSH server itself').check();
    await page.getByLabel('Revert unless confirmed', { exact: true }).fill('90');
    await editor.fold().click();
    await page.getByLabel('Also terminate established connections').check();
    await roundTrip(id);
    await assertStored(id, {
      ...{ duration: '1800', durationType: 'num', systemService: true, confirmWithin: '90', cutConnections: true },
    });
    await page.selectOption('#smartserver-service-choice', 'mqtt');
    assert.equal(await page.isVisible('#node-input-systemService'), false);
    // A hidden option must not be sent: the engine stops no server but SSH's.
    assert.equal(await page.isChecked('#node-input-systemService'), false);
    await choose('duration', 'msg');
    await editor.typed('duration').fill('payload.seconds');
    await roundTrip(id);
    await assertStored(id, { duration: 'payload.seconds', durationType: 'msg' });
    await page.getByLabel('Revert unless confirmed', { exact: true }).fill('700000');
    await editor.closeWith('#node-dialog-ok');
    const errors = String(await page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`));
    assert.match(errors, /A duration of at most one week/);
  });

  it('show the safeguards that people use first, and the others where one of them is set', async () => {
    const first = ['confirmWithin', 'onlyTighten', 'dryRun'];
    const others = ['cutConnections', 'keepPeers', 'force'];
    const shown = async (names: readonly string[]) =>
      Promise.all(
        names.map((name) =>
          page.isVisible(name === 'confirmWithin' ? `#smartserver-${name}-amount` : `#node-input-${name}`),
        ),
      );
    const all = (isShown: boolean) => [isShown, isShown, isShown];
    for (const type of ['set-profile', 'toggle-service', 'change-web-ports', 'restore-firewall']) {
      const id = await editor.drop(type, 150);
      await editor.edit(id);
      assert.deepEqual([await shown(first), await shown(others)], [all(true), all(false)], type);
      await editor.tabTo(editor.fold());
      await page.keyboard.press('Enter');
      assert.deepEqual(await shown(others), all(true), type);
      await page.keyboard.press('Enter');
      assert.deepEqual(await shown(others), all(false), type);
      await page.check('#node-input-dryRun');
      await editor.closeWith('#node-dialog-ok');
      for (const name of others) {
        await editor.edit(id);
        assert.deepEqual(await shown(others), all(false), `${type}, before ${name}`);
        await editor.fold().click();
        await page.check(`#node-input-${name}`);
        await editor.closeWith('#node-dialog-ok');
        await editor.edit(id);
        assert.deepEqual(await shown(others), all(true), `${type}, ${name}`);
        await page.uncheck(`#node-input-${name}`);
        await editor.closeWith('#node-dialog-ok');
      }
    }
    await start([TAB, PLANT, ...UNUSUAL]);
    for (const { id, type } of UNUSUAL.filter(({ type }) => ['toggle-service', 'schedule-service'].includes(type))) {
      await editor.edit(id);
      assert.equal(await editor.fold().locator('..').getAttribute('open'), '', type);
      await editor.closeWith('#node-dialog-cancel');
    }
  });

  it('of toggle-service takes its action from the message at first, and says what that means', async () => {
    const id = await editor.drop('toggle-service', 360);
    await assertStored(id, { action: 'payload', actionType: 'msg', version: 1 });
    await editor.edit(id);
    assert.equal(await editor.typed('action').inputValue(), 'payload');
    assert.match(
      (await page.textContent('#smartserver-hint-action')) ?? '',
      /true, 1 or “on” opens .* false, 0 or “off” closes/,
    );
    await page.selectOption('#smartserver-service-choice', '');
    await choose('service', 'json');
    await editor.typed('service').fill('["ssh", "mqtt"]');
    assert.match((await page.textContent('#smartserver-service-about')) ?? '', /Several services, changed together/);
    assert.equal(await page.isVisible('#node-input-systemService'), true);
    for (const wrong of ['[]', '["ssh"', '[7.5]', '{}', '[["ssh"]]']) {
      await editor.typed('service').fill(wrong);
      assert.match((await page.textContent('#smartserver-reason-service')) ?? '', /Enter a service/, wrong);
    }
    await editor.typed('service').fill('["ssh", 443]');
    await roundTrip(id);
    await assertStored(id, { service: '["ssh", 443]', serviceType: 'json', action: 'payload', actionType: 'msg' });
    assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), true);
    await editor.closeWith('#node-dialog-cancel');
  });

  it('show durations with a unit, understand words, and store seconds', async () => {
    const id = await editor.drop('toggle-service', 360);
    await editor.edit(id);
    const amount = editor.typed('duration');
    const unit = page.getByLabel('Duration: unit');
    assert.deepEqual([await amount.inputValue(), await unit.inputValue()], ['0', 's']);
    assert.deepEqual(await unit.locator('option').allTextContents(), ['seconds', 'minutes', 'hours', 'days']);
    const stored = () => page.inputValue('#node-input-duration');
    await amount.fill('90');
    for (const [name, seconds] of [
      ['minutes', '5400'],
      ['hours', '324000'],
      ['seconds', '90'],
    ] as const) {
      await unit.selectOption(name);
      assert.equal(await stored(), seconds);
    }
    await amount.fill('1h 30min');
    assert.equal(await stored(), '5400');
    await amount.blur();
    assert.deepEqual([await amount.inputValue(), await unit.inputValue()], ['90', 'min']);
    await page.getByLabel('Revert unless confirmed', { exact: true }).fill('2 min');
    await roundTrip(id);
    assert.deepEqual([await amount.inputValue(), await unit.inputValue()], ['90', 'min']);
    await assertStored(id, { duration: '5400', durationType: 'num', confirmWithin: '120' });
    for (const wrong of ['8', '-1', 'soon', '1.5', '']) {
      await unit.selectOption('days');
      await amount.fill(wrong);
      const reason = (await page.textContent('#smartserver-reason-duration')) ?? '';
      assert.equal(/at most one week/.test(reason), wrong !== '', wrong);
    }
    await choose('duration', 'flow');
    assert.equal(await unit.isVisible(), false);
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of read-firewall offers the services, and shows them only where one is meant', async () => {
    const id = await editor.drop('read-firewall', 150);
    await editor.edit(id);
    const services = page.getByLabel('Service', { exact: true });
    assert.equal(await services.isVisible(), false);
    await page.selectOption('#node-input-output', 'service');
    await services.selectOption('mqtt');
    await roundTrip(id);
    await assertStored(id, { output: 'service', service: 'mqtt', serviceType: 'str' });
    await services.selectOption('');
    await editor.typed('service').fill('22/tcp');
    assert.match((await page.textContent('#smartserver-reason-service')) ?? '', /Enter the id or name of a service/);
    await choose('service', 'msg');
    await editor.typed('service').fill('topic');
    await roundTrip(id);
    await assertStored(id, { output: 'service', service: 'topic', serviceType: 'msg' });
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of confirm-change has nothing to get wrong', async () => {
    const id = await editor.drop('confirm-change', 430);
    await editor.edit(id);
    await page.getByLabel('Name').fill('the link was opened');
    await roundTrip(id);
    await assertStored(id, { name: 'the link was opened', version: 1 });
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of watch-firewall has a box for each topic, and asks how often only for blocked packets', async () => {
    const id = await editor.drop('watch-firewall', 400);
    assert.equal(await page.locator(`[id="${id}"] .red-ui-flow-port-input`).count(), 0);
    await editor.edit(id);
    assert.equal(await page.isVisible('#smartserver-blockedEvery-amount'), false);
    const box = page.getByLabel('the firewall has blocked and logged a packet');
    assert.equal(await box.isChecked(), false);
    await box.check();
    const every = page.getByLabel('At most every', { exact: true });
    const unit = page.getByLabel('At most every: unit');
    assert.deepEqual([await every.inputValue(), await unit.inputValue()], ['1', 'min']);
    await unit.selectOption('seconds');
    for (const wrong of ['0', '', '1.5', '86401']) {
      await every.fill(wrong);
      assert.match(
        (await page.textContent('#smartserver-reason-blockedEvery')) ?? '',
        /from one second to one day/,
        wrong,
      );
    }
    await every.fill('5');
    assert.equal(await page.textContent('#smartserver-reason-blockedEvery'), '');
    await page.getByLabel('rules or default policies have changed, whoever changed them').uncheck();
    await roundTrip(id);
    await assertStored(id, { changes: false, drift: true, blocked: true, leaseEnded: true, blockedEvery: '5' });
    await page.getByLabel('the firewall has blocked and logged a packet').uncheck();
    assert.equal(await page.isVisible('#smartserver-blockedEvery-amount'), false);
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of fleet-request can keep requests from opening anything', async () => {
    const id = await editor.drop('fleet-request', 430);
    await editor.edit(id);
    const box = page.getByLabel('Only tighten: never allow more traffic in or out');
    assert.equal(await box.isChecked(), false);
    await box.check();
    await roundTrip(id);
    await assertStored(id, { onlyTighten: true });
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of learn-peers shows the duration where it is meant, says what the action does, and keeps what is set', async () => {
    const id = await editor.drop('learn-peers', 470);
    await editor.edit(id);
    const about = () => page.innerText('#smartserver-action-about');
    const duration = page.locator('#smartserver-duration-amount');
    assert.match(await about(), /Changes nothing/);
    assert.equal(await page.isVisible('#smartserver-learn-duration'), false);
    await page.click('#node-input-action + .red-ui-typedInput-container .red-ui-typedInput-option-trigger');
    await page.click('.red-ui-typedInput-options:visible a[value="start"]');
    assert.match(await about(), /stays as it is/);
    assert.equal(await page.isVisible('#smartserver-learn-duration'), true);
    assert.ok(await duration.count());
    await roundTrip(id);
    assert.match(await about(), /stays as it is/);
    await choose('action', 'msg');
    assert.match(await about(), /flow determines/);
    assert.equal(await page.isVisible('#smartserver-learn-duration'), true);
    await editor.closeWith('#node-dialog-ok');
    await assertStored(id, { actionType: 'msg', duration: 1_209_600 });
  });

  it('of restore-firewall shows the fields of the action, and says what it does', async () => {
    const id = await editor.drop('restore-firewall', 430);
    await editor.edit(id);
    const visible = (name: string) => page.isVisible(`#smartserver-${name}-amount`);
    const backup = editor.typed('backup');
    assert.deepEqual([await backup.isVisible(), await visible('confirmWithin')], [false, true]);
    await page.getByLabel('Action').selectOption('list');
    assert.deepEqual([await backup.isVisible(), await visible('confirmWithin')], [false, false]);
    await page.getByLabel('Action').selectOption('restore');
    assert.deepEqual([await backup.isVisible(), await visible('confirmWithin')], [true, true]);
    assert.match((await page.textContent('#smartserver-action-about')) ?? '', /the state it had before a change/);
    await backup.fill('../../etc/passwd');
    await editor.closeWith('#node-dialog-ok');
    const errors = String(await page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`));
    assert.match(errors, /A backup id such as .*, or latest/);
    await editor.edit(id);
    await choose('backup', 'msg');
    await editor.typed('backup').fill('payload.backup');
    await roundTrip(id);
    await assertStored(id, { action: 'restore', backup: 'payload.backup', backupType: 'msg' });
    assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), true);
    await editor.closeWith('#node-dialog-cancel');
  });

  it('says below each field why its value is invalid, as it is typed', async () => {
    const id = await editor.drop('toggle-service', 360);
    await editor.edit(id);
    const reason = (property: string) => page.locator(`#smartserver-reason-${property}`);
    const from = page.getByRole('textbox', { name: 'Only for address' });
    for (const text of ['10.0.0.256', '10.0.0.0/33', '::1/129', ':::', 'here', '10.0.0.1/8/8']) {
      await from.fill(text);
      assert.match((await reason('from').textContent()) ?? '', /An address such as/, text);
      assert.equal(await from.getAttribute('aria-invalid'), 'true');
      assert.match((await from.getAttribute('aria-describedby')) ?? '', /smartserver-reason-from/);
    }
    for (const text of ['', '10.0.0.1', '10.0.0.0/8', 'fe80::1', '2001:db8::/32', '::ffff:10.0.0.1']) {
      await from.fill(text);
      assert.equal(await reason('from').textContent(), '', text);
      assert.equal(await from.getAttribute('aria-invalid'), null);
    }
    await page.selectOption('#smartserver-service-choice', 'dhcp');
    await choose('action', 'str');
    await page.click('#node-input-action + .red-ui-typedInput-container .red-ui-typedInput-option-trigger');
    await page.click('.red-ui-typedInput-options:visible a[value="close"]');
    assert.match((await reason('action').textContent()) ?? '', /DHCP cannot be closed/);
    await page.selectOption('#smartserver-service-choice', '');
    for (const text of ['', '0/tcp', '70000', '20:10/tcp', '22/icmp']) {
      await editor.typed('service').fill(text);
      assert.match((await reason('service').textContent()) ?? '', /Enter a service, or ports/, text);
    }
    for (const text of ['22', '22/tcp', '1628:1645/udp', 'ssh', 'SSH', 'Web pages (HTTPS)']) {
      await editor.typed('service').fill(text);
      assert.equal(await reason('service').textContent(), '', text);
    }
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of change-web-ports warns of a restart that would revert an unconfirmed change', async () => {
    const id = await editor.drop('change-web-ports', 430);
    await editor.edit(id);
    await page.selectOption('#node-input-reload', 'reboot');
    const reason = page.locator('#smartserver-reason-reload');
    assert.equal(await reason.textContent(), '');
    await page.getByLabel('Revert unless confirmed', { exact: true }).fill('90');
    assert.match((await reason.textContent()) ?? '', /A restart reverts any change that has not been confirmed/);
    await editor.closeWith('#node-dialog-cancel');
  });

  it('of the configuration keeps each setting', async () => {
    const id = await editor.drop('read-firewall', 430);
    await editor.edit(id);
    await page.click('#node-input-btn-device-add');
    await editor.dialogOpen('#node-config-dialog-ok');
    const fill = (property: string, value: string) => page.fill(`#node-config-input-${property}`, value);
    await fill('name', 'Plant');
    await page.selectOption('#node-config-input-privilege', 'sudo');
    await fill('managementFrom', '192.168.1.0/24');
    await fill('managementTo', '8883/tcp');
    await fill('firmware', '4.60.x');
    assert.match((await page.locator('#smartserver-reason-firmware').textContent()) ?? '', /A version such as/);
    await fill('firmware', '4.60.009');
    await fill('keepBackups', '7');
    await fill('etcUfw', '/srv/ufw');
    const add = (name: string) => page.getByRole('button', { name }).click();
    const reason = (property: string) => page.locator(`#smartserver-reason-${property}`);
    await add('add a port');
    const ports = page.locator('#smartserver-service-ports');
    assert.match((await reason('servicePorts').textContent()) ?? '', /Each needs a port such as/);
    await ports.getByRole('combobox', { name: 'Service' }).selectOption('opcua');
    await ports.getByRole('textbox', { name: 'Port' }).fill('55001/tcp');
    assert.equal(await reason('servicePorts').textContent(), '');
    // A second row gets another service, and cannot take the first one's.
    await add('add a port');
    assert.equal(await ports.getByRole('combobox', { name: 'Service' }).nth(1).inputValue(), 'bacnet');
    await ports.getByRole('combobox', { name: 'Service' }).nth(1).focus();
    assert.equal(await ports.locator('select').nth(1).locator('option[value="opcua"]').isDisabled(), true);
    await ports.getByRole('button', { name: 'Delete this row' }).nth(1).click();
    await ports.getByRole('combobox', { name: 'Service' }).nth(1).waitFor({ state: 'detached' });

    await add('add a service');
    const custom = page.locator('#smartserver-custom-services');
    await custom.getByRole('textbox', { name: 'Name' }).fill('SCADA gateway');
    await custom.getByRole('textbox', { name: 'Id in messages' }).fill('ssh');
    await custom.getByRole('textbox', { name: 'Ports' }).fill('9100/tcp, 9101:9109/udp');
    assert.match((await reason('customServices').textContent()) ?? '', /must not be that of a built-in service/);
    await custom.getByRole('textbox', { name: 'Id in messages' }).fill('scada-gateway');
    assert.equal(await reason('customServices').textContent(), '');
    await custom.getByRole('combobox', { name: 'Direction' }).selectOption('both');

    await add('add peers of a service');
    await add('add peers of a service');
    const peers = page.locator('#smartserver-peers');
    await peers.getByRole('textbox', { name: 'Addresses' }).first().fill('192.168.10.0/24, plant');
    assert.match((await reason('peers').textContent()) ?? '', /Each needs addresses such as/);
    await peers.getByRole('textbox', { name: 'Addresses' }).first().fill('192.168.10.0/24, 2001:db8::7');
    await peers.getByRole('combobox', { name: 'Service' }).nth(1).focus();
    await peers.getByRole('combobox', { name: 'Service' }).nth(1).selectOption('scada-gateway');
    await peers.getByRole('textbox', { name: 'Addresses' }).nth(1).fill('10.0.0.9');
    assert.equal(await reason('peers').textContent(), '');

    await add('add a profile');
    const profiles = page.locator('#smartserver-custom-profiles');
    await profiles.getByRole('textbox', { name: 'Name' }).fill('plant');
    await profiles.getByRole('combobox', { name: 'All other outgoing traffic' }).selectOption('allow');
    await add('open a service');
    await add('open a service');
    await profiles.getByRole('textbox', { name: 'Only for address' }).first().fill('192.168.1.0/24');
    // A service of the list above is offered at once.
    await profiles.getByRole('combobox', { name: 'Opens' }).nth(1).focus();
    await profiles.getByRole('combobox', { name: 'Opens' }).nth(1).selectOption('scada-gateway');
    await profiles.getByRole('combobox', { name: 'Direction' }).nth(1).selectOption('both');
    await profiles.getByRole('textbox', { name: 'Only on interface' }).nth(1).fill('eth0');
    assert.equal(await reason('customProfiles').textContent(), '');

    await fill('fleetDevice', 'plant/7');
    assert.match((await reason('fleetDevice').textContent()) ?? '', /At most 64 letters/);
    await fill('fleetDevice', 'plant-7');
    await fill('fleetGroup', 'north');
    assert.equal(await reason('fleetDevice').textContent(), '');
    const [first, second] = [madePair(), madePair()];
    const keys = page.locator('#smartserver-operator-keys');
    const keyField = (at: number) => keys.getByRole('textbox', { name: 'Public key' }).nth(at);
    await add('add a key');
    await add('add a key');
    for (const at of [0, 1]) await keys.getByRole('textbox', { name: 'Name' }).nth(at).fill(`operator-${at}`);
    await keyField(0).fill(first.publicKey);
    await keyField(1).fill(first.publicKey);
    assert.match((await reason('operatorKeys').textContent()) ?? '', /must be unique/);
    await keyField(1).fill(second.privateKey.replace(/\n/g, ' '));
    assert.match((await reason('operatorKeys').textContent()) ?? '', /a private key, which is no longer secret now/);
    await keyField(1).fill(second.publicKey);
    await keys.getByRole('combobox', { name: 'May request' }).nth(1).selectOption('tightenForce');
    assert.equal(await reason('operatorKeys').textContent(), '');
    await editor.closeWith('#node-config-dialog-ok');
    const device = await page.inputValue('#node-input-device');
    await roundTrip(id);
    assert.equal(await page.inputValue('#node-input-device'), device);
    const expected = {
      name: 'Plant',
      privilege: 'sudo',
      firmware: '4.60.009',
      peers: { lon: ['192.168.10.0/24', '2001:db8::7'], 'scada-gateway': ['10.0.0.9'] },
      servicePorts: { opcua: '55001/tcp' },
      customServices: [
        { id: 'scada-gateway', label: 'SCADA gateway', direction: 'both', ports: ['9100/tcp', '9101:9109/udp'] },
      ],
      customProfiles: [
        {
          ...{ name: 'plant', incoming: 'deny', outgoing: 'allow' },
          open: [
            { service: 'https', direction: 'in', from: '192.168.1.0/24', interface: '' },
            { service: 'scada-gateway', direction: 'both', from: '', interface: 'eth0' },
          ],
        },
      ],
      managementFrom: '192.168.1.0/24',
      managementTo: '8883/tcp',
      operatorKeys: [
        { name: 'operator-0', publicKey: first.publicKey, onlyTighten: false, force: false },
        { name: 'operator-1', publicKey: second.publicKey, onlyTighten: true, force: true },
      ],
      fleetDevice: 'plant-7',
      fleetGroup: 'north',
      keepBackups: '7',
      etcUfw: '/srv/ufw',
      defaultUfw: '/etc/default/ufw',
      version: 1,
    };
    await assertStored(device, expected);
    assert.equal(await page.evaluate(`RED.nodes.node("${device}").valid`), true);

    // Opened and saved again without a change, nothing is lost.
    await page.click('#node-input-btn-device-edit');
    await editor.dialogOpen('#node-config-dialog-ok');
    assert.equal(await custom.getByRole('textbox', { name: 'Ports' }).inputValue(), '9100/tcp, 9101:9109/udp');
    await editor.closeWith('#node-config-dialog-ok');
    await assertStored(device, expected);

    // A private key that somebody leaves there is not stored.
    await page.click('#node-input-btn-device-edit');
    await editor.dialogOpen('#node-config-dialog-ok');
    await keyField(1).fill(second.privateKey.replace(/\n/g, ' '));
    await editor.closeWith('#node-config-dialog-ok');
    await assertStored(device, {
      ...expected,
      operatorKeys: expected.operatorKeys.map((key, at) => (at === 1 ? { ...key, publicKey: '' } : key)),
    });
    assert.equal(await page.evaluate(`RED.nodes.node("${device}").valid`), false);
    await editor.closeWith('#node-dialog-ok');
  });

  it('of a configuration written by hand open with what can be shown of it', async () => {
    const bare = { id: 'bare', type: 'smartserver', name: 'Bare' };
    const strange = {
      ...{ id: 'strange', type: 'smartserver', name: 'Strange', servicePorts: 'opcua', etcUfw: 7 },
      customServices: [null, { id: 7, ports: 'x' }],
      customProfiles: [{ name: ['a'], open: [null, { service: { toString: 1 } }] }],
    };
    await start([TAB, bare, strange]);
    const valid = (id: string) => page.evaluate(`RED.nodes.node("${id}").valid`);
    const toggle = await editor.drop('toggle-service', 500);
    await editor.edit(toggle);
    for (const [id, rows, isValid] of [
      ['bare', 0, true],
      ['strange', 1, false],
    ] as const) {
      await page.selectOption('#node-input-device', id);
      await page.click('#node-input-btn-device-edit');
      await editor.dialogOpen('#node-config-dialog-ok');
      const services = page.locator('#smartserver-custom-services').getByRole('textbox', { name: 'Id in messages' });
      assert.equal(await services.count(), rows);
      await editor.closeWith('#node-config-dialog-ok');
      assert.equal(await valid(id), isValid);
    }
    await editor.closeWith('#node-dialog-ok');
  });

  it('have validators whose reasons Node-RED understands', async () => {
    await start([TAB]);
    const lengths =
      await page.evaluate(`Object.fromEntries([...${JSON.stringify(UNUSUAL.map(({ type }) => type))}, 'smartserver', 'fleet-request']
      .flatMap((type) => Object.entries(RED.nodes.getType(type).defaults)
        .filter(([, { validate }]) => validate)
        .map(([property, { validate }]) => [type + '.' + property, validate.length])))`);
    const wrong = Object.entries(lengths as Record<string, number>).filter(([, length]) => length !== 2);
    assert.deepEqual(wrong, []);
    assert.ok(Object.keys(lengths as object).length > 20);
  });

  it('offer what the chosen configuration adds: its ports, its services, its profiles', async () => {
    await start([TAB, PLANT]);
    const toggle = await editor.drop('toggle-service', 500);
    await editor.edit(toggle);
    const services = page.locator('#smartserver-service-choice');
    assert.equal(await services.locator('option[value="scada-gateway"]').count(), 0);
    const device = PLANT.id;
    await page.selectOption('#node-input-device', device);
    assert.equal(await services.locator('option[value="opcua"]').textContent(), 'OPC UA server (55001/tcp)');
    await services.selectOption('scada-gateway');
    assert.match((await page.textContent('#smartserver-service-about')) ?? '', /Ports: 9100\/tcp\./);
    await roundTrip(toggle);
    assert.equal(await services.inputValue(), 'scada-gateway');
    // With a device that has no such service, its name stays, and is shown as a name.
    await page.selectOption('#node-input-device', '_ADD_');
    assert.equal(await services.inputValue(), '');
    assert.equal(await editor.typed('service').inputValue(), 'scada-gateway');
    await editor.closeWith('#node-dialog-cancel');

    const profile = await editor.drop('set-profile', 500);
    await editor.edit(profile);
    await page.selectOption('#node-input-device', device);
    await page.selectOption('#smartserver-profile-choice', 'lockdown');
    assert.match(
      (await page.textContent('#smartserver-profile-about')) ?? '',
      /reachable from 192\.168\.1\.0\/24 only/,
    );
    assert.deepEqual(await previewed('Web pages (HTTPS)'), [' open for 192.168.1.0/24 only', 'not used']);
    await page.selectOption('#smartserver-profile-choice', 'plant');
    assert.deepEqual(await previewed('SCADA gateway'), [' open on eth0 only', ' open on eth0 only']);
    assert.deepEqual(await previewed('Everything else'), [' closed', ' open']);
    await roundTrip(profile);
    assert.equal(await page.inputValue('#smartserver-profile-choice'), 'plant');
    await assertStored(profile, { profile: 'plant', profileType: 'str', device });
    await editor.closeWith('#node-dialog-cancel');
  });

  it('keep their settings when nodes are copied, exported and imported', async () => {
    await start([TAB, PLANT, ...UNUSUAL]);
    /** All nodes on the canvas, without the properties in which a copy differs. */
    const nodes = async (): Promise<string[]> => {
      const stored: Record<string, unknown>[] = await page.evaluate(
        'RED.nodes.filterNodes({}).map(RED.nodes.convertNode)',
      );
      return stored.map(({ id, x, y, z, ...settings }) => JSON.stringify(settings)).sort();
    };
    const defaults: Record<string, Record<string, { value: unknown }>> = await page.evaluate(
      `Object.fromEntries(${JSON.stringify(UNUSUAL)}.map(({ type }) => [type, RED.nodes.getType(type).defaults]))`,
    );
    for (const node of UNUSUAL) {
      const settings = new Map(Object.entries(node));
      for (const [property, { value }] of Object.entries(defaults[node.type] ?? {})) {
        if (property !== 'version') assert.notEqual(settings.get(property) ?? value, value, `${node.type} ${property}`);
      }
    }
    const all = await nodes();
    assert.equal(all.length, UNUSUAL.length);

    await page.mouse.click(700, 700);
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Control+c');
    await page.keyboard.press('Control+v');
    await page.mouse.move(700, 500);
    await page.mouse.click(700, 500);
    assert.deepEqual(await nodes(), [...all, ...all].sort());

    await page.keyboard.press('Control+a');
    await page.keyboard.press('Control+e');
    const exported = page.locator('#red-ui-clipboard-dialog-export-text');
    await page.waitForFunction('$("#red-ui-clipboard-dialog-export-text").val()');
    const text = await exported.inputValue();
    await page.click('#red-ui-clipboard-dialog-cancel');
    await page.locator('#red-ui-clipboard-dialog').waitFor({ state: 'hidden' });
    const { x, y, ...plant } = await editor.stored(PLANT.id);
    // As on another device.
    await start([TAB]);
    await page.keyboard.press('Control+i');
    await page.fill('#red-ui-clipboard-dialog-import-text', text);
    // The dialog looks at its text when a key is released in it.
    await page.press('#red-ui-clipboard-dialog-import-text', 'End');
    await until(() => page.isEnabled('#red-ui-clipboard-dialog-ok'));
    await page.click('#red-ui-clipboard-dialog-ok');
    await page.mouse.move(700, 500);
    await page.mouse.click(700, 500);
    assert.deepEqual(await nodes(), [...all, ...all].sort());
    await assertStored(PLANT.id, plant);
  });

  it('are monitored: an exception while a dialog opens or closes is not overlooked', async () => {
    const id = await editor.drop('confirm-change', 430);
    for (const hook of ['oneditprepare', 'oneditsave']) {
      await page.evaluate(
        `RED.nodes.getType('confirm-change').${hook} = () => { throw new Error('a probe of ${hook}'); }`,
      );
      await editor.edit(id);
      await editor.closeWith('#node-dialog-ok');
      assert.match(editor.takeComplaints().join(), new RegExp(`a probe of ${hook}`));
    }
    await page.evaluate('setTimeout(() => { throw new Error("a probe of the page"); })');
    await page.evaluate('console.error("a probe of the console")');
    await page.evaluate('fetch("http://127.0.0.2:9/").catch(() => undefined)');
    const said = editor.takeComplaints().join();
    for (const pattern of [/a probe of the page/, /a probe of the console/, /asks for http:\/\/127\.0\.0\.2/]) {
      assert.match(said, pattern);
    }
  });
});
