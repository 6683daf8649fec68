/** The editor and the runtime in other languages: a real browser, a real Node-RED on the embedded device. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'mocha';
import { startNodeRed } from '../device/node-red';
import { useDevice, useShared } from '../device/suite';
import { NODES } from '../sets';
import { Editor } from './browser';

const root = resolve(__dirname, '..', '..', '..');
const ON_CANVAS = NODES.filter((name) => name !== 'smartserver');
const labels = (language: string, name: string) =>
  JSON.parse(readFileSync(join(root, 'dist', 'nodes', 'locales', language, `${name}.json`), 'utf8'));

const node = (id: string, type: string, fields: Record<string, unknown>, ...wires: string[]) => ({
  ...{ id, type, z: 'tab', x: 100, y: 100, wires: [wires] },
  ...fields,
});
/** POST /toggle with a service; the response is what the node or the Catch node sends. */
const FLOW = [
  { id: 'tab', type: 'tab', label: 'test', disabled: false, info: '' },
  node('in', 'http in', { url: '/toggle', method: 'post' }, 'toggler'),
  node('toggler', 'toggle-service', { service: 'payload.service', serviceType: 'msg', action: 'close' }, 'answer'),
  node('failing', 'catch', { scope: null, uncaught: false }, 'failed'),
  node('failed', 'change', { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'error', tot: 'msg' }] }, 'answer'),
  { ...node('answer', 'http response', {}), wires: [] },
];

const SENTENCES: Readonly<Record<string, RegExp>> = {
  de: /^UNKNOWN_SERVICE: Es gibt keinen Dienst "nix"\. Die Firewall wurde nicht geändert\. Verwenden Sie einen von ssh, /,
  ja: /^UNKNOWN_SERVICE: サービス "nix" はありません。 ファイアウォールは変更していません。 次のいずれか/,
};

for (const language of ['de', 'ja']) {
  describe(`in the language ${language}`, function () {
    this.timeout(120_000);
    const device = useDevice();
    let url: string;

    const editor = useShared(
      async () => {
        await startNodeRed(device, FLOW, { lang: language });
        url = `http://127.0.0.1:${(await device.forward(1880)).port}/`;
        return Editor.open(url, language);
      },
      (one) => one.close(),
    );

    it('an error says what happened, and the status below the node what state it is in', async () => {
      const response = await fetch(`${url}toggle`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ service: 'nix' }),
      });
      const { message } = (await response.json()) as { message: string };
      assert.match(message, SENTENCES[language] as RegExp);
      await fetch(`${url}toggle`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ service: 'ssh' }),
      });
      const closed = labels(language, 'toggle-service').status.closed.replace('__service__', 'SSH');
      await editor.page.locator('.red-ui-flow-node-status-label', { hasText: closed }).waitFor();
    });

    for (const [at, name] of ON_CANVAS.entries()) {
      it(`${name} has its name, its dialog and its help, and shows no key in place of a text`, async () => {
        const own = labels(language, name);
        const entry = editor.page.locator(`.red-ui-palette-node[data-palette-type="${name}"]`);
        // The palette wraps a label at its spaces, and breaks a word that is too wide.
        assert.equal((await entry.innerText()).replace(/\s+/g, ' '), own.label.palette);
        const id = await editor.drop(name, 120 + at * 60, 600);
        await editor.edit(id);
        const dialog = editor.page.locator('.red-ui-tray .smartserver-firewall').first();
        const text = await dialog.innerText();
        assert.ok(text.includes(own.label.device), text);
        assert.doesNotMatch(text, /\b(label|hint|about|describe|error|group|button|placeholder)\.\w+/);
        await editor.closeWith('#node-dialog-cancel');
        await editor.page.evaluate("RED.actions.invoke('core:show-help-tab')");
        const help = editor.page.locator('.red-ui-help-title, .red-ui-sidebar-help-content, .red-ui-help').last();
        const heading = language === 'de' ? 'Ausgänge' : '出力';
        await editor.page.getByRole('heading', { name: heading }).first().waitFor();
        assert.ok(await help.isVisible());
      });
    }

    it('the sidebar speaks it, the names of services too', async () => {
      await editor.page.evaluate("RED.actions.invoke('smartserver-firewall:show-sidebar')");
      const sidebar = editor.page.locator('.smartserver-firewall-sidebar');
      const own = labels(language, 'sidebar');
      await sidebar.getByText(own.firewall.on).waitFor();
      await sidebar.getByText(own.service.https, { exact: true }).first().waitFor();
      assert.doesNotMatch(await sidebar.innerText(), /\b(heading|column|verdict|firewall|problem)\.\w+/);
      assert.deepEqual(editor.takeComplaints(), []);
    });
  });
}
