/**
 * Every dialog in each of its states, in a light and in a dark theme: axe-core finds no violation, Tab goes through it in
 * reading order, and a picture of it is written to `dist/pictures` for review.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { useShared } from '../device/suite';
import { Editor } from './browser';
import { putFlows, startNodeRed } from './node-red';

const root = resolve(__dirname, '..', '..', '..');
const PICTURES = join(root, 'dist', 'pictures');
const DARK = join(root, 'test', 'editor', 'dark.css');
/** The form alone: everything around it is Node-RED's. The last one is on top. */
const FORM = '.red-ui-tray:last-of-type .smartserver-firewall';

const kind = (page: Page, property: string, type: string) =>
  page
    .click(
      `:is(#node-input-${property}, #smartserver-${property}-amount) + .red-ui-typedInput-container .red-ui-typedInput-type-select`,
    )
    .then(() => page.click(`.red-ui-typedInput-options:visible a[value="${type}"]`));
const typed = (page: Page, property: string) =>
  page.locator(
    `:is(#node-input-${property}, #smartserver-${property}-amount) + .red-ui-typedInput-container .red-ui-typedInput-input`,
  );
const add = (page: Page, name: string) => page.getByRole('button', { name }).last().click();

/** A state of a dialog: its name, the node, and how to get the dialog into it. */
const STATES: [name: string, type: string, prepare: (page: Page, editor: Editor) => Promise<unknown>][] = [
  ['read-firewall', 'read-firewall', async () => undefined],
  ['read-firewall, a service', 'read-firewall', (page) => page.selectOption('#node-input-output', 'service')],
  ['watch-firewall', 'watch-firewall', (page) => page.check('#node-input-blocked')],
  ['set-profile', 'set-profile', async () => undefined],
  ['set-profile, lockdown', 'set-profile', (page) => page.selectOption('#smartserver-profile-choice', 'lockdown')],
  [
    'set-profile, from a message',
    'set-profile',
    async (page) => {
      await page.selectOption('#smartserver-profile-choice', '');
      await kind(page, 'profile', 'msg');
    },
  ],
  ['toggle-service', 'toggle-service', async () => undefined],
  [
    'toggle-service, all fields invalid',
    'toggle-service',
    async (page, editor) => {
      await page.selectOption('#smartserver-service-choice', '');
      await typed(page, 'service').fill('22/icmp');
      await typed(page, 'duration').fill('-1');
      await typed(page, 'from').fill('here');
      await page.fill('#node-input-interface', '../eth0');
      await page.fill('#smartserver-confirmWithin-amount', '700000');
      await editor.fold().click();
    },
  ],
  ['schedule-service', 'schedule-service', async () => undefined],
  [
    'schedule-service, all there is, invalid',
    'schedule-service',
    async (page, editor) => {
      await editor.fold().click();
      await page.selectOption('#smartserver-service-choice', '');
      await page.fill('#node-input-service', ' , ');
      await page.getByLabel('from', { exact: true }).fill('07:15');
      for (const name of ['add hours', 'add a day', 'add a day']) await page.getByRole('button', { name }).click();
      await page.getByLabel('to', { exact: true }).last().fill('25');
      await page.getByLabel('On this day').first().selectOption('times');
      await page.selectOption('#smartserver-zone-choice', 'named');
      await page.fill('#node-input-timeZone', 'Mars');
      await page.fill('#node-input-from', 'here');
      await page.fill('#node-input-interface', '../eth0');
    },
  ],
  ['schedule-service, a profile', 'schedule-service', (page) => page.selectOption('#node-input-about', 'profile')],
  ['change-web-ports', 'change-web-ports', async () => undefined],
  ['change-web-ports, repair', 'change-web-ports', (page) => page.selectOption('#node-input-mode', 'repair')],
  [
    'change-web-ports, invalid',
    'change-web-ports',
    async (page) => {
      await typed(page, 'http').fill('1443');
      await typed(page, 'https').fill('1443');
      await page.selectOption('#node-input-reload', 'reboot');
      await page.fill('#smartserver-confirmWithin-amount', '90');
    },
  ],
  ['confirm-change', 'confirm-change', async () => undefined],
  ['fleet-request', 'fleet-request', async () => undefined],
  ['restore-firewall', 'restore-firewall', async () => undefined],
  [
    'restore-firewall, a backup',
    'restore-firewall',
    async (page) => {
      await page.selectOption('#node-input-action', 'restore');
      await kind(page, 'backup', 'jsonata');
    },
  ],
  ['restore-firewall, a list', 'restore-firewall', (page) => page.selectOption('#node-input-action', 'list')],
  ['learn-peers', 'learn-peers', async () => undefined],
  [
    'learn-peers, from the message, invalid',
    'learn-peers',
    async (page) => {
      await kind(page, 'action', 'msg');
      await typed(page, 'duration').fill('for ever');
    },
  ],
  [
    'smartserver',
    'read-firewall',
    async (page, editor) => {
      await page.click('#node-input-btn-device-add');
      await editor.dialogOpen('#node-config-dialog-ok');
    },
  ],
  [
    'smartserver, with a row in each list, all invalid',
    'read-firewall',
    async (page, editor) => {
      await page.click('#node-input-btn-device-add');
      await editor.dialogOpen('#node-config-dialog-ok');
      const buttons = ['add a port', 'add a service', 'add a profile', 'open a service', 'add a key'];
      for (const name of buttons) await add(page, name);
      await page.fill('#node-config-input-fleetDevice', 'plant/7');
      await page.fill('#node-config-input-managementFrom', 'here');
      await page.fill('#node-config-input-keepBackups', '0');
      await page.fill('#node-config-input-etcUfw', 'etc');
    },
  ],
];

describe('the dialog', function () {
  this.timeout(60_000);
  const red = useShared(startNodeRed, (one) => one.stop());
  const editor = useShared(
    async () => {
      await putFlows(red.url, [{ id: 'tab', type: 'tab', label: 'Flow 1', disabled: false, info: '' }]);
      return Editor.open(red.url);
    },
    (one) => one.close(),
  );
  let page: Page;

  before(async () => {
    mkdirSync(PICTURES, { recursive: true });
    ({ page } = editor);
    // Each dialog as a whole, without scrolling.
    await page.setViewportSize({ width: 1400, height: 1700 });
  });
  afterEach(() => assert.deepEqual(editor.takeComplaints(), []));

  const violations = () => editor.violations(FORM);

  /** The controls that Tab should reach, in reading order: by row, then from left to right. */
  const asRead = (): Promise<string[]> =>
    page.evaluate((form) => {
      const seen = [
        ...document.querySelectorAll<HTMLElement>(`${form} :is(input, select, button, a, summary, [tabindex="0"])`),
      ];
      const controls = seen
        .filter((element) => element.checkVisibility({ visibilityProperty: true }) && element.tabIndex >= 0)
        .map((element, at) => {
          element.dataset.order = String(at);
          const { top, bottom, left } = element.getBoundingClientRect();
          return { at, middle: (top + bottom) / 2, left };
        });
      const isAbove = (a: number, b: number) => a < b - 12;
      return controls
        .sort((a, b) => (isAbove(a.middle, b.middle) ? -1 : isAbove(b.middle, a.middle) ? 1 : a.left - b.left))
        .map(({ at }) => String(at));
    }, FORM);

  /** The same controls in the order in which Tab reaches them. */
  async function asTabbed(): Promise<string[]> {
    const reached: string[] = [];
    await page.locator(`${FORM} [data-order]`).first().focus();
    for (;;) {
      const order = await page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.order);
      const isSame = order !== undefined && order === reached[reached.length - 1];
      if (order === undefined || (reached.includes(order) && !isSame)) return reached;
      // A date has several stops of its own.
      if (!isSame) reached.push(order);
      await page.keyboard.press('Tab');
    }
  }

  for (const [name, type, prepare] of STATES) {
    it(`of ${name} is accessible`, async () => {
      await editor.load();
      await editor.edit(await editor.drop(type, 150));
      await prepare(page, editor);
      await editor.atRest();
      const file = name.replace(/\W+/g, '-');
      await page.screenshot({ path: join(PICTURES, `${file}-light.png`) });
      const inLight = await violations();
      const theme = await page.addStyleTag({ path: DARK });
      await page.screenshot({ path: join(PICTURES, `${file}-dark.png`) });
      const inDark = await violations();
      await theme.evaluate((element) => element.parentNode?.removeChild(element));
      assert.deepEqual({ inLight, inDark }, { inLight: [], inDark: [] });
      const read = await asRead();
      assert.deepEqual(await asTabbed(), read);
    });
  }

  it('is really checked by axe-core: it finds a field without a name and grey text on grey', async () => {
    await editor.load();
    await editor.edit(await editor.drop('confirm-change', 150));
    await page.evaluate((form) => {
      const spoilt = '<input type="text" /><p style="color: #999; background: #888">unreadable</p>';
      document.querySelector(form)?.insertAdjacentHTML('beforeend', spoilt);
    }, FORM);
    const found = (await violations()).map((violation) => violation.split(':')[0]);
    assert.deepEqual(found.sort(), ['color-contrast', 'label']);
  });
});
