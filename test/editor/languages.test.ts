/** The editor and the runtime in other languages: a real browser, a real Node-RED on the embedded device. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, it } from 'mocha';
import { say } from '../../firewall/errors';
import { labelIn, sentenceIn, textsIn } from '../../firewall/language';
import { reportPage } from '../../firewall/report-page/page';
import { HTTPS } from '../../firewall/services/catalogue';
import type { Device } from '../device/device';
import { Engine } from '../device/engine';
import { startNodeRed } from '../device/node-red';
import { useDevice, useShared } from '../device/suite';
import { ENGLISH } from '../firewall/every-finding';
import { NODES } from '../sets';
import { Editor } from './browser';
import { PICTURES } from './fits';

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

/** What stands in place of a text that is missing. */
const KEY = /\b(heading|column|verdict|firewall|problem|severity|backup|by)\.\w+/;

/** The lines in which there is English, which is in none of the values that a device gives. */
const englishIn = (text: string): string[] => text.split('\n').filter((line) => ENGLISH.test(line));

/** Makes a device on which all is wrong that one can have wrong at a time; its files last, as nothing can be changed then. */
async function everythingWrong(device: Device, engine: Engine): Promise<void> {
  await engine.setProfile({ profile: 'enhanced' });
  const order = { id: 'r1', issued: new Date(Date.now() - 60_000).toISOString() };
  const asked = { action: 'toggle-service', request: { service: 'opcua', action: 'open' } };
  await engine.fleet({ ...order, expires: new Date(Date.now() + 3_600_000).toISOString(), ...asked });
  await assert.rejects(engine.toggleService({ service: 'https', action: 'close' }), { code: 'LOCKOUT' });
  await engine.toggleService({ service: '9100/tcp', action: 'open', duration: 3600 });
  await engine.toggleService({ service: 'mdns', action: 'close', confirmWithin: 3600 });
  await device.ufw('allow', '5432/tcp');
  await device.ufw('allow', '1883/tcp');
  await device.ufw('allow', '1628/udp');
  await device.ufw('delete', 'allow', '22/tcp');
  await device.ok('iptables', '-N', 'ufw-caps-test');
  await device.ok('iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '9999', '-j', 'ACCEPT');
  const site = await device.read('/etc/nginx/sites-available/apollo.conf');
  await device.write('/etc/nginx/sites-available/apollo.conf', `${site}\nserver { listen 90-99; }\n`);
  await device.write('/etc/ufw/ufw.conf', `${await device.read('/etc/ufw/ufw.conf')}\nDEFAULT_INPUT_POLICY="ACCEPT"\n`);
  const state = '/var/lib/smartserver-firewall';
  const [oldest = ''] = (await device.ok('ls', `${state}/backups`)).split('\n');
  await device.write(`${state}/backups/${oldest}`, 'x', 0o600);
  const ledger = await device.read(`${state}/ledger.jsonl`);
  await device.write(`${state}/ledger.jsonl`, ledger.replace('"LOCKOUT"', '"lockout"'), 0o600);
}

for (const language of ['de', 'ja'] as const) {
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

    const sidebar = () => editor.page.locator('.smartserver-firewall-sidebar');

    it('the sidebar speaks it, the names of services too', async () => {
      await editor.page.evaluate("RED.actions.invoke('smartserver-firewall:show-sidebar')");
      await sidebar().getByText(labels(language, 'sidebar').firewall.on).waitFor();
      const name = labelIn(language, HTTPS);
      assert.notEqual(name, HTTPS.label);
      await sidebar().getByText(name, { exact: true }).first().waitFor();
      assert.doesNotMatch(await sidebar().innerText(), KEY);
      assert.deepEqual(editor.takeComplaints(), []);
    });

    it('dialogs say in it what a change would do, what stays open and why, and why it would be refused', async () => {
      const { page } = editor;
      const box = page.locator('.red-ui-tray .smartserver-outlook').last();
      await editor.edit(await editor.drop('set-profile', 100, 600));
      await page.selectOption('#smartserver-profile-choice', 'lockdown');
      const { outlook } = labels(language, 'set-profile');
      await box.getByText(outlook.openToAll).waitFor();
      const why = sentenceIn(language, say`nobody is known who uses it`);
      const name = labelIn(language, { id: 'lon-ip70', label: 'LON tunnel (IP-70)' });
      assert.ok(
        (await box.innerText()).includes(`${outlook.into.replace('__name__', name)}: ${why}`),
        await box.innerText(),
      );
      assert.deepEqual(englishIn(await box.innerText()), []);
      await editor.closeWith('#node-dialog-cancel');
      await editor.edit(await editor.drop('toggle-service', 150, 600));
      const action = page.locator('#node-input-action + .red-ui-typedInput-container');
      await editor.pickFromMenu(action.locator('.red-ui-typedInput-type-select'), 'str');
      await page.selectOption('#smartserver-service-choice', 'https');
      await action.locator('.red-ui-typedInput-option-trigger').click();
      await page.locator('.red-ui-typedInput-options:visible a[value="close"]').click();
      await box.getByText('LOCKOUT: ').waitFor();
      assert.deepEqual(englishIn(await box.innerText()), []);
      assert.deepEqual(englishIn(await page.locator('#smartserver-service-about').innerText()), []);
      await editor.closeWith('#node-dialog-cancel');
      assert.deepEqual(editor.takeComplaints(), []);
    });

    it('neither the sidebar nor the report says a word in English where everything is wrong that can be', async () => {
      await editor.page.evaluate("RED.actions.invoke('smartserver-firewall:show-sidebar')");
      const engine = await Engine.start(device);
      await everythingWrong(device, engine);
      const { state, ...rest } = await engine.evidence();
      const kinds = new Set(state.findings.map(({ id }) => id));
      assert.ok(kinds.size >= 8 && state.leftovers.length > 0 && rest.history.fault, [...kinds].join());
      const inWords = textsIn(language, state.said);
      const problem = inWords(state.webPorts?.problems[0] ?? '');
      await sidebar().getByText(problem).first().waitFor();
      for (const { text, remedy } of state.findings)
        await sidebar()
          .getByText(`${inWords(text)} ${inWords(remedy)}`)
          .first()
          .waitFor();
      await editor.page.evaluate(() => {
        for (const one of document.querySelectorAll('.smartserver-firewall-sidebar details'))
          one.setAttribute('open', '');
      });
      const shown = await sidebar().innerText();
      assert.deepEqual(englishIn(shown), []);
      assert.doesNotMatch(shown, KEY);
      await mkdir(PICTURES, { recursive: true });
      await sidebar().screenshot({ path: join(PICTURES, `sidebar-wrong-${language}.png`) });
      const page = await editor.window('data:text/html,', { viewport: { width: 390, height: 844 } });
      await page.setContent(reportPage({ state, ...rest }, language));
      await page.screenshot({ path: join(PICTURES, `report-wrong-${language}.png`), fullPage: true });
      // What is in a rule, in the kernel or in a file stands there as it is.
      await page.evaluate(() => {
        for (const one of document.querySelectorAll('code, .code')) one.remove();
      });
      const told = await page.locator('body').innerText();
      for (const { text } of state.findings) assert.ok(told.includes(inWords(text).slice(0, 40)), inWords(text));
      assert.deepEqual(englishIn(told), []);
      await page.close();
      await device.ufw('disable');
      const off = (await engine.read()).findings.find(({ id }) => id === 'inactive');
      assert.ok(off);
      await sidebar().getByText(labels(language, 'sidebar').firewall.off).waitFor();
      assert.deepEqual(englishIn(await sidebar().innerText()), []);
      await engine.stop();
      assert.deepEqual(editor.takeComplaints(), []);
    });
  });
}
