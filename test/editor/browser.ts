/** A real browser on the editor, which writes down whatever the page complains of. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const QUIET =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

export interface EditorBrowser {
  page: Page;
  /** Errors, warnings, failed requests, and requests to anybody but the editor. A test that leaves one here has failed. */
  complaints: string[];
  /** Loads the editor and waits until its palette is there. */
  openEditor(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a browser for the editor at this address. */
export async function openBrowser(url: string, locale = 'en-US'): Promise<EditorBrowser> {
  assert.ok(CHROMIUM, 'Chromium is missing: sudo apt-get install -y --no-install-recommends chromium');
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET.split(' ') });
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 }, locale });
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on('pageerror', (err) => complaints.push(String(err)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  const openEditor = async (): Promise<void> => {
    await page.goto(url);
    await page.waitForSelector('.red-ui-palette-node[data-palette-type="read-firewall"]', { state: 'attached' });
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' });
  };
  return { page, complaints, openEditor, close: () => browser.close() };
}
