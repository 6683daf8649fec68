/** Pending changes and undoing changes, as the nodes show and send them. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Node, NodeAPI } from 'node-red';
import { check } from '../../firewall/messages';
import { backupReport, type ChangeResult, confirmation } from '../../firewall/results';
import type { Device } from '../../nodes/device';
import { pendingStatus } from '../../nodes/pending-status';
import { devices, send, start, stop, watchStatus } from './bench';

const TOGGLE = { id: 'toggle', type: 'toggle-service', action: 'close', confirmWithin: '90' };
const CONFIRM = { id: 'confirm', type: 'confirm-change' };
const RING = { fill: 'yellow', shape: 'ring' };

describe('a pending change', () => {
  afterEach(stop);

  const begin = async () => {
    await start([TOGGLE, CONFIRM]);
    const shown = watchStatus('toggle');
    const { sent } = await send('toggle', {});
    await new Promise(setImmediate);
    return { sent, shown };
  };

  it('is requested with the seconds of the form, and shown below its node', async () => {
    const { sent, shown } = await begin();
    assert.deepEqual(
      devices.map(({ requests }) => (requests[0] as { confirmWithin?: number }).confirmWithin),
      [90],
    );
    assert.equal(sent?.payload.pending.guard, 'node-red');
    assert.deepEqual(shown.slice(-1), [{ ...RING, text: 'status.waiting' }]);
  });

  it('is counted down', async () => {
    const RED = { _: (_key: string, { seconds }: { seconds: number }) => seconds } as unknown as NodeAPI;
    const node = new EventEmitter();
    const device = { observe: () => () => undefined } as unknown as Device;
    const pending = { confirmBy: new Date(Date.now() + 90_000).toISOString(), guard: 'node-red' };
    const shown = await new Promise<unknown[]>((resolve) => {
      const texts: unknown[] = [];
      // The timer and the clock need not agree on when a second has passed.
      const show = (_outcome: string, text: unknown) => texts.push(text) && (text as number) < 90 && resolve(texts);
      pendingStatus(RED, node as Node, show)(device, { id: '1', pending } as ChangeResult);
    });
    node.emit('close');
    assert.equal(shown[0], 90);
  });

  it('is confirmed by its id, but not by another', async () => {
    const { shown } = await begin();
    for (const payload of [{ id: 'another' }, { id: 7 }, { id: ['1'] }, { id: null }]) {
      const { caught } = await send('confirm', { payload });
      assert.match(caught?.error.code ?? '', /^(NOTHING_PENDING|INVALID_INPUT)$/);
    }
    const { sent, statuses } = await send('confirm', { payload: { id: '1' }, topic: 'kept' });
    assert.equal(check(confirmation, sent?.payload).id, '1');
    assert.equal(sent?.topic, 'kept');
    assert.equal(statuses.pop()?.fill, 'green');
    assert.deepEqual(shown.slice(-1), [{ fill: 'green', shape: 'dot', text: 'status.confirmed' }]);
    assert.equal((await send('confirm', {})).caught?.error.code, 'NOTHING_PENDING');
  });

  it('is confirmed by a message without an id', async () => {
    for (const payload of [undefined, null, 'now', 1234, {}]) {
      await begin();
      assert.equal((await send('confirm', { payload })).sent?.payload.confirmed, true, String(payload));
      await stop();
    }
  });

  it('is shown as no longer pending once it has been reverted', async () => {
    const { shown } = await begin();
    const [device] = devices;
    assert.ok(device);
    device.see({});
    assert.equal(shown.slice(-1)[0]?.fill ?? 'yellow', 'yellow');
    device.pending = null;
    device.see({ said: ['The change was not confirmed and has been reverted.'] });
    // The test helper reports a status in a later tick.
    await new Promise(setImmediate);
    assert.deepEqual(shown.slice(-1), [{ fill: 'grey', shape: 'dot', text: 'status.over' }]);
  });
});

describe('restore-firewall', () => {
  afterEach(stop);

  it('undoes with nothing configured', async () => {
    await start([{ id: 'restore', type: 'restore-firewall' }]);
    assert.equal((await send('restore', { payload: 'x' })).sent?.payload.action, 'undo');
    assert.deepEqual(devices[0]?.requests, [{}]);
  });

  it('restores the backup that the message names, and validates nothing itself', async () => {
    await start([
      { id: 'restore', type: 'restore-firewall', action: 'restore', backup: 'payload.backup', backupType: 'msg' },
    ]);
    for (const backup of ['latest', '../../etc/passwd', '20260101T000000000Z-0a1b2c']) {
      await send('restore', { payload: { backup } });
      assert.deepEqual(devices[0]?.requests.pop(), { action: 'restore', backup });
    }
    assert.equal((await send('restore', { payload: {} })).caught?.error.code, 'INVALID_INPUT');
    assert.equal((await send('restore', { payload: { backup: { a: 1 } } })).caught?.error.code, 'INVALID_INPUT');
  });

  it('lists the backups', async () => {
    await start([{ id: 'restore', type: 'restore-firewall', action: 'list' }]);
    const { sent, statuses } = await send('restore', {});
    assert.equal(check(backupReport.array(), sent?.payload).length, 1);
    assert.equal(statuses.pop()?.text, 'status.backups');
  });
});
