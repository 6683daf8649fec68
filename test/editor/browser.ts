/**
 * The editor in a real browser, operated as a person would. Whatever the browser complains about is collected, for a test to
 * fail on: exceptions, console output, requests that fail or leave the machine.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import {
  type Browser,
  type BrowserContextOptions,
  type ConsoleMessage,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const QUIET =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
/** More than our longest dialog has controls. */
const MOST_TABS = 80;
/** What the editor itself logs at startup, a node of FlowFuse Dashboard, and Chromium of the dialog of an MQTT broker. */
const CHATTER =
  /^(\[DOM\] Multiple forms should be contained in their own form elements|JQMIGRATE: Migrate is installed|Node-RED: \d|Versions$|jQuery( UI)? \d|(ACE|MONACO|D3) \d|console\.groupEnd$|(Palette editor|Projects) disabled$|ui-audio onpaletteadd$)/;

export class Editor {
  private readonly complaints: string[] = [];
  private isLeaving = false;

  private constructor(
    private readonly browser: Browser,
    readonly page: Page,
    private readonly url: string,
  ) {}

  /** Starts a browser with this language and loads the editor at this address. Close it when done. */
  static async open(url: string, locale = 'en-US'): Promise<Editor> {
    assert.ok(CHROMIUM, 'Chromium is missing: sudo apt-get install -y --no-install-recommends chromium');
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET.split(' ') });
    const page = await browser.newPage({ viewport: { width: 1400, height: 1000 }, locale });
    page.setDefaultTimeout(30_000);
    const editor = new Editor(browser, page, url);
    editor.listen(page);
    await editor.load();
    return editor;
  }

  close(): Promise<void> {
    return this.browser.close();
  }

  private listen(page: Page): void {
    const complain = (text: string) => this.complaints.push(text);
    // A test may leave the editor with undeployed changes.
    page.on('dialog', (dialog) => dialog.accept());
    page.on('pageerror', (error) => complain(String(error)));
    // Node-RED catches what a dialog's own code throws, and reports it with an ordinary console.log.
    page.on('console', (message) => {
      if (!isChatter(message)) complain(`console.${message.type()}: ${message.text()}`);
    });
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText;
      // Requests still under way when the page was left, such as the icons of the palette.
      if (!(this.isLeaving && why === 'net::ERR_ABORTED')) complain(`${request.url()} ${why}`);
    });
    page.on('request', (request) => {
      const target = request.url();
      if (!target.startsWith(this.url) && !target.startsWith('data:')) complain(`asks for ${target}`);
    });
  }

  /** What the browser has complained about since the last call. */
  takeComplaints(): string[] {
    return this.complaints.splice(0);
  }

  /** What axe-core finds in this part of the page, in words. */
  async violations(part: string, page = this.page): Promise<string[]> {
    await page.evaluate(AXE);
    // Node-RED's body has no height and hides its overflow, so axe-core would consider the whole editor invisible.
    if (page === this.page) await page.addStyleTag({ content: 'html, body { height: 100% }' });
    return page.evaluate(async (selector) => {
      const { violations } = await Reflect.get(window, 'axe').run(selector);
      return violations.flatMap(({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
      );
    }, part);
  }

  /** What of a dialog's form is cut off at the tray's right edge, or would have to be scrolled to. */
  cutOff(form: string): Promise<string[]> {
    return this.page.evaluate((selector) => {
      const own = document.querySelector(selector) as HTMLElement;
      const tray = own.closest('.red-ui-tray') as HTMLElement;
      const edge = tray.getBoundingClientRect().right;
      const around: HTMLElement[] = [];
      for (let one = own.parentElement; one && one !== tray; one = one.parentElement) around.push(one);
      const named = (one: Element) => `${one.tagName}#${one.id}.${one.className}`;
      return [
        ...around.filter((one) => one.scrollWidth > one.clientWidth).map(named),
        ...[...own.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > edge).map(named),
      ];
    }, form);
  }

  /** Reloads the editor. */
  async load(): Promise<void> {
    this.isLeaving = true;
    await this.page.goto(this.url);
    this.isLeaving = false;
    await this.page.waitForSelector('.red-ui-palette-node[data-palette-type="read-firewall"]', { state: 'attached' });
    await this.page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' });
  }

  /** A page opened in another window of the browser; its complaints are collected, too. The caller closes it. */
  async window(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.browser.newPage(options);
    page.setDefaultTimeout(30_000);
    this.listen(page);
    await page.goto(url);
    return page;
  }

  /** The text of a page opened in another window of the browser. */
  async textOf(url: string): Promise<string> {
    const page = await this.browser.newPage();
    await page.goto(url);
    const text = await page.locator('body').innerText();
    await page.close();
    return text;
  }

  /** Drags a node from the palette to the canvas, where it is selected then; returns its id. */
  async drop(type: string, y: number, x = 500): Promise<string> {
    const entry = this.page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
    await entry.scrollIntoViewIfNeeded();
    await entry.hover();
    await this.page.mouse.down();
    await this.page.mouse.move(x, y, { steps: 5 });
    await this.page.mouse.up();
    return this.page.evaluate('RED.view.selection().nodes[0].id');
  }

  /** Draws a wire from the output of one node to the input of another. */
  async wire(from: string, to: string): Promise<void> {
    const port = (id: string, side: string) =>
      this.page.locator(`[id="${id}"] .red-ui-flow-port-${side} .red-ui-flow-port`).first();
    await port(from, 'output').hover();
    await this.page.mouse.down();
    await port(to, 'input').hover();
    await this.page.mouse.up();
    const wired = await this.page.evaluate(
      `RED.nodes.filterLinks({ source: { id: "${from}" }, target: { id: "${to}" } }).length`,
    );
    assert.equal(wired, 1, `no wire from ${from} to ${to}`);
  }

  /** Selects a node with the mouse; the keyboard continues from there. */
  async select(id: string): Promise<void> {
    await this.page.click(`[id="${id}"] .red-ui-flow-node`);
  }

  /** Opens a node's dialog with the mouse. */
  async edit(id: string): Promise<void> {
    await this.page.locator(`[id="${id}"] .red-ui-flow-node`).dblclick();
    await this.dialogOpen();
  }

  /** Resolves when a dialog is open and at rest: trays slide in, and cannot be used while they move. */
  async dialogOpen(button = '#node-dialog-ok'): Promise<void> {
    await this.page.waitForSelector(`.red-ui-tray ${button}`);
    await this.atRest();
  }

  atRest(): Promise<unknown> {
    return this.page.waitForFunction('document.getAnimations().length === 0 && $(":animated").length === 0');
  }

  /** The line that unfolds the rest of the dialog. */
  fold(): Locator {
    return this.page.locator('.red-ui-tray:last-of-type .smartserver-firewall summary');
  }

  /** Closes the dialog with one of its buttons. */
  async closeWith(button: string): Promise<void> {
    await this.atRest();
    await this.page.click(button);
    await this.dialogClosed(button);
  }

  async dialogClosed(button = '#node-dialog-ok'): Promise<void> {
    await this.page.waitForSelector(button, { state: 'detached' });
    await this.atRest();
  }

  async deploy(): Promise<void> {
    await this.page.click('#red-ui-header-button-deploy:not(.disabled)');
    try {
      await this.page.waitForFunction('!RED.nodes.dirty()');
    } catch (error) {
      // What the editor asks or says instead.
      const said = await this.page.locator('.red-ui-notification:visible, .ui-dialog:visible').allInnerTexts();
      throw new Error(`${error}; the editor says: ${said.join(' | ')}`);
    }
  }

  /** What the editor would store of a node. */
  stored(id: string): Promise<Record<string, unknown>> {
    return this.page.evaluate(`RED.nodes.convertNode(RED.nodes.node("${id}"))`);
  }

  /** The inner field of a TypedInput; that of a duration has its unit next to it. */
  typed(property: string): Locator {
    const field = `:is(#node-input-${property}, #smartserver-${property}-amount)`;
    return this.page.locator(`${field} + .red-ui-typedInput-container .red-ui-typedInput-input`);
  }

  /** Presses Tab until the control has the focus; fails if Tab does not reach it. */
  async tabTo(control: Locator): Promise<void> {
    for (let presses = 0; presses < MOST_TABS; presses += 1) {
      if (await control.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press('Tab');
    }
    assert.fail(`Tab does not reach ${control}`);
  }

  /** Goes to a field with Tab, and overwrites its contents. */
  async type(control: Locator, text: string): Promise<void> {
    await this.tabTo(control);
    await this.page.keyboard.press('Control+a');
    await this.page.keyboard.type(text);
  }

  /** Goes to a list with Tab, and to one of its entries with the arrow keys. */
  async pick(control: Locator, value: string): Promise<void> {
    await this.tabTo(control);
    const values = await control.evaluate((element) =>
      [...(element as HTMLSelectElement).options].filter((option) => !option.disabled).map((option) => option.value),
    );
    assert.ok(values.includes(value), `${value} is none of ${values.join(', ')}`);
    await this.page.keyboard.press('Home');
    for (let steps = values.indexOf(value); steps > 0; steps -= 1) await this.page.keyboard.press('ArrowDown');
    assert.equal(await control.inputValue(), value);
  }

  /** Goes to a box with Tab, and ticks it with the space bar. */
  async tick(control: Locator): Promise<void> {
    await this.tabTo(control);
    await this.page.keyboard.press('Space');
    assert.equal(await control.isChecked(), true);
  }

  /** Goes to a button with Tab, and opens its menu and chooses there with the arrow keys and Enter. */
  async pickFromMenu(button: Locator, value: string): Promise<void> {
    await this.tabTo(button);
    await this.page.keyboard.press('Enter');
    const menu = this.page.locator('.red-ui-typedInput-options:visible');
    await menu.locator('a:focus').waitFor();
    await this.atRest();
    const entries = await menu.locator('a').evaluateAll((all) => all.map((entry) => entry.getAttribute('value')));
    const focused = await menu.locator('a:focus').getAttribute('value');
    const steps = entries.indexOf(value) - entries.indexOf(focused);
    assert.ok(entries.includes(value), `${value} is none of ${entries.join(', ')}`);
    for (let left = Math.abs(steps); left > 0; left -= 1) {
      await this.page.keyboard.press(steps > 0 ? 'ArrowDown' : 'ArrowUp');
    }
    await this.page.keyboard.press('Enter');
    await menu.waitFor({ state: 'hidden' });
  }
}

const isChatter = (message: ConsoleMessage): boolean =>
  !['error', 'warning', 'assert'].includes(message.type()) && CHATTER.test(message.text());
