/**
 * Every dialog in a window of 800 by 600, in each language: nothing is cut off, and nothing has to be scrolled to sideways; and the
 * labels of the palette.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { useShared } from '../device/suite';
import { NODES } from '../sets';
import { Editor } from './browser';
import { putFlows, startNodeRed } from './node-red';

const root = resolve(__dirname, '..', '..', '..');
const PICTURES = join(root, 'dist', 'pictures');
/** How wide a line of a label in the palette may be, as Node-RED's `setLabel` has it. */
const ROOM = 82;
const FORM = '.red-ui-tray:last-of-type .smartserver-firewall';

for (const language of ['en-US', 'de', 'ja']) {
  describe(`in a small window, in the language ${language},`, function () {
    this.timeout(120_000);
    const red = useShared(startNodeRed, (one) => one.stop());
    const editor = useShared(
      async () => {
        mkdirSync(PICTURES, { recursive: true });
        await putFlows(red.url, [{ id: 'tab', type: 'tab', label: 'Flow 1', disabled: false, info: '' }]);
        const opened = await Editor.open(red.url, language);
        await opened.page.setViewportSize({ width: 800, height: 600 });
        return opened;
      },
      (one) => one.close(),
    );
    afterEach(() => assert.deepEqual(editor.takeComplaints(), []));

    it('no label of the palette is broken in mid-word, or wider than its node', async () => {
      const labels = await editor.page.locator('.red-ui-palette-node[data-palette-type]').evaluateAll((all) =>
        all.map((one) => {
          const label = one.querySelector('.red-ui-palette-label') as Element;
          const lines = [...label.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE);
          return {
            ...{ type: one.getAttribute('data-palette-type'), size: parseFloat(getComputedStyle(label).fontSize) },
            ...{ room: label.getBoundingClientRect().width, all: one.getBoundingClientRect().bottom },
            lines: lines.map((line) => {
              const range = document.createRange();
              range.selectNodeContents(line);
              const [first, ...more] = range.getClientRects();
              return {
                text: line.textContent ?? '',
                isBroken: more.length > 0,
                width: first?.width,
                bottom: first?.bottom,
              };
            }),
          };
        }),
      );
      const own = labels.filter(({ type }) => NODES.includes(type ?? ''));
      assert.equal(own.length, NODES.length - 1);
      for (const { type, lines, room, size, all } of own) {
        const file = join(root, 'dist', 'nodes', 'locales', language, `${type}.json`);
        const { palette } = JSON.parse(readFileSync(file, 'utf8')).label;
        // The palette makes lines at spaces, and else of as much of a word as there is room for.
        assert.equal(lines.map(({ text }) => text.trim().replace(/\s+/g, ' ')).join(' '), palette);
        for (const { text, isBroken, width = 0, bottom = 0 } of lines) {
          assert.ok(!isBroken && width <= room && bottom <= all, `${type}: ${text}, ${width} of ${room}`);
        }
        // Whatever font there is here: a Japanese character is as wide as it is high.
        for (const word of palette.split(/[ -]/)) {
          const wide = [...word].filter((one) => /[\u3000-\u9fff\uff00-\uffef]/.test(one)).length;
          assert.ok(wide * size < ROOM, `${type}: ${word}`);
        }
      }
    });

    // In German, Node-RED's own heading above a new configuration is wider than the window has room for, whatever it is of.
    for (const name of NODES.filter((one) => language !== 'de' || one !== 'smartserver')) {
      it(`the dialog of ${name} fits`, async () => {
        const { page } = editor;
        const isConfiguration = name === 'smartserver';
        await editor.edit(await editor.drop(isConfiguration ? 'read-firewall' : name, 150, 350));
        if (isConfiguration) {
          await page.click('#node-input-btn-device-add');
          await editor.dialogOpen('#node-config-dialog-ok');
        }
        await page.screenshot({ path: join(PICTURES, `${name}-800-${language}.png`) });
        assert.deepEqual(await editor.cutOff(FORM), []);
        if (isConfiguration) await editor.closeWith('#node-config-dialog-cancel');
        await editor.closeWith('#node-dialog-cancel');
      });
    }
  });
}
