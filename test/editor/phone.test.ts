/** The example page for the phone, by a browser that knows the password, one that does not, and whoever forges a request. */
import assert from 'node:assert/strict';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { Engine } from '../device/engine';
import { useShared } from '../device/suite';
import { until } from '../firewall/until';
import { type FlowNode, filledIn } from '../fleet/office';
import { Desk } from './desk';
import { misfits } from './fits';
import { putFlows } from './node-red';

const EXAMPLE = 'firewall-on-the-phone';
const USER = { username: 'technician', password: 'pass: wörd' };
const AUTHORIZATION = `Basic ${Buffer.from(`${USER.username}:${USER.password}`).toString('base64')}`;

describe('the page for the phone', function () {
  this.timeout(120_000);
  const desk = useShared(
    () => Desk.open([]),
    (one) => one.close(),
  );
  const engine = useShared(
    () => Engine.start(desk.device),
    (one) => one.stop(),
  );
  const address = () => `${desk.url}firewall/phone`;
  const deploy = async (values: Record<string, string>, edited = (flow: FlowNode[]): FlowNode[] => flow) => {
    await putFlows(desk.url, edited(await filledIn(EXAMPLE, values)));
    await until(async () => (await fetch(address())).status !== 404);
    // The open editor shows what the debug nodes say, and has to know them.
    await desk.editor.load();
  };
  const opened = (options: BrowserContextOptions = {}): Promise<Page> =>
    desk.editor.window(address(), { httpCredentials: USER, viewport: { width: 390, height: 844 }, ...options });
  /** What lies in the firewall now, but for the time of reading. */
  const everything = async () => JSON.stringify({ ...(await engine.read()), readAt: '' });
  const post = async (body: string, authorization = AUTHORIZATION): Promise<{ status: number; text: string }> => {
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(address(), { method: 'POST', headers, body, redirect: 'manual' });
    return { status: response.status, text: await response.text() };
  };

  it('is shown to nobody where no password is set', async () => {
    await deploy({ PASSWORD: '' });
    for (const given of [`${USER.username}:`, 'technician:undefined', ':']) {
      const authorization = `Basic ${Buffer.from(given).toString('base64')}`;
      const response = await fetch(address(), { headers: { authorization } });
      assert.deepEqual([response.status, /Set PASSWORD/.test(await response.text())], [503, true]);
    }
    await deploy({ PASSWORD: USER.password });
  });

  it('asks for the password, and changes nothing without it', async () => {
    const before = await everything();
    for (const authorization of ['', 'Basic', 'Basic x', AUTHORIZATION.slice(0, -3), `${AUTHORIZATION},`]) {
      for (const method of ['GET', 'POST']) {
        const response = await fetch(address(), { method, headers: { authorization }, redirect: 'manual' });
        assert.equal(response.status, 401, authorization);
        assert.match(response.headers.get('www-authenticate') ?? '', /^Basic /);
      }
    }
    assert.equal(await everything(), before);
  });

  it('opens SSH for a visit with its countdown, and closes it', async () => {
    await engine.toggleService({ service: 'ssh', action: 'close' });
    const page = await opened();
    await page.getByRole('heading', { name: 'SSH is closed' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Close SSH now' }).count(), 0);
    await page.getByRole('button', { name: 'Open SSH for 30 min' }).click();
    await page.getByRole('heading', { name: 'SSH is open' }).waitFor();
    await page.getByText(/Closes in (29:\d\d|30:0[01])/).waitFor();
    assert.deepEqual(await desk.probe(22), ['in']);
    // The browser was sent back with a GET: reloading the page posts nothing.
    await page.reload();
    await page.getByRole('button', { name: 'Close SSH now' }).click();
    await page.getByRole('heading', { name: 'SSH is closed' }).waitFor();
    assert.deepEqual(await desk.probe(22), ['filtered']);
    await page.close();
  });

  it('confirms a change that waits, and says in words what it is', async () => {
    await engine.toggleService({ service: 'ssh', action: 'open', confirmWithin: 600 });
    const page = await opened();
    await page.getByText('A change waits for you').waitFor();
    await page.getByRole('heading', { name: 'open SSH', exact: true }).waitFor();
    await page.getByText(/it is reverted in (9:\d\d|10:0[01])/).waitFor();
    // What is refused is said on the page, which shows what holds now.
    await page.getByRole('button', { name: 'Close SSH now' }).click();
    await page
      .getByRole('alert')
      .getByText(/Not done\. PENDING_CHANGE: /)
      .waitFor();
    assert.deepEqual(await desk.probe(22), ['in']);
    assert.match(desk.editor.takeComplaints().join(), /^console\.error: [^,]* status of 409 \(Conflict\)$/);
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('A change waits for you').waitFor({ state: 'detached' });
    assert.equal((await engine.read()).pending, null);
    await page.close();
  });

  it('leads to the new address of the web pages, where a change of their ports is confirmed', async () => {
    await engine.changeWebPorts({ http: 1780, https: 1443, confirmWithin: 600 });
    const page = await opened();
    await page.getByRole('heading', { name: 'move the web pages to the ports 1780, 1443' }).waitFor();
    const link = page.getByRole('link');
    assert.equal(await link.getAttribute('href'), 'https://127.0.0.1:1443/firewall/phone');
    await page.close();
    await engine.restore({ action: 'undo' });
  });

  it('changes nothing by a GET, or without the token of the page', async () => {
    const before = await everything();
    const page = await opened();
    const token = await page.locator('input[name=token]').first().inputValue();
    await page.close();
    const forged = [
      'action=lockdown',
      'action=lockdown&token=',
      `action=lockdown&token=${token.slice(1)}0`,
      `action=lockdown&token[]=${token}`,
      `action=lockdown&token=${token}&token=${token}`,
      `action=erase&token=${token}`,
      `action=constructor&token=${token}`,
      `action=confirm&token=${token}`,
      `action[]=lockdown&token=${token}`,
    ];
    for (const body of forged) {
      const { status, text } = await post(body);
      assert.equal(status, 403, body);
      assert.match(text, /Nothing was changed: this page was out of date/);
    }
    for (const query of [`?action=lockdown&token=${token}`, `?action=confirm&token=${token}&id=1`]) {
      const response = await fetch(address() + query, { headers: { authorization: AUTHORIZATION } });
      assert.equal(response.status, 200);
    }
    assert.equal((await post(`action=lockdown&token=${token}`, 'Basic x')).status, 401);
    assert.equal(await everything(), before);
  });

  it('locks down after a second look, and keeps up with what others do', async () => {
    await engine.setProfile({ profile: 'enhanced' });
    const page = await opened();
    assert.equal(await page.getByRole('button', { name: 'Lock down now' }).isVisible(), false);
    await page.getByText('Lock down…').click();
    await page.getByRole('button', { name: 'Lock down now' }).click();
    await page.getByRole('heading', { name: 'Lockdown' }).waitFor();
    assert.equal((await engine.read()).profile.name, 'lockdown');
    assert.deepEqual(await desk.probe(22, 443), ['filtered', 'in']);
    await page.getByRole('button', { name: 'Open SSH' }).focus();
    await engine.setProfile({ profile: 'enhanced' });
    // As if the phone had been in a pocket: the page looks again when somebody looks at it.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await page.getByText('Lock down…').waitFor();
    assert.equal(await page.evaluate('document.activeElement.id'), 'open');
    await page.close();
  });

  it('speaks the language of the browser, or the one of its tab', async () => {
    for (const [locale, closed, button] of [
      ['de-DE', 'SSH ist offen', 'SSH jetzt schließen'],
      ['ja-JP', 'SSH は開いています', 'SSH を今すぐ閉じる'],
      ['fr-FR', 'SSH is open', 'Close SSH now'],
    ] as const) {
      const page = await opened({ locale });
      await page.getByRole('heading', { name: closed }).waitFor();
      await page.getByRole('button', { name: button }).waitFor();
      await page.close();
    }
    await deploy({ PASSWORD: USER.password, LANGUAGE: 'de' });
    const page = await opened({ locale: 'ja-JP' });
    await page.getByRole('heading', { name: 'SSH ist offen' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    await page.close();
    await deploy({ PASSWORD: USER.password });
  });

  it('fits, and shows hostile text as text', async () => {
    const hostile = `<img src=x onerror="window.hacked=1">{{payload.token}}</script>&'${'W'.repeat(120)}`;
    const label = hostile.slice(0, 60);
    const services = [{ id: 'gateway', label, ports: ['9100/tcp'], direction: 'in' }];
    const config = { id: 'f0e1e0eeffffffff', type: 'smartserver', name: '', customServices: services, version: 1 };
    const withConfig = (node: FlowNode) => (node.type === 'read-firewall' ? { ...node, device: config.id } : node);
    await deploy({ PASSWORD: USER.password }, (flow) => [...flow.map(withConfig), config]);
    const other = await Engine.start(desk.device, { customServices: services });
    await other.toggleService({ service: 'gateway', action: 'open', confirmWithin: 600 });
    await other.stop();
    await desk.device.ufw('allow', '5432/tcp');
    const page = await opened();
    await page.getByRole('heading', { name: /<img src=x/ }).waitFor();
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.evaluate('window.hacked'), undefined);
    assert.deepEqual(await misfits(desk.editor, page, 'page-phone'), []);
    await page.close();
    await desk.device.ufw('disable');
    const off = await opened();
    await off.getByText('Everything is let in and out.').waitFor();
    assert.deepEqual(await misfits(desk.editor, off, 'page-phone-off'), []);
    await off.close();
  });
});
