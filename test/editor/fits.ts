/** What is wrong with a page on a phone, a tablet and a desk, light and dark. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import type { Editor } from './browser';

export const PICTURES = join(resolve(__dirname, '..', '..', '..'), 'dist', 'pictures');
const SIZES = [
  [390, 844],
  [800, 600],
  [1280, 900],
] as const;

/**
 * Takes a picture at each size in each style. What has to be scrolled to sideways, is not in that style, or is found by axe-core.
 * @param also finds what else is wrong
 */
export async function misfits(
  editor: Editor,
  page: Page,
  name: string,
  also: () => Promise<string[]> = async () => [],
): Promise<string[]> {
  mkdirSync(PICTURES, { recursive: true });
  const found: string[] = [];
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(PICTURES, `${name}-${width}-${colorScheme}.png`) });
      const at = `${width} ${colorScheme}`;
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      if (Number(wide) > width) found.push(`${at}: ${wide} wide`);
      const dark = await isDark(page);
      if (dark !== (colorScheme === 'dark')) found.push(`${at}: is ${dark ? 'dark' : 'light'}`);
      found.push(...[...(await editor.violations('body', page)), ...(await also())].map((text) => `${at}: ${text}`));
    }
  }
  return found;
}

export const isDark = (page: Page): Promise<boolean> =>
  page.evaluate(() => {
    const [, red = '255'] = /(\d+)/.exec(getComputedStyle(document.body).backgroundColor) ?? [];
    return Number(red) < 128;
  });
