/** The week of `schedule-service` in a real browser: painted with the mouse and with the keyboard, typed, said and stored. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { useShared } from '../device/suite';
import { Editor } from './browser';
import { putFlows, startNodeRed } from './node-red';

const PICTURES = join(resolve(__dirname, '..', '..', '..'), 'dist', 'pictures');
const TAB = { id: 'tab', type: 'tab', label: 'Flow 1', disabled: false, info: '' };
const FORM = '.red-ui-tray:last-of-type .smartserver-firewall';
const WORKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri'];
const EVERY_DAY = [...WORKDAYS, 'sat', 'sun'];
/** A Friday, 13:00 in Berlin. */
const NOW = '2026-11-27T12:00:00Z';

/** What the sentence says depends on the time. Frozen for all, neither double clicks nor animations would work. */
const freezeWords = (page: Page): Promise<unknown> =>
  page.evaluate(`{
    const { words } = smartserverSchedule;
    smartserverSchedule.words = (node, calendar) => words(node, calendar, Date.parse('${NOW}'));
  }`);

describe('the dialog of a schedule', function () {
  this.timeout(120_000);
  const red = useShared(startNodeRed, (one) => one.stop());
  const editor = useShared(
    async () => {
      await putFlows(red.url, [TAB]);
      return Editor.open(red.url);
    },
    (one) => one.close(),
  );
  let page: Page;
  let id: string;

  before(() => {
    mkdirSync(PICTURES, { recursive: true });
    ({ page } = editor);
  });
  beforeEach(async () => {
    await editor.load();
    await freezeWords(page);
    id = await editor.drop('schedule-service', 150);
    await editor.edit(id);
  });
  afterEach(() => assert.deepEqual(editor.takeComplaints(), []));

  const cell = (day: number, hour: number) =>
    page.locator(`#smartserver-week td[data-day="${day}"][data-hour="${hour}"]`);
  /** Drags from the middle of one hour to that of another. */
  const drag = async (from: [number, number], to: [number, number]): Promise<void> => {
    await cell(...from).scrollIntoViewIfNeeded();
    await cell(...from).hover();
    await page.mouse.down();
    await cell(...to).hover();
    await page.mouse.up();
  };
  const save = async (): Promise<Record<string, unknown>> => {
    await editor.closeWith('#node-dialog-ok');
    return editor.stored(id);
  };
  const preset = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const words = async () => (await page.locator('#smartserver-words').innerText()).trim();
  /** How many hours of each day are shown in this way. */
  const shown = (state: string) =>
    page
      .locator('#smartserver-week tbody tr')
      .evaluateAll((rows, name) => rows.map((row) => row.querySelectorAll(`.smartserver-${name}`).length), state);
  const named = async (zone: string): Promise<void> => {
    await page.selectOption('#smartserver-zone-choice', 'named');
    await page.fill('#node-input-timeZone', zone);
  };

  it('comes with working hours, for SSH, and is valid', async () => {
    assert.deepEqual(await shown('open'), [12, 12, 12, 12, 12, 0, 0]);
    const stored = await save();
    assert.deepEqual(stored.hours, [{ days: WORKDAYS, from: '07:00', to: '19:00' }]);
    assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), true);
    assert.equal(await page.evaluate(`RED.utils.getNodeLabel(RED.nodes.node("${id}"))`), 'ssh Mon–Fri 07:00–19:00');
  });

  it('is painted with the mouse, from corner to corner, and erased', async () => {
    await preset('Clear');
    await drag([0, 8], [4, 16]);
    await drag([2, 12], [2, 12]);
    await drag([5, 9], [6, 11]);
    assert.deepEqual(await shown('open'), [9, 9, 8, 9, 9, 3, 3]);
    assert.deepEqual((await save()).hours, [
      { days: ['mon', 'tue', 'thu', 'fri'], from: '08:00', to: '17:00' },
      { days: ['wed'], from: '08:00', to: '12:00' },
      { days: ['wed'], from: '13:00', to: '17:00' },
      { days: ['sat', 'sun'], from: '09:00', to: '12:00' },
    ]);
  });

  it('keeps what lay under a drag that comes back', async () => {
    await preset('Clear');
    await cell(0, 8).hover();
    await page.mouse.down();
    for (const [day, hour] of [
      [6, 20],
      [1, 9],
    ] as const)
      await cell(day, hour).hover();
    await page.mouse.up();
    assert.deepEqual(await shown('open'), [2, 2, 0, 0, 0, 0, 0]);
  });

  it('is painted with the keyboard alone, and saved with it', async () => {
    const { keyboard } = page;
    await editor.tabTo(page.getByRole('button', { name: 'Clear' }));
    await keyboard.press('Enter');
    await editor.tabTo(cell(0, 7));
    await keyboard.press('Space');
    for (let hours = 0; hours < 10; hours++) await keyboard.press('Shift+ArrowRight');
    for (let rows = 0; rows < 4; rows++) await keyboard.press('Shift+ArrowDown');
    assert.deepEqual(await shown('open'), [11, 11, 11, 11, 11, 0, 0]);
    // One hour less on Friday; End and arrows at the edge stay inside.
    await keyboard.press('Space');
    for (const key of ['End', 'ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Space']) await keyboard.press(key);
    const focused = page.locator('#smartserver-week td:focus');
    assert.equal(await focused.getAttribute('aria-label'), 'Sun 23:00–24:00, open');
    assert.equal(await page.locator('#smartserver-week [tabindex="0"]').count(), 1);
    await keyboard.press('Tab');
    assert.equal(await focused.count(), 0);
    await keyboard.press('Control+Enter');
    await editor.dialogClosed();
    assert.deepEqual((await editor.stored(id)).hours, [
      { days: ['mon', 'tue', 'wed', 'thu'], from: '07:00', to: '18:00' },
      { days: ['fri'], from: '07:00', to: '17:00' },
      { days: ['sun'], from: '23:00', to: '24:00' },
    ]);
  });

  it('shows hours over midnight where they are, and stores them as one', async () => {
    await preset('Nights 19–07');
    assert.deepEqual(await shown('open'), [12, 12, 12, 12, 12, 12, 12]);
    await preset('Never at weekends');
    assert.deepEqual(await shown('open'), [12, 12, 12, 12, 12, 0, 0]);
    assert.deepEqual((await save()).hours, [
      // Nobody is there from Sunday on, so Monday begins at midnight, and Friday ends there.
      { days: ['mon'], from: '00:00', to: '07:00' },
      { days: ['mon', 'tue', 'wed', 'thu'], from: '19:00', to: '07:00' },
      { days: ['fri'], from: '19:00', to: '24:00' },
    ]);
  });

  it('takes quarter hours by typing, in the picture too', async () => {
    await page.getByLabel('from', { exact: true }).fill('7:15');
    await page.getByLabel('to', { exact: true }).fill('19.45');
    await page.getByRole('button', { name: 'Fri', exact: true }).click();
    assert.deepEqual(await shown('partly'), [2, 2, 2, 2, 0, 0, 0]);
    await page.getByRole('button', { name: 'add hours' }).click();
    await page.getByLabel('from', { exact: true }).last().fill('22');
    await page.getByLabel('to', { exact: true }).last().fill('02:30');
    for (const day of ['Mon', 'Tue', 'Wed', 'Thu'])
      await page.getByRole('button', { name: day, exact: true }).last().click();
    assert.equal(await cell(5, 2).getAttribute('class'), 'smartserver-partly');
    assert.equal(await cell(5, 2).getAttribute('aria-label'), 'Sat 2:00–3:00, partly open');
    await page.screenshot({ path: join(PICTURES, 'schedule-service-quarters.png') });
    assert.deepEqual((await save()).hours, [
      { days: ['mon', 'tue', 'wed', 'thu'], from: '07:15', to: '19:45' },
      { days: ['fri'], from: '22:00', to: '02:30' },
    ]);
  });

  it('keeps all there is across a deploy and a reload', async () => {
    await page.selectOption('#smartserver-service-choice', '');
    await page.fill('#node-input-service', 'ssh, mqtt');
    await preset('Always');
    await page.getByRole('button', { name: 'add a day' }).click();
    await page.getByLabel('Date').fill('2026-12-24');
    await page.getByLabel('On this day', { exact: true }).selectOption('times');
    await page.getByLabel('Hours on this day').fill('08:00–12:00, 13:00-17:30');
    await page.getByRole('button', { name: 'add a day' }).click();
    await page.getByLabel('Date').last().fill('2026-12-25');
    await named('Asia/Tokyo');
    await page.selectOption('#node-input-whenRemoved', 'close');
    await page.check('#node-input-cutConnections');
    await editor.fold().click();
    await page.selectOption('#node-input-direction', 'in');
    await page.fill('#node-input-from', '10.0.0.0/8');
    await page.fill('#node-input-interface', 'eth0');
    await editor.typed('duration').fill('600');
    const first = await save();
    await editor.deploy();
    await editor.load();
    await editor.edit(id);
    assert.equal(await page.isVisible('#node-input-direction'), true);
    await page.getByLabel('Name', { exact: true }).fill('night');
    const { name, x, ...stored } = await save();
    assert.deepEqual({ ...stored, name: '', x: first.x }, first);
    assert.ok(x);
    assert.deepEqual(
      [name, stored.timeZone, stored.service, stored.duration],
      ['night', 'Asia/Tokyo', 'ssh, mqtt', '600'],
    );
    assert.deepEqual(stored.hours, [{ days: EVERY_DAY, from: '00:00', to: '24:00' }]);
    assert.deepEqual(stored.exceptions, [
      {
        date: '2026-12-24',
        hours: [
          { from: '08:00', to: '12:00' },
          { from: '13:00', to: '17:30' },
        ],
      },
      { date: '2026-12-25', hours: [] },
    ]);
    await putFlows(red.url, [TAB]);
  });

  it('is about services or about profiles', async () => {
    await page.selectOption('#node-input-about', 'profile');
    assert.equal(await page.isVisible('#smartserver-service-choice'), false);
    await page.selectOption('#node-input-profile', 'standard');
    const { about, profile, otherwise } = await save();
    assert.deepEqual([about, profile, otherwise], ['profile', 'standard', 'lockdown']);
    assert.equal(
      await page.evaluate(`RED.utils.getNodeLabel(RED.nodes.node("${id}"))`),
      'standard Mon–Fri 07:00–19:00',
    );
  });

  it('says what comes next, as it is painted', async () => {
    await named('Europe/Berlin');
    assert.equal(await words(), 'Open until today 19:00, then closed until Monday 07:00.');
    assert.equal(await page.isVisible('#smartserver-words-by'), false);
    await drag([4, 12], [4, 14]);
    assert.equal(await words(), 'Closed until today 15:00, then open until today 19:00.');
    await preset('Clear');
    assert.equal(await words(), 'Always closed: no hours are set.');
    await preset('Always');
    assert.equal(await words(), 'Always open.');
    await page.getByRole('button', { name: 'add a day' }).click();
    assert.match(await words(), /still missing/);
    await page.getByLabel('Date').fill('2026-12-24');
    assert.equal(await words(), 'Open until December 24 00:00, then closed until December 25 00:00.');
    await page.selectOption('#smartserver-zone-choice', '');
    assert.match(
      await page.locator('#smartserver-words-by').innerText(),
      /^By the clock of this computer, in its time zone /,
    );
  });

  describe('marks a node', () => {
    const reasons = async () => {
      await editor.closeWith('#node-dialog-ok');
      assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), false);
      return String(await page.evaluate(`RED.nodes.node("${id}").validationErrors.join()`));
    };
    const reason = (property: string) => page.locator(`#smartserver-reason-${property}`).innerText();

    it('without a service, with an unknown zone, and with wrong times', async () => {
      await page.selectOption('#smartserver-service-choice', '');
      await page.fill('#node-input-service', ',');
      await named('Mars/Base');
      await page.getByLabel('to', { exact: true }).fill('25:00');
      assert.match(await reason('service'), /one to 20 services/);
      assert.match(await reason('timeZone'), /Not a known time zone/);
      assert.match(await reason('hours'), /times from 00:00 to 24:00/);
      assert.deepEqual(
        await page
          .locator('#smartserver-hours [aria-invalid="true"]')
          .evaluateAll((all) => all.map((one) => one.ariaLabel)),
        ['to'],
      );
      const all = await reasons();
      for (const text of [/one to 20 services/, /Not a known time zone/, /at least one day/]) assert.match(all, text);
    });

    it('with a date twice', async () => {
      for (const at of [0, 1]) {
        await page.getByRole('button', { name: 'add a day' }).click();
        await page.getByLabel('Date').nth(at).fill('2026-12-24');
      }
      assert.match(await reason('exceptions'), /more than once/);
      await page.getByRole('button', { name: 'Delete this day' }).last().click();
      assert.equal(await page.locator('#smartserver-reason-exceptions').innerText(), '');
      await editor.closeWith('#node-dialog-ok');
      assert.equal(await page.evaluate(`RED.nodes.node("${id}").valid`), true);
    });

    it('with 1,001 exceptions, but not with 1,000', async () => {
      await editor.closeWith('#node-dialog-cancel');
      for (const [count, isValid] of [
        [1000, true],
        [1001, false],
      ] as const) {
        const exceptions = Array.from({ length: count }, (_, at) => ({
          date: new Date(Date.parse('2027-01-01') + at * 864e5).toISOString().slice(0, 10),
          hours: [],
        }));
        const node = {
          id: 'many',
          type: 'schedule-service',
          z: 'tab',
          x: 200,
          y: 100,
          wires: [[]],
          name: '',
          exceptions,
        };
        const hours = [{ days: ['mon'], from: '07:00', to: '19:00' }];
        await putFlows(red.url, [TAB, { ...node, service: 'ssh', hours, version: 1 }]);
        await editor.load();
        assert.equal(await page.evaluate('RED.nodes.node("many").valid'), isValid);
      }
      await editor.edit('many');
      assert.match(await reason('exceptions').catch(() => ''), /At most 1000|^$/);
      await editor.closeWith('#node-dialog-cancel');
      await putFlows(red.url, [TAB]);
    });
  });

  it('loads the calendar once, however often it is opened', async () => {
    await editor.closeWith('#node-dialog-cancel');
    const asked: string[] = [];
    const note = (request: { url(): string }) => asked.push(request.url().replace(/.*\/|\?.*/g, ''));
    page.on('request', note);
    await editor.load();
    for (const _ of [1, 2]) {
      await editor.edit(await editor.drop('schedule-service', 250));
      await editor.closeWith('#node-dialog-cancel');
    }
    page.removeListener('request', note);
    for (const script of ['calendar.js', 'schedule.js'])
      assert.equal(asked.filter((one) => one === script).length, 1, script);
  });

  it('fits into a window of 800 by 600, and of 1280, without scrolling sideways, and is accessible there', async () => {
    try {
      for (const [width, height] of [
        [800, 600],
        [1280, 900],
      ] as const) {
        await page.setViewportSize({ width, height });
        await editor.load();
        await editor.edit(await editor.drop('schedule-service', 150, 350));
        await page.screenshot({ path: join(PICTURES, `schedule-service-${width}.png`) });
        await editor.fold().click();
        await page.getByRole('button', { name: 'add a day' }).click();
        await page.getByLabel('On this day', { exact: true }).selectOption('times');
        assert.deepEqual(await editor.cutOff(FORM), []);
        assert.deepEqual(await editor.violations(FORM), []);
        await cell(2, 3).focus();
        await page.locator('#smartserver-exceptions').scrollIntoViewIfNeeded();
        await page.screenshot({ path: join(PICTURES, `schedule-service-${width}-week.png`) });
      }
    } finally {
      await page.setViewportSize({ width: 1400, height: 1000 });
    }
  });
});

for (const [language, texts] of Object.entries({
  de: {
    clear: 'Leeren',
    grid: 'Zu diesen Zeiten offen, sonst geschlossen',
    cell: 'Mo 8:00–9:00, offen',
    words: 'Geschlossen bis Montag 08:00, dann offen bis Montag 10:00.',
    label: 'ssh Mo 08:00–10:00',
  },
  ja: {
    clear: 'すべて消去',
    grid: '開く時間帯（それ以外は閉じる）',
    cell: '月 8:00–9:00, 開放',
    words: '月曜日 08:00 まで閉鎖、その後 月曜日 10:00 まで開放。',
    label: 'ssh 月 08:00–10:00',
  },
})) {
  describe(`the dialog of a schedule in the language ${language}`, function () {
    this.timeout(120_000);
    const red = useShared(startNodeRed, (one) => one.stop());
    const editor = useShared(
      async () => {
        await putFlows(red.url, [TAB]);
        return Editor.open(red.url, language);
      },
      (one) => one.close(),
    );

    it('is painted, speaks and fits', async () => {
      const { page } = editor;
      await page.setViewportSize({ width: 800, height: 600 });
      await editor.load();
      await freezeWords(page);
      const id = await editor.drop('schedule-service', 150, 350);
      await editor.edit(id);
      await page.selectOption('#smartserver-zone-choice', 'named');
      await page.fill('#node-input-timeZone', 'Europe/Berlin');
      await page.getByRole('button', { name: texts.clear, exact: true }).click();
      const grid = page.getByRole('grid', { name: texts.grid });
      await grid.locator('[data-day="0"][data-hour="8"]').focus();
      await page.keyboard.press('Space');
      await page.keyboard.press('Shift+ArrowRight');
      assert.equal(await grid.locator('[data-day="0"][data-hour="8"]').getAttribute('aria-label'), texts.cell);
      assert.equal((await page.locator('#smartserver-words').innerText()).trim(), texts.words);
      await editor.fold().click();
      assert.deepEqual(await editor.cutOff(FORM), []);
      await page.screenshot({ path: join(PICTURES, `schedule-service-${language}.png`) });
      assert.deepEqual(await editor.violations(FORM), []);
      await editor.closeWith('#node-dialog-ok');
      assert.deepEqual((await editor.stored(id)).hours, [{ days: ['mon'], from: '08:00', to: '10:00' }]);
      assert.equal(await page.evaluate(`RED.utils.getNodeLabel(RED.nodes.node("${id}"))`), texts.label);
      assert.deepEqual(editor.takeComplaints(), []);
    });
  });
}
