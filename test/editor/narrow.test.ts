/** Every dialog in a window of 800 by 600, in each language: nothing is cut off, and nothing has to be scrolled to sideways. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { useShared } from '../device/suite';
import { NODES } from '../sets';
import { Editor } from './browser';
import { putFlows, startNodeRed } from './node-red';

const PICTURES = join(resolve(__dirname, '..', '..', '..'), 'dist', 'pictures');
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
