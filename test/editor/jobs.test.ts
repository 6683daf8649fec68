/**
 * The commonest jobs from an empty canvas, as a person does them: the browser counts clicks, drags and keys, and the device's
 * ports show that the job is done. More than these is a step back.
 */
import assert from 'node:assert/strict';
import type { State } from '../../firewall/results';
import { Engine } from '../device/engine';
import { until } from '../firewall/until';
import { Desk } from './desk';

const TAB = { id: 'tab', type: 'tab', label: 'Flow 1', disabled: false, info: '' };

interface Effort {
  clicks: number;
  drags: number;
  keys: number;
}

/** Has the browser count what the mouse and the keyboard do from now on. A drag moves; a key with Shift or Control is one. */
const COUNT = `{
  const effort = window.effort = { clicks: 0, drags: 0, keys: 0 };
  let from = null;
  addEventListener('mousedown', ({ clientX, clientY }) => { from = { clientX, clientY }; }, true);
  addEventListener('mouseup', ({ clientX, clientY }) => {
    if (from) effort[Math.hypot(clientX - from.clientX, clientY - from.clientY) > 8 ? 'drags' : 'clicks'] += 1;
    from = null;
  }, true);
  addEventListener('keydown', ({ key }) => { if (!['Shift', 'Control', 'Alt', 'Meta'].includes(key)) effort.keys += 1; }, true);
}`;

describe('from an empty canvas', function () {
  this.timeout(120_000);
  let desk: Desk;

  beforeEach(async () => {
    desk = await Desk.open([TAB]);
    await desk.editor.page.evaluate(COUNT);
  });
  afterEach(() => desk.close());

  const effort = (): Promise<Effort> => desk.editor.page.evaluate('effort');
  const ssh = async (): Promise<string | undefined> => (await desk.probe(22))[0];
  const read = async (): Promise<State> => (await Engine.start(desk.device)).read();

  it('SSH at certain hours only takes 5 clicks and 1 drag', async () => {
    const { editor } = desk;
    const id = await editor.drop('schedule-service', 200);
    await editor.edit(id);
    // Of two presets the one that closes it now.
    const hour = new Date().getUTCHours();
    const preset = hour >= 7 && hour < 19 ? 'Nights 19–07' : 'Mon–Fri 07–19';
    await editor.page.getByRole('button', { name: preset }).click();
    await editor.closeWith('#node-dialog-ok');
    await editor.deploy();
    assert.deepEqual(await effort(), { clicks: 5, drags: 1, keys: 0 });
    await until(async () => {
      const [schedule] = (await read()).schedules;
      return schedule?.id === id && (await ssh()) === (schedule.open ? 'in' : 'filtered');
    });
  });

  it('SSH for two hours at the press of a button, closed in any case afterwards, takes 7 clicks, 3 drags and 6 keys', async () => {
    const { editor } = desk;
    const { page } = editor;
    const start = await editor.drop('inject', 200, 400);
    const id = await editor.drop('toggle-service', 200, 700);
    await editor.wire(start, id);
    await editor.edit(id);
    await page.getByRole('button', { name: 'Action – value type' }).click();
    await page.click('.red-ui-typedInput-options:visible a[value="str"]');
    await editor.typed('duration').click();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('2h');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('c');
    await editor.closeWith('#node-dialog-ok');
    await editor.deploy();
    assert.deepEqual(await effort(), { clicks: 7, drags: 3, keys: 6 });
    const { action, duration, afterwards } = await editor.stored(id);
    assert.deepEqual({ action, duration, afterwards }, { action: 'open', duration: '7200', afterwards: 'closed' });
    await desk.press(start);
    await until(async () => (await read()).leases.some(({ service }) => service === 'ssh'));
    assert.equal(await ssh(), 'in');
  });

  it('lockdown on each alarm of the device takes 11 clicks, 3 drags and 37 keys, 25 of them to type where alarms come from', async () => {
    const { editor } = desk;
    const { page } = editor;
    const alarms = await editor.drop('mqtt in', 200, 400);
    const id = await editor.drop('set-profile', 200, 700);
    await editor.wire(alarms, id);
    await editor.edit(alarms);
    await page.click('#node-input-btn-broker-add');
    await editor.dialogOpen('#node-config-dialog-ok');
    await page.click('#node-config-input-broker');
    await page.keyboard.type('127.0.0.1');
    await editor.closeWith('#node-config-dialog-ok');
    await page.click('#node-input-topic');
    await page.keyboard.type('glp/0/+/ev/alarm');
    await editor.closeWith('#node-dialog-ok');
    await editor.edit(id);
    await editor.tabTo(page.locator('#smartserver-profile-choice'));
    await page.keyboard.press('l');
    await editor.closeWith('#node-dialog-ok');
    await editor.deploy();
    assert.deepEqual(await effort(), { clicks: 11, drags: 3, keys: 37 });
    assert.equal((await editor.stored(id)).profile, 'lockdown');
    await page.locator(`[id="${alarms}"] .red-ui-flow-node-status-label`, { hasText: 'connected' }).waitFor();
    await desk.device.run(['mosquitto_pub', '-h', '127.0.0.1', '-t', 'glp/0/17q/ev/alarm', '-m', '{"cat":"alarm"}']);
    await until(async () => (await ssh()) === 'filtered');
    assert.deepEqual(await desk.probe(443, 80), ['in', 'filtered']);
  });
});
